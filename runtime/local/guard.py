"""Ends this process's children when this process dies, however it dies.

A small shell reads a pipe whose only writer is this process. While we live, we tell it which
process groups to remember and which to forget; when we die, even by SIGKILL, the kernel closes
the pipe, the shell sees its end and stops what it remembers: politely first, then by force.
(PR_SET_PDEATHSIG is no use here: it follows the thread that forked, and does not survive a change
of user.)
"""

import contextlib
import os
import signal
import threading
from typing import Final

GRACE_SECONDS: Final = 5

# Reads "+ pid signal" and "- pid"; `jobs` holds the remembered " pid:signal" words.
SCRIPT: Final = r"""
trap '' INT TERM HUP
jobs=''
while read -r what pid how; do
  if [ "$what" = + ]; then jobs="$jobs $pid:$how"; continue; fi
  kept=''
  for job in $jobs; do [ "${job%%:*}" = "$pid" ] || kept="$kept $job"; done
  jobs=$kept
done
for job in $jobs; do kill -s "${job#*:}" -- "-${job%%:*}" 2>/dev/null; done
waited=0
while [ $waited -lt GRACE ]; do
  alive=''
  for job in $jobs; do
    if kill -0 -- "-${job%%:*}" 2>/dev/null; then alive="$alive $job"; fi
  done
  [ -n "$alive" ] || exit 0
  sleep 1
  waited=$((waited + 1))
done
for job in $alive; do kill -s KILL -- "-${job%%:*}" 2>/dev/null; done
""".replace("GRACE", str(GRACE_SECONDS))


class Guard:
    """One watching shell for all children of this process, started with the first of them.

    It is spawned by pid, not as a `Popen`, because it is meant to outlive this process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._pipe: int | None = None

    def start(self) -> None:
        """Start watching, before the child to be watched exists."""
        with self._lock:
            if not self._watches():
                self._spawn()

    def _watches(self) -> bool:
        if self._pid is None:
            return False
        ended, _ = os.waitpid(self._pid, os.WNOHANG)
        return ended == 0

    def _spawn(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
        reading, self._pipe = os.pipe()
        nothing = os.open(os.devnull, os.O_WRONLY)
        try:
            self._pid = os.posix_spawn(
                "/bin/sh",
                ["/bin/sh", "-c", SCRIPT, "client-to-cash-guard"],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, reading, 0),
                    (os.POSIX_SPAWN_DUP2, nothing, 1),
                    (os.POSIX_SPAWN_DUP2, nothing, 2),
                ],
                setsid=True,
            )
        finally:
            os.close(reading)
            os.close(nothing)

    def remember(self, group: int, stop_signal: signal.Signals) -> None:
        """Stop this process group with this signal when we die."""
        self._tell(f"+ {group} {stop_signal.name.removeprefix('SIG')}\n")

    def forget(self, group: int) -> None:
        """The group has ended: its number may soon belong to somebody else."""
        self._tell(f"- {group}\n")

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    os.write(self._pipe, line.encode())


guard = Guard()
