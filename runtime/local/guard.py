"""Ends this process's children when this process dies, however it dies.

A small shell reads a pipe whose only writer is this process. While we live, we tell it which
process groups to remember and which to forget; when we die, even by SIGKILL, the kernel closes
the pipe, the shell sees its end and stops what it remembers: politely first, then by force.
(PR_SET_PDEATHSIG is no use here: it follows the thread that forked, and does not survive a change
of user.)
"""

import contextlib
import signal
import subprocess
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
    """One watching shell for all children of this process, started with the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shell: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start watching, before the child to be watched exists."""
        with self._lock:
            if self._shell is None or self._shell.poll() is not None:
                self._shell = subprocess.Popen(
                    ["/bin/sh", "-c", SCRIPT, "client-to-cash-guard"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    bufsize=0,
                )

    def remember(self, group: int, stop_signal: signal.Signals) -> None:
        """Stop this process group with this signal when we die."""
        self._tell(f"+ {group} {stop_signal.name.removeprefix('SIG')}\n")

    def forget(self, group: int) -> None:
        """The group has ended: its number may soon belong to somebody else."""
        self._tell(f"- {group}\n")

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._shell is not None and self._shell.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    self._shell.stdin.write(line.encode())


guard = Guard()
