"""Lets a server that refuses to run as root be started by root, without touching the machine.

PostgreSQL only looks at its user id. So the child becomes the user `nobody`, and keeps, as ambient
capabilities, just the right to read through directories that are closed to others (a project under
/root). No account is made, and no permission of an existing directory is changed.
"""

import ctypes
import os
import pwd
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

PR_SET_KEEPCAPS: Final = 8
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_RAISE: Final = 2
CAP_DAC_OVERRIDE: Final = 1
CAP_DAC_READ_SEARCH: Final = 2
CAPABILITY_VERSION_3: Final = 0x20080522


def unprivileged_user() -> pwd.struct_passwd | None:
    """Whom to become: `nobody` when we are root, else None (stay who we are)."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def becoming(user: pwd.struct_passwd | None) -> Callable[[], None] | None:
    """What a forked child does before exec to become `user`; None when there is nothing to do.

    The returned function makes system calls only, because it runs between fork and exec.
    """
    if user is None:
        return None
    if sys.platform != "linux":
        return lambda: _drop(user.pw_uid, user.pw_gid)
    libc = ctypes.CDLL(None, use_errno=True)
    kept = [c for c in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH) if _permitted_mask() >> c & 1]
    mask = sum(1 << capability for capability in kept)
    header = ctypes.create_string_buffer(struct.pack("=II", CAPABILITY_VERSION_3, 0))
    # Effective, permitted and inheritable sets for capabilities 0-31, then for 32-63.
    sets = ctypes.create_string_buffer(struct.pack("=6I", mask, mask, mask, 0, 0, 0))

    def become() -> None:
        _succeed(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
        _drop(user.pw_uid, user.pw_gid)
        _succeed(libc.capset(header, sets))
        for capability in kept:
            _succeed(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))

    return become


def _drop(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _succeed(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _permitted_mask() -> int:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("CapPrm:"))
    return int(line.split()[1], 16)
