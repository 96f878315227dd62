"""The end of a command: all output written, the exit code as asked, no clean-up that can crash."""

import subprocess
import sys

import pytest

from runtime.settings import child_environment

COMMAND = """
import atexit, logging, sys
from runtime.exit import end_process
logging.basicConfig(stream=sys.stderr)
atexit.register(print, "clean-up at interpreter exit")
print("last words")
logging.warning("logged")
end_process({code})
"""


@pytest.mark.parametrize("code", [0, 3])
def test_a_command_ends_with_its_output_flushed_and_its_code(code: int) -> None:
    command = [sys.executable, "-c", COMMAND.format(code=code)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code
    assert ended.stdout == "last words\n"
    assert "logged" in ended.stderr


def test_a_reader_that_went_away_does_not_change_the_exit_code() -> None:
    command = [sys.executable, "-c", COMMAND.format(code=0)]
    # Buffered, so that the failing write is the flush at the end.
    environment = child_environment({"PYTHONUNBUFFERED": ""})
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 0
