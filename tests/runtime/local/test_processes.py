"""Child processes: ready or a clear error, stopped for certain, never left behind."""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import psutil
import pytest

from runtime.local.processes import ChildProcess, ProcessError, free_port, log_tail

PYTHON = Path(sys.executable)
SLEEP = "import time; print('up', flush=True); time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"

# Starts a child that starts a grandchild, says their pids, and waits to be killed.
STARTER = """
import asyncio, sys, time
from pathlib import Path
from runtime.local.processes import ChildProcess
code = {child!r}
child = ChildProcess.spawn("child", [sys.executable, "-c", code], log=Path({log!r}))
print(child.pid, flush=True)
{then}
"""
DEAF_FAMILY = (
    "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('grandchild', c.pid, flush=True); c.wait()"
)


def spawn(tmp_path: Path, code: str) -> ChildProcess:
    return ChildProcess.spawn("child", [PYTHON, "-c", code], log=tmp_path / "child.log")


async def said(child: ChildProcess, word: str) -> None:
    async def has_said() -> bool:
        return word in log_tail(child.log)

    await child.wait_until_ready(has_said, deadline_seconds=30)


async def never() -> bool:
    return False


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is only not yet collected does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def ended(pid: int) -> bool:
    """Wait for the end of a process that is not our child; True, or a TimeoutError."""
    async with asyncio.timeout(20):
        while alive(pid):  # noqa: ASYNC110 - nothing announces a stranger's end
            await asyncio.sleep(0.02)
    return True


async def test_a_child_is_ready_when_its_check_says_so_and_stops_when_asked(
    tmp_path: Path,
) -> None:
    child = spawn(tmp_path, SLEEP)
    await said(child, "up")
    assert child.running
    assert await child.stop() == -signal.SIGTERM
    assert not child.running


async def test_a_child_that_ignores_the_request_is_killed_at_the_deadline(tmp_path: Path) -> None:
    child = spawn(tmp_path, DEAF)
    await said(child, "up")
    assert await child.stop(deadline_seconds=0.1) == -signal.SIGKILL


async def test_a_child_that_ends_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = spawn(tmp_path, "print('no disk left'); raise SystemExit(7)")
    with pytest.raises(ProcessError, match=r"(?s)child ended with exit code 7.*no disk left"):
        await child.wait_until_ready(never, deadline_seconds=30)


async def test_a_child_that_is_never_ready_is_reported_with_the_end_of_its_log(
    tmp_path: Path,
) -> None:
    child = spawn(tmp_path, SLEEP)
    await said(child, "up")
    with pytest.raises(ProcessError, match=r"(?s)not ready after 0.1 s.*up"):
        await child.wait_until_ready(never, deadline_seconds=0.1)
    await child.kill()


def test_a_program_that_is_not_there_is_reported_by_name(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="ghost could not be started"):
        ChildProcess.spawn("ghost", [tmp_path / "ghost"], log=tmp_path / "ghost.log")


async def test_killing_takes_the_childs_own_children_along(tmp_path: Path) -> None:
    child = spawn(tmp_path, DEAF_FAMILY)
    await said(child, "grandchild")
    grandchild = int(log_tail(child.log).removeprefix("grandchild "))
    assert alive(grandchild)
    await child.kill()
    assert await ended(grandchild)


@pytest.mark.parametrize("child", [SLEEP, DEAF_FAMILY], ids=["obedient", "deaf family"])
async def test_no_child_outlives_a_killed_starter(tmp_path: Path, child: str) -> None:
    code = STARTER.format(child=child, log=str(tmp_path / "log"), then="time.sleep(600)")
    starter = await asyncio.create_subprocess_exec(PYTHON, "-c", code, stdout=PIPE)
    assert starter.stdout is not None
    pid = int(await starter.stdout.readline())
    assert alive(pid)
    starter.kill()
    await starter.communicate()
    assert await ended(pid)


@pytest.mark.parametrize("then", ["", "raise SystemExit(1)", "import os; os._exit(0)"])
async def test_no_child_outlives_a_starter_that_forgot_to_stop_it(
    tmp_path: Path, then: str
) -> None:
    code = STARTER.format(child=SLEEP, log=str(tmp_path / "log"), then=then)
    starter = await asyncio.create_subprocess_exec(PYTHON, "-c", code, stdout=PIPE)
    output, _ = await starter.communicate()
    assert await ended(int(output))


def test_the_tail_of_a_log_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x" * 100_000 + "end")
    assert log_tail(log).endswith("end")
    assert len(log_tail(log)) <= 4000


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        assert listener.getsockname()[1] > 0
