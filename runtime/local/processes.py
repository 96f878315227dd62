"""Child processes: started with a log, awaited until ready, stopped for certain, never orphaned."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Self

from runtime.local.guard import guard
from runtime.settings import child_environment

LOG_TAIL_BYTES: Final = 4000
POLL_SECONDS: Final = 0.02
STOP_SECONDS: Final = 10.0


class ProcessError(Exception):
    """A child process is not as it should be; the message ends with the tail of its log."""

    def __init__(self, name: str, reason: str, log: Path) -> None:
        self.name = name
        self.log = log
        tail = log_tail(log) or "(empty)"
        super().__init__(f"{name} {reason}. The end of its log {log}:\n{tail}")


class ChildProcess:
    """One child in its own process group, its output in a file."""

    def __init__(
        self, name: str, process: subprocess.Popen[bytes], log: Path, stop_signal: signal.Signals
    ) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._stop_signal = stop_signal

    @classmethod
    def spawn(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        before_exec: Callable[[], None] | None = None,
    ) -> Self:
        """Start the command; `environment` is added to ours. Output is appended to `log`.

        Raises ProcessError when the command cannot be executed.
        """
        guard.start()
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            try:
                process = _popen(command, output, environment, directory, before_exec)
            except (OSError, subprocess.SubprocessError) as failed:
                raise ProcessError(name, f"could not be started ({failed})", log) from failed
        guard.remember(process.pid, stop_signal)
        return cls(name, process, log, stop_signal)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code (negative: the signal that ended it), or None while it runs."""
        code = self._process.poll()
        if code is not None:
            guard.forget(self.pid)
        return code

    @property
    def running(self) -> bool:
        return self.exit_code is None

    async def wait_until_ready(
        self, is_ready: Callable[[], Awaitable[bool]], *, deadline_seconds: float
    ) -> None:
        """Poll until ready; raises ProcessError if it ends or is not ready in time."""
        try:
            async with asyncio.timeout(deadline_seconds):
                while not await is_ready():
                    self._must_run()
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            reason = f"was not ready after {deadline_seconds:g} s"
            raise ProcessError(self.name, reason, self.log) from None
        self._must_run()

    async def wait(self) -> int:
        """Wait for its end; the exit code."""
        # Polled: waitpid has no asynchronous form that works on every loop and thread.
        while (code := self.exit_code) is None:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        return code

    async def stop(self, *, deadline_seconds: float = STOP_SECONDS) -> int:
        """Ask it to end, and kill it if it has not by the deadline; the exit code."""
        self.signal(self._stop_signal)
        try:
            async with asyncio.timeout(deadline_seconds):
                return await self.wait()
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        """End the whole group at once with SIGKILL, as a crash would; the exit code."""
        self.signal(signal.SIGKILL)
        return await self.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process group; nothing happens when it has ended."""
        if self.running:
            os.killpg(self.pid, number)

    def _must_run(self) -> None:
        if (code := self.exit_code) is not None:
            raise ProcessError(self.name, f"ended with exit code {code}", self.log)


def log_tail(log: Path) -> str:
    """The last lines of a log, at most LOG_TAIL_BYTES."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        return file.read().decode(errors="replace").strip()


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that was free a moment ago; prefer port 0 where a server can report its own."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _popen(
    command: Sequence[str | Path],
    output: IO[bytes],
    environment: Mapping[str, str] | None,
    directory: Path | None,
    before_exec: Callable[[], None] | None,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=child_environment(environment or {}),
        cwd=directory,
        start_new_session=True,
        preexec_fn=before_exec,
    )
