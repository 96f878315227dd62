"""`c2c audit`: seals, verifies, exports, forgets a person, and explains an invoice line."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.landscape import load_landscape
from runtime.settings import AuditKey, Settings
from store import trail
from store.engine import create_engine, transaction
from tests import builders as make
from tests.store.conftest import Store
from tests.workers.conftest import Shell
from tests.workers.test_cases import CASE
from workers.local.landscape import ENTITY
from workers.sealing import sealing

KEY = f"first:{base64.b64encode(bytes([7]) * 32).decode()}"


async def audit(c2c: Shell, *arguments: str | Path) -> tuple[int, str]:
    """Beside the test's own loop, as in a process of its own."""
    told = await asyncio.to_thread(c2c, "audit", *(str(each) for each in arguments))
    assert "Traceback" not in told.err
    return told.code, told.out + told.err


@pytest_asyncio.fixture
async def keyed(database_url: str, c2c: Shell) -> AsyncIterator[AsyncEngine]:
    """`c2c` and the test with the same audit keys, over one database."""
    c2c.set(database_url=database_url, audit_keys=KEY)
    engine = create_engine(database_url, audit_keys=[AuditKey.parse(KEY)])
    yield engine
    await engine.dispose()


def says(said: str, words: str) -> bool:
    """Spaces, line breaks and borders aside: how wide the terminal is does not matter."""
    return "".join(words.split()) in "".join(said.replace("│", " ").split())


async def note(engine: AsyncEngine, actor: str = "Ada", entity: str = ENTITY) -> None:
    async with transaction(engine) as connection:
        await trail.note(connection, "invoice/1", "noted", actor=actor, legal_entity=entity)


async def by_force(engine: AsyncEngine, statement: str) -> None:
    async with transaction(engine) as connection:
        await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        await connection.exec_driver_sql(statement)


async def test_what_is_sealed_verifies_and_what_was_edited_is_named_with_exit_code_1(
    c2c: Shell, keyed: AsyncEngine
) -> None:
    for entity in (ENTITY, ENTITY, ""):
        await note(keyed, entity=entity)
    code, said = await audit(c2c, "seal")
    assert (code, says(said, f"{ENTITY}: 2 rows sealed, it ends with row 2, signed")) == (0, True)
    code, said = await audit(c2c, "verify")
    assert (code, says(said, "2 of 2 chains are whole")) == (0, True)
    await by_force(keyed, "UPDATE audit_event SET action = 'nothing' WHERE id = 2")
    code, said = await audit(c2c, "verify")
    assert (code, says(said, "row 2 was edited"), says(said, "1 of 2 chains are whole")) == (
        1,
        True,
        True,
    )
    assert (await audit(c2c, "verify", "--entity", "platform"))[0] == 0


async def test_machines_get_each_finding_with_its_place(c2c: Shell, keyed: AsyncEngine) -> None:
    await note(keyed)
    await audit(c2c, "seal")
    await by_force(keyed, "DELETE FROM audit_event")
    code, said = await audit(c2c, "verify", "--json")
    (verdict,) = json.loads(said[: said.rindex("]") + 1])
    (finding,) = verdict["findings"]
    assert (code, verdict["whole"]) == (1, False)
    assert (finding["check"], finding["number"], finding["row_id"]) == ("deleted", 1, 1)


async def test_an_export_is_proven_without_the_database_and_without_the_secret(
    c2c: Shell, keyed: AsyncEngine, tmp_path: Path
) -> None:
    await note(keyed)
    await audit(c2c, "seal")
    file = tmp_path / "trail.jsonl"
    assert (await audit(c2c, "export", "--entity", ENTITY, file))[0] == 0
    _, public = await audit(c2c, "keys")
    c2c.set(database_url="postgresql+asyncpg://nobody@/none?host=/nonexistent", audit_keys="")
    proven = await audit(c2c, "verify", "--from-file", file, "--public-key", public.strip())
    assert (proven[0], "1 of 1 chains are whole" in proven[1]) == (0, True)
    code, said = await audit(c2c, "verify", "--from-file", file)
    assert (code, says(said, "no signature is checked")) == (0, True)
    await asyncio.to_thread(file.write_text, file.read_text().replace("noted", "noticed"))
    assert (await audit(c2c, "verify", "--from-file", file))[0] == 1


async def test_a_chain_that_vanished_with_its_checkpoints_is_found_by_an_earlier_export(
    c2c: Shell, keyed: AsyncEngine, tmp_path: Path
) -> None:
    await note(keyed)
    await audit(c2c, "seal")
    file = tmp_path / "trail.jsonl"
    await audit(c2c, "export", "--entity", ENTITY, file)
    await by_force(keyed, "TRUNCATE audit_event, audit_seal, audit_checkpoint, audit_pending")
    assert (await audit(c2c, "verify"))[0] == 0
    code, said = await audit(c2c, "verify", "--witness", file)
    assert (code, says(said, "its tail was cut")) == (1, True)


