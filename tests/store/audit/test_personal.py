"""What is personal in the trail is encrypted per person, and unreadable once they are forgotten."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.errors import SetupInvalid
from store.audit.forgetting import forget
from store.audit.personal import FORGOTTEN, UNREADABLE
from store.engine import create_engine, transaction
from tests.store.audit.chains import audit_key
from tests.store.audit.conftest import Trail, note_in

SECRETS = ("Ada Lovelace", "Bo Berg", "credit check", "looks right")


async def decided(audit: Trail) -> None:
    """Ada decides something about Bo, and says why."""
    await audit.note(actor="Ada Lovelace", reason="credit check", assignee="Bo Berg", case="c-1")
    await audit.note(actor="Bo Berg", comment="looks right")


async def test_names_and_words_of_people_are_not_in_the_database(audit: Trail) -> None:
    await decided(audit)
    tables = ("audit_event", "subject_key")
    stored = [await audit.column(f"SELECT to_jsonb(t)::text FROM {table} t") for table in tables]
    assert [secret for secret in SECRETS if secret in str(stored)] == []
    assert "c-1" in str(stored)


async def test_people_read_the_trail_as_it_was_written(audit: Trail) -> None:
    await decided(audit)
    first, second = await audit.shown()
    assert (first.actor, second.actor) == ("Ada Lovelace", "Bo Berg")
    assert first.detail == {
        "number": "0",
        "reason": "credit check",
        "assignee": "Bo Berg",
        "case": "c-1",
    }


async def test_a_person_has_one_key_and_one_pseudonym_also_when_rows_race(audit: Trail) -> None:
    await asyncio.gather(*(audit.note(actor=name) for name in ("Ada", "ada ", "ADA", "Bo") * 2))
    assert len({row.actor for row in await audit.rows()}) == 2
    assert await audit.column("SELECT count(*) FROM subject_key") == [2]


async def test_what_the_product_does_by_itself_is_nobodys_secret(audit: Trail) -> None:
    await audit.note(reason="the deal was corrected")
    await audit.note(actor="unknown", detail="by: Field required")
    rows = await audit.rows()
    assert [dict(row.personal) for row in rows] == [{}, {}]
    assert rows[0].detail["reason"] == "the deal was corrected"


async def test_a_forgotten_person_is_unreadable_and_the_chain_still_verifies(audit: Trail) -> None:
    await decided(audit)
    await audit.sealer().step()
    forgotten = await forget(audit.engine, "ada lovelace", "Dee", "art. 17")
    assert (forgotten.keys, forgotten.in_clear) == (1, 0)
    first, second, order = await audit.shown()
    assert (first.actor, first.detail["reason"], first.detail["assignee"]) == (
        FORGOTTEN,
        FORGOTTEN,
        "Bo Berg",
    )
    assert second.actor == "Bo Berg"
    assert (order.actor, order.action) == ("Dee", "subject.forgotten")
    assert order.detail["subject"] == (await audit.rows())[0].actor
    await audit.sealer().step()
    assert (await audit.verify()).is_whole
    assert (await audit.verify("platform")).is_whole


async def test_a_person_who_comes_back_is_somebody_else_to_the_trail(audit: Trail) -> None:
    await audit.note(actor="Ada")
    await forget(audit.engine, "Ada", "Dee", "art. 17")
    await audit.note(actor="Ada")
    first, _, last = await audit.rows()
    assert first.actor != last.actor
    assert [row.actor for row in await audit.shown()] == [FORGOTTEN, "Dee", "Ada"]


async def test_forgetting_waits_for_a_row_that_is_being_written(audit: Trail) -> None:
    await audit.note(actor="Ada")
    async with transaction(audit.engine) as connection:
        await note_in(connection, actor="Ada")
        forgetting = asyncio.create_task(forget(audit.engine, "Ada", "Dee", "art. 17"))
        await note_in(connection, actor="Ada")
        assert not forgetting.done()
    await forgetting
    assert [row.actor for row in await audit.shown()] == [FORGOTTEN] * 3 + ["Dee"]


async def test_rows_from_before_there_were_keys_stay_readable(
    audit: Trail, engine: AsyncEngine
) -> None:
    await Trail(engine).note(actor="Ada", reason="credit check")
    await audit.note(actor="Ada")
    await audit.sealer().step()
    forgotten = await forget(audit.engine, "Ada", "Dee", "art. 17")
    assert (forgotten.keys, forgotten.in_clear) == (1, 1)
    old, new, _ = await audit.shown()
    assert (old.actor, old.detail["reason"], new.actor) == ("Ada", "credit check", FORGOTTEN)
    assert (await audit.verify()).is_whole


async def test_without_keys_the_pseudonym_stands_for_the_person(
    audit: Trail, engine: AsyncEngine
) -> None:
    await audit.note(actor="Ada")
    (row,) = await Trail(engine).shown()
    assert row.actor.startswith("person/")
    with pytest.raises(SetupInvalid, match="C2C_AUDIT_KEYS is not set"):
        await forget(engine, "Ada", "Dee", "art. 17")


async def test_after_a_rotation_old_rows_are_read_and_the_person_keeps_the_key(
    audit: Trail, database_url: str
) -> None:
    await audit.note(actor="Ada")
    keys = [audit_key("second", 9), audit_key()]
    rotated = Trail(create_engine(database_url, audit_keys=keys))
    await rotated.note(actor="Ada")
    await rotated.note(actor="Bo")
    shown = [row.actor for row in await rotated.shown()]
    await rotated.engine.dispose()
    assert shown == ["Ada", "Ada", "Bo"]
    assert await audit.column("SELECT key_id FROM subject_key ORDER BY made_at") == [
        "first",
        "second",
    ]


async def test_a_value_that_was_moved_to_another_row_or_field_is_not_shown(audit: Trail) -> None:
    await decided(audit)
    await audit.by_force(
        "UPDATE audit_event SET action = 'approved' WHERE id = 1",
        "UPDATE audit_event SET actor = 'person/nobody' WHERE id = 2",
    )
    first, second = await audit.shown()
    assert (first.actor, first.detail["reason"]) == (UNREADABLE, UNREADABLE)
    assert second.actor == UNREADABLE
