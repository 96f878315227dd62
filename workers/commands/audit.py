"""The audit trail: sealed, verified, exported, explained; and a person forgotten."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.errors import SetupInvalid
from runtime.settings import Settings
from store.audit import files
from store.audit.chain import PLATFORM, Checkpoint
from store.audit.database import chains_of, entries_of, snapshot, verify_chain
from store.audit.explaining import explain as explain_line
from store.audit.explanation import Explanation
from store.audit.findings import Verdict
from store.audit.forgetting import Forgotten
from store.audit.forgetting import forget as forget_person
from store.audit.keys import NO_KEYS, KeyRing, PublicKeys
from store.audit.lines import Counts
from store.audit.sealer import SealedNow
from store.engine import create_engine
from workers.audit_views import show_explanation, show_verdicts, verdict_for_machines
from workers.commands.common import out, run, settings_with_logs
from workers.sealing import sealer_of
from workers.wiring import utc_now

audit = typer.Typer(help="The audit trail: who did what, and proof of it.", no_args_is_help=True)

ENTITY = Annotated[
    str,
    typer.Option(
        "--entity", help=f"The legal entity's code; {PLATFORM}: what belongs to no entity."
    ),
]
AS_JSON = Annotated[bool, typer.Option("--json", help="For machines.")]


def register(app: typer.Typer) -> None:
    app.add_typer(audit, name="audit")


@audit.command()
def seal() -> None:
    """Number, chain and sign what waits for it, now; the workers do the same twice a minute."""
    turns = run(_seal(settings_with_logs()))
    for turn in turns:
        if turn.is_busy:
            out.print(f"[yellow]![/] {turn.chain}: another process seals it now")
        else:
            signed = "signed" if turn.is_signed else "not signed: C2C_AUDIT_KEYS is not set"
            out.print(
                f"[green]*[/] {turn.chain}: {turn.rows} rows sealed, it ends with row "
                f"{turn.head.number}, {signed}"
            )
    if not turns:
        out.print("nothing was ever written")


@audit.command()
def verify(
    entity: ENTITY = "",
    from_file: Annotated[
        Path | None, typer.Option(help="Verify an export, without the database.")
    ] = None,
    witness: Annotated[
        list[Path] | None,
        typer.Option(help="An earlier export: what it vouches for must still hold. Repeatable."),
    ] = None,
    public_key: Annotated[
        list[str] | None,
        typer.Option(help="A key as `c2c audit keys` prints it, id:base64. Repeatable."),
    ] = None,
    as_json: AS_JSON = False,
) -> None:
    """Find what was edited, deleted, inserted, reordered or cut off; exit code 1 if anything was.

    Without --entity every chain in the database is verified. Rows that wait for their seal are
    counted, and are a finding after 15 minutes.
    """
    settings = settings_with_logs()
    keys = PublicKeys.parse(public_key or ()) | _public(settings)
    earlier = [files.witness_of(path, keys) for path in witness or ()]
    if from_file is not None:
        verdicts = [files.verify_file(from_file, keys, entity, earlier)]
    else:
        verdicts = run(_verify(settings, entity, keys, earlier))
    if as_json:
        typer.echo(json.dumps([verdict_for_machines(each) for each in verdicts], indent=2))
    else:
        show_verdicts(verdicts, has_keys=bool(keys))
    raise typer.Exit(0 if all(each.is_whole for each in verdicts) else 1)


@audit.command()
def export(
    entity: ENTITY,
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
) -> None:
    """Write a chain to a file of JSON lines that `c2c audit verify --from-file` proves anywhere.

    Personal values stay encrypted in it.
    """
    counts = run(_export(settings_with_logs(), entity, file))
    out.print(
        f"[green]*[/] {counts.rows} rows, {counts.checkpoints} checkpoints and {counts.unsealed} "
        f"rows without a seal in {file}"
    )


@audit.command()
def keys() -> None:
    """Print the public keys that prove checkpoints and exports, for an auditor to keep."""
    public = _public(settings_with_logs())
    if not public:
        raise SetupInvalid("C2C_AUDIT_KEYS is not set: nothing is signed")
    for text in public.texts():
        typer.echo(text)


@audit.command()
def forget(
    subject: Annotated[str, typer.Argument(help="The person, as the trail names them.")],
    by: Annotated[str, typer.Option(help="Who orders it.")],
    reason: Annotated[str, typer.Option(help="Why; do not name the person in it.")],
) -> None:
    """Erase a person's key: nobody can read any more what the trail says of them.

    It cannot be undone. The rows stay, and the chain over them still verifies.
    """
    if not (subject.strip() and by.strip() and reason.strip()):
        raise typer.BadParameter("say whom to forget, who orders it (--by) and why (--reason)")
    forgotten = run(_forget(settings_with_logs(), subject.strip(), by.strip(), reason.strip()))
    if forgotten.in_clear:
        out.print(
            f"[yellow]![/] {forgotten.in_clear} rows were written before there were audit keys: "
            "they name this person in clear and cannot be changed"
        )
    if not forgotten.keys:
        out.print("[red]Nobody of this name has a key.[/] The name must be as the trail has it.")
        raise typer.Exit(1)
    out.print("[green]*[/] the person's key is erased")


@audit.command()
def explain(
    line: Annotated[
        str,
        typer.Argument(help="INVOICE/LINE: the ERP's number or our key, and the line's number."),
    ],
    as_json: AS_JSON = False,
) -> None:
    """Show all that led to an invoice line: source, approver, contract, rate, tax, caps, journals,
    and who posted it in the ERP."""
    found = run(_explain(settings_with_logs(), line))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        show_explanation(found)


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[AsyncEngine]:
    url = settings.database_url.get_secret_value()
    engine = create_engine(url, audit_keys=settings.audit_keys)
    try:
        yield engine
    finally:
        await engine.dispose()


def _public(settings: Settings) -> PublicKeys:
    ring = KeyRing.of(settings.audit_keys)
    return ring.public() if ring is not None else NO_KEYS


async def _seal(settings: Settings) -> list[SealedNow]:
    turns: list[SealedNow] = []
    async with _store(settings) as engine:
        await sealer_of(engine).seal_all(turns.append)
    return turns


async def _verify(
    settings: Settings, entity: str, keys: PublicKeys, earlier: Sequence[Checkpoint]
) -> list[Verdict]:
    """Chains that only an earlier export knows are verified too: they may be gone as a whole."""
    async with _store(settings) as engine, snapshot(engine) as connection:
        known = {*await chains_of(connection), *(each.chain for each in earlier)}
        if entity and entity not in known:
            raise SetupInvalid(f"there is no chain {entity}; there is {', '.join(sorted(known))}")
        return [
            await verify_chain(
                connection, chain, keys, utc_now(), files.witness_for(chain, earlier)
            )
            for chain in sorted(known)
            if entity in ("", chain)
        ]


async def _export(settings: Settings, entity: str, path: Path) -> Counts:
    ring = KeyRing.of(settings.audit_keys)
    async with _store(settings) as engine, snapshot(engine) as connection:
        if entity not in await chains_of(connection):
            raise SetupInvalid(f"there is no chain {entity}: nothing was ever written for it")
        entries = entries_of(connection, entity)
        return await files.export(path, entity, entries, ring, utc_now())


async def _forget(settings: Settings, subject: str, by: str, reason: str) -> Forgotten:
    async with _store(settings) as engine:
        return await forget_person(engine, subject, by, reason)


async def _explain(settings: Settings, line: str) -> Explanation:
    async with _store(settings) as engine:
        return await explain_line(engine, line)