async def test_a_person_is_forgotten_by_order_of_somebody_with_a_reason(
    c2c: Shell, keyed: AsyncEngine
) -> None:
    await note(keyed)
    order = ("--by", "Dee", "--reason", "art. 17")
    assert (await audit(c2c, "forget", "Ada", *order))[0] == 0
    code, said = await audit(c2c, "forget", "Ada", *order)
    assert (code, says(said, "Nobody of this name")) == (1, True)
    assert (await audit(c2c, "forget", "Ada", "--by", " ", "--reason", "x"))[0] == 2
    assert (await audit(c2c, "seal"))[0] == 0
    assert (await audit(c2c, "verify"))[0] == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("keys",), "C2C_AUDIT_KEYS is not set"),
        (("forget", "Ada", "--by", "Dee", "--reason", "x"), "no person has a key"),
        (("verify", "--entity", "NOWHERE"), "there is no chain NOWHERE"),
        (("export", "--entity", "NOWHERE", "x.jsonl"), "there is no chain NOWHERE"),
        (("verify", "--public-key", "x"), "is no public key"),
        (("explain", "RE-1/1"), "there is no invoice line RE-1/1"),
    ],
)
async def test_what_cannot_be_done_is_told_with_the_reason(
    c2c: Shell, database_url: str, arguments: tuple[str, ...], reason: str
) -> None:
    c2c.set(database_url=database_url)
    code, said = await audit(c2c, *arguments)
    assert (code, says(said, reason)) == (1, True)


async def test_a_case_resolved_on_the_command_line_keeps_who_did_it_encrypted(
    c2c: Shell, keyed: AsyncEngine
) -> None:
    order = ("--by", "Ada", "--reason", "called the client")
    store = Store.over(keyed, make.make_landscape())
    await store.cases.open_case(CASE)
    told = await asyncio.to_thread(c2c, "cases", "resolve", CASE.id, *order)
    assert told.code == 0
    ((actor, detail),) = await store.rows(
        "SELECT actor, detail::text FROM audit_event WHERE action = 'case.resolved'"
    )
    assert str(actor).startswith("person/")
    assert "called" not in str(detail)


async def test_a_worker_seals_what_is_written(settings: Settings, engine: AsyncEngine) -> None:
    await note(engine)
    async with asyncio.timeout(20), sealing(settings, engine):
        while await _unsealed(engine):
            continue


async def _unsealed(engine: AsyncEngine) -> int:
    async with transaction(engine) as connection:
        return int(await connection.scalar(text("SELECT count(*) FROM audit_pending")) or 0)


# -- explain


@pytest_asyncio.fixture
async def posted(engine: AsyncEngine, settings: Settings) -> Store:
    """An invoice of one entry and one expense of the local landscape, posted as 2026/0007."""
    landscape = load_landscape(settings.landscape_path)
    store = Store.over(engine, landscape)
    await store.begin(make.make_agreement(entity=landscape.entity(ENTITY)).contract)
    await store.work.store_items([make.make_time_entry(), make.make_expense()])
    await store.post((await store.draft_of()).id)
    return store


async def test_a_line_is_explained_to_people_by_its_number_in_the_erp(
    posted: Store, at_home: Shell
) -> None:
    code, said = await audit(at_home, "explain", "2026/0007/1")
    assert code == 0
    shown = (
        "Consultant, 8 h at 120 EUR, 2026-11-05: 960.00 EUR",
        "kantata t-1 (revision 1): Ada Berg (ada@north.example), 2026-11-05",
        "bo@north.example, 2026-11-10 09:00 UTC",
        "version 1, in force from 2026-11-01",
        "rates#1: contract_role Consultant, 120, from 2026-11-01 to 2026-11-15",
        "8 x 120 (rates#1) = 960.00 EUR",
        "S 19 % on 1,054.40 EUR = 200.34 EUR",
        "1254.74 EUR",
        "invoice.posted",
    )
    assert [each for each in shown if not says(said, each)] == []


async def test_machines_get_the_whole_explanation_with_figures_as_text(
    posted: Store, at_home: Shell
) -> None:
    (key,) = await posted.column("SELECT key FROM invoice")
    code, said = await audit(at_home, "explain", f"{key}/2", "--json")
    found = json.loads(said)
    assert code == 0
    assert found["net"] == {"amount": "94.40", "currency": "EUR"}
    assert found["transactions"][0]["rate_basis"] == "cost 89.90 EUR + 5 %"
