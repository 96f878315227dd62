"""`python -m adapters.tryton`: a real Tryton behind the fault proxy, until it is interrupted."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.tryton.local.launch import launch, prepare
from runtime.local.postgres import EmbeddedPostgres


def tell(step: str, fraction: float, /) -> None:
    print(f"\r\033[K{fraction:4.0%}  {step}", end="", flush=True)


async def serve(directory: Path) -> None:
    """Prepare what is missing, launch, say where everything is, and wait for an interrupt."""
    erp = await prepare(tell)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with (
        EmbeddedPostgres(directory / "postgres", durable=False) as postgres,
        launch(erp, postgres, directory) as running,
    ):
        print(f"\r\033[KTryton        {running.server.url}  database {running.server.database}")
        print(f"fault proxy   {running.url}  faults at {running.url}/_faults")
        print(f"logins        {erp.prepared.directory / 'credentials.json'}")
        await stopped.wait()


def main() -> None:
    with TemporaryDirectory(prefix="c2c-tryton-") as directory:
        asyncio.run(serve(Path(directory)))


if __name__ == "__main__":
    main()
