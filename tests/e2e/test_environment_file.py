"""People may use `c2c` on the running stack: a file tells their shell how."""

import asyncio
import sys

from tests.e2e.firm import Firm


async def test_a_shell_that_reads_the_environment_file_reaches_every_system(firm: Firm) -> None:
    command = f". {firm.stack.environment_file} && exec {sys.executable} -m workers landscape check"
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, f"{output.decode()}\n{errors.decode()}"


def test_only_its_owner_reads_the_environment_file(firm: Firm) -> None:
    assert firm.stack.environment_file.stat().st_mode & 0o077 == 0
