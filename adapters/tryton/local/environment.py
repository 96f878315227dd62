"""Tryton's own virtual environment: installed once from its locked requirements."""

from __future__ import annotations

import sys
import venv
from asyncio import to_thread
from dataclasses import dataclass
from pathlib import Path

from adapters.tryton.local.cache import Progress, emptied, key_of, only_one, write_private
from runtime.local.processes import ChildProcess, ProcessError

REQUIREMENTS = Path(__file__).resolve().parents[3] / "requirements" / "tryton.txt"
COMPLETE = "complete"


@dataclass(frozen=True)
class Environment:
    """An installed Tryton."""

    directory: Path

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    def command(self, program: str) -> list[str | Path]:
        """How to start one of its programs, such as `trytond`."""
        return [self.python, self.directory / "bin" / program]

    @property
    def complete(self) -> bool:
        """Installed to the end, and its Python still exists."""
        return (self.directory / COMPLETE).exists() and self.python.exists()


def environment_key(requirements: Path = REQUIREMENTS) -> str:
    return key_of(requirements.read_bytes())


async def ensure_environment(
    cache: Path, progress: Progress, *, requirements: Path = REQUIREMENTS
) -> Environment:
    """The environment for these requirements and this Python, installed if it is not there.

    Scripts name their interpreter by its path, so it is built in place; the file `complete`,
    written last, says that it is whole. Raises ProcessError when the installation fails.
    """
    key = environment_key(requirements)
    environment = Environment(cache / "tryton" / f"environment-{key}")
    if environment.complete:
        return environment
    progress("Waiting for the ERP's packages", 0.0)
    async with only_one(environment.directory.with_suffix(".lock")):
        if not environment.complete:
            progress("Installing the ERP's packages", 0.0)
            await _install(environment, requirements)
    return environment


async def _install(environment: Environment, requirements: Path) -> None:
    log = environment.directory.with_suffix(".log")
    log.unlink(missing_ok=True)
    emptied(environment.directory)
    uv = Path(sys.prefix) / "bin" / "uv"
    await to_thread(venv.create, environment.directory, with_pip=not uv.exists())
    installer: list[str | Path] = (
        [uv, "pip", "install", "--python", environment.python]
        if uv.exists()
        else [environment.python, "-m", "pip", "install", "--disable-pip-version-check"]
    )
    command = [*installer, "--require-hashes", "--quiet", "-r", requirements]
    await finished(ChildProcess.spawn("the installation of Tryton", command, log=log))
    write_private(environment.directory / COMPLETE, "")


async def finished(process: ChildProcess) -> None:
    """Wait for the end of a program; it dies with us. Raises ProcessError unless it succeeded."""
    try:
        code = await process.wait()
    finally:
        await process.kill()
    if code != 0:
        raise ProcessError(process.name, f"ended with exit code {code}", process.log)
