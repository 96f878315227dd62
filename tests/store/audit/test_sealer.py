"""The sealer chains what is committed, once, whatever commits late, races or dies."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from store.audit.database import verify_chain
from store.audit.findings import Check
from store.audit.keys import KeyRing
from store.audit.sealer import ChainBroken, SealedNow
from store.engine import create_engine, transaction
from store.lanes import LeaseLanes
from tests.store.audit.chains import CHAIN, KEYS, NOW, audit_key, found_in
from tests.store.audit.conftest import Trail, note_in

NUMBERS = f"SELECT number FROM audit_seal WHERE chain = '{CHAIN}' ORDER BY number"


async def drain(audit: Trail, holder: str, batch: int = 3) -> int:
    """Seal until nothing is left to this sealer."""
    sealer, sealed = audit.sealer(holder, batch), 0
    while rows := await sealer.step():
        sealed += rows
    return sealed


async def test_committed_rows_are_numbered_chained_and_signed(audit: Trail) -> None:
    await audit.note(3)
    assert await audit.sealer().step() == 3
    verdict = await audit.verify()
    assert (verdict.is_whole, verdict.rows, verdict.signed_through) == (True, 3, 3)
    assert await audit.sealer().step() == 0


async def test_each_entity_has_a_chain_and_rows_without_one_share_the_platforms(
    audit: Trail,
) -> None:
    for entity in ("", CHAIN, "SOUTH-FR", CHAIN):
        await audit.note(legal_entity=entity)
    assert await audit.sealer().chains() == [CHAIN, "SOUTH-FR", "platform"]
    await audit.sealer().step()
    for chain, rows in ((CHAIN, 2), ("SOUTH-FR", 1), ("platform", 1)):
        verdict = await audit.verify(chain)
        assert (verdict.is_whole, verdict.rows) == (True, rows)


async def test_a_row_that_commits_late_is_sealed_later_and_none_is_skipped(audit: Trail) -> None:
    async with transaction(audit.engine) as late:
        await note_in(late, number="late")
        await audit.note()
        assert await audit.sealer().step() == 1
    assert await audit.sealer().step() == 1
    assert await audit.column("SELECT event_id FROM audit_seal ORDER BY number") == [2, 1]
    assert (await audit.verify()).is_whole


async def test_a_row_of_a_transaction_that_fails_is_never_sealed(audit: Trail) -> None:
    async with audit.engine.connect() as connection:
        await note_in(connection)
        await connection.rollback()
    assert await audit.sealer().chains() == []


async def test_many_sealers_and_writers_at_once_make_one_chain(audit: Trail) -> None:
    async def write() -> None:
        for _ in range(4):
            await audit.note(2)

    await asyncio.gather(write(), write(), *(drain(audit, name) for name in "abc"))
    await drain(audit, "last")
    assert await audit.column(NUMBERS) == list(range(1, 17))
    assert (await audit.verify()).is_whole


async def test_two_sealers_that_both_believe_they_hold_the_lease_make_one_chain(
    audit: Trail,
) -> None:
    await audit.note(20)
    sealed = await asyncio.gather(
        *(drain(audit, "a name that two have", batch) for batch in (2, 3, 5))
    )
    assert (sum(sealed), await audit.column(NUMBERS)) == (20, list(range(1, 21)))
    assert (await audit.verify()).is_whole


async def test_while_one_seals_a_chain_another_leaves_it_alone(
    audit: Trail, engine: AsyncEngine
) -> None:
    await audit.note()
    lanes = LeaseLanes(engine)
    assert await lanes.acquire(f"audit/{CHAIN}", "another", slots=1, ttl_s=60)
    turn = await audit.sealer().seal(CHAIN)
    assert (turn.rows, turn.is_busy) == (0, True)


async def test_the_chain_of_a_sealer_that_died_is_taken_over_when_its_lease_ends(
    audit: Trail, engine: AsyncEngine
) -> None:
    await audit.note()
    await LeaseLanes(engine).acquire(f"audit/{CHAIN}", "dead", slots=1, ttl_s=60)
    assert await audit.sealer().step() == 0
    await audit.by_force("UPDATE lease SET expires_at = now()")
    assert await audit.sealer().step() == 1


async def test_a_sealer_that_dies_before_its_commit_leaves_the_rows_to_the_next(
    audit: Trail,
) -> None:
    await audit.note(3)
    await audit.by_force(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$",
        "CREATE TRIGGER dies AFTER INSERT ON audit_checkpoint EXECUTE FUNCTION die()",
    )
    with pytest.raises(Exception, match="store: "):
        await audit.sealer().step()
    assert await audit.column("SELECT count(*) FROM audit_pending") == [3]
    await audit.by_force("DROP TRIGGER dies ON audit_checkpoint")
    assert await audit.sealer().step() == 3
    assert (await audit.verify()).is_whole


async def test_rows_that_wait_are_counted_by_the_verifier(audit: Trail) -> None:
    await audit.note(2)
    verdict = await audit.verify()
    assert (verdict.rows, verdict.unsealed) == (0, 2)


async def test_a_row_that_fell_out_of_the_queue_is_sealed_by_order(audit: Trail) -> None:
    await audit.note(2)
    await audit.by_force("DELETE FROM audit_pending")
    assert await audit.sealer().step() == 0
    turns: list[SealedNow] = []
    await audit.sealer(batch=1).seal_all(turns.append)
    assert [turn.rows for turn in turns] == [1, 1, 0]
    assert (await audit.verify()).is_whole


async def test_rows_that_were_sealed_without_keys_are_signed_once_there_are_some(
    audit: Trail, engine: AsyncEngine
) -> None:
    await audit.note(2)
    await Trail(engine).sealer().step()
    assert found_in(await audit.verify()) == [(Check.CHECKPOINT, 2)]
    turns: list[SealedNow] = []
    await audit.sealer().seal_all(turns.append)
    assert [(turn.rows, turn.is_signed) for turn in turns] == [(0, True)]
    assert (await audit.verify()).signed_through == 2


async def test_after_a_rotation_the_new_key_signs_and_both_are_proven(
    audit: Trail, database_url: str
) -> None:
    await audit.note()
    await audit.sealer().step()
    keys = [audit_key("second", 9), audit_key()]
    rotated = Trail(create_engine(database_url, audit_keys=keys))
    await rotated.note()
    await rotated.sealer().step()
    await rotated.engine.dispose()
    signed_by = await audit.column("SELECT key_id FROM audit_checkpoint ORDER BY number")
    assert signed_by == ["first", "second"]
    assert (await audit.verify(keys=KeyRing(keys))).is_whole
    assert found_in(await audit.verify())[0] == (Check.SIGNATURE, 2)


# -- a chain that was tampered with is not gone on with


BREAKS = {
    "CUT": ("DELETE FROM audit_seal WHERE number = 3", "the tail was cut"),
    "FORGED": ("UPDATE audit_seal SET hash = repeat('a', 32)::bytea WHERE number = 3", "another"),
    "UNSIGNED": ("UPDATE audit_checkpoint SET previous = 1 WHERE true", "is not by key 'first'"),
}
"""What is done to a chain of three rows, and why the sealer does not go on with it."""


async def test_nothing_is_added_to_a_chain_that_does_not_end_as_it_was_signed(
    audit: Trail,
) -> None:
    for chain in BREAKS:
        await audit.note(3, chain)
    await audit.sealer().step()
    for chain, (statement, _) in BREAKS.items():
        await audit.by_force(f"{statement} AND chain = '{chain}'")
    for chain in (*BREAKS, CHAIN):
        await audit.note(1, chain)
    with structlog.testing.capture_logs() as logs:
        assert await audit.sealer().step() == 1
    assert await audit.sealer().chains() == list(BREAKS)
    told = {each["chain"]: each["reason"] for each in logs if each["event"] == "audit.chain_broken"}
    assert [chain for chain, (_, reason) in BREAKS.items() if reason not in told[chain]] == []
    with pytest.raises(ChainBroken, match="the tail was cut"):
        await audit.sealer().seal("CUT")


async def test_a_checkpoint_is_told_to_the_log_so_that_it_is_kept_elsewhere_too(
    audit: Trail,
) -> None:
    await audit.note(2)
    with structlog.testing.capture_logs() as logs:
        await audit.sealer().step()
    (line,) = [each for each in logs if each["event"] == "audit.checkpoint"]
    (kept,) = await audit.column("SELECT encode(hash, 'hex') FROM audit_checkpoint")
    assert (line["chain"], line["number"], line["hash"]) == (CHAIN, 2, kept)


# -- what the verifier sees in the database


CHANGES = (
    ("UPDATE audit_event SET actor = 'nobody' WHERE id = 2", Check.ROW, 2),
    ("UPDATE audit_event SET detail = '{}' WHERE id = 1", Check.ROW, 1),
    ("DELETE FROM audit_event WHERE id = 2", Check.DELETED, 2),
    ("DELETE FROM audit_seal WHERE number = 2", Check.MISSING, 2),
    ("DELETE FROM audit_seal WHERE number = 3", Check.MISSING, 3),
    ("UPDATE audit_seal SET number = 9 WHERE number = 1", Check.MISSING, 1),
    ("DELETE FROM audit_checkpoint", Check.CHECKPOINT, 3),
)


async def test_whatever_is_changed_in_the_database_by_force_is_named(audit: Trail) -> None:
    await audit.note(3)
    await audit.sealer().step()
    async with audit.engine.connect() as connection:
        for statement, check, number in CHANGES:
            await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            await connection.exec_driver_sql(statement)
            verdict = await verify_chain(connection, CHAIN, KEYS, NOW)
            assert (check, number) in found_in(verdict), statement
            await connection.rollback()
    assert (await audit.verify()).is_whole


async def test_a_chain_is_read_in_pages_and_in_one_snapshot(
    audit: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.audit.database.PAGE", 2)
    for _ in range(5):
        await audit.note(1)
        await audit.sealer().step()
    await audit.note(3)
    verdict = await audit.verify()
    assert (verdict.is_whole, verdict.rows, verdict.checkpoints, verdict.unsealed) == (
        True,
        5,
        5,
        3,
    )
