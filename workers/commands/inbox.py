"""Dead letters: notifications that could not be translated, and how they are tried again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from runtime.settings import Settings
from store.engine import create_engine
from store.inbox import Inbox
from workers.commands.common import as_utc, out, run, settings_with_logs

inbox = typer.Typer(help="Notifications that came in.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(inbox, name="inbox")


@inbox.command()
def replay(
    id: Annotated[list[int] | None, typer.Option(help="This row; may be repeated.")] = None,
    source: Annotated[str | None, typer.Option(help="All dead rows of this source.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Received at or after this moment (UTC).")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Received before this moment (UTC).")
    ] = None,
) -> None:
    """Offer dead letters to the relay again, after what kept them from being read was mended."""
    if not (id or source or since or until):
        raise typer.BadParameter("say what to replay: --id, --source, --since or --until")
    settings = settings_with_logs()
    revived = run(_replay(settings, id, source, as_utc(since), as_utc(until)))
    out.print(f"[green]*[/] {revived} dead letters are offered again")


async def _replay(
    settings: Settings,
    ids: list[int] | None,
    source: str | None,
    since: datetime | None,
    until: datetime | None,
) -> int:
    engine = create_engine(settings.database_url.get_secret_value())
    try:
        return await Inbox(engine).replay(
            ids or None, source=source, received_from=since, received_to=until
        )
    finally:
        await engine.dispose()
