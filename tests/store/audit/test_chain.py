"""One row has one canonical form, and every field, number and order is in its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from store.audit.chain import (
    GENESIS,
    AuditRow,
    Head,
    Sealed,
    canonical,
    chain_of,
    chained,
    seal_hash,
)
from store.audit.lines import LINE, RowLine, entry_of, line_of
from tests.store.audit.chains import BEGAN, CHAIN, make_chain, make_row, verify

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
DETAILS = st.dictionaries(TEXTS, TEXTS, max_size=4)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ROWS = st.builds(
    AuditRow,
    id=st.integers(1, 2**62),
    at=MOMENTS,
    process=TEXTS,
    action=TEXTS,
    actor=TEXTS,
    legal_entity=st.just(CHAIN),
    detail=DETAILS,
    personal=DETAILS,
)


def hash_of(row: AuditRow, chain: str = CHAIN, number: int = 1, previous: bytes = GENESIS) -> bytes:
    return seal_hash(previous, chain, number, BEGAN, row)


@settings(max_examples=50)
@given(ROWS, ROWS)
def test_two_rows_that_differ_anywhere_have_two_hashes(one: AuditRow, other: AuditRow) -> None:
    assume(one != other)
    assert hash_of(one) != hash_of(other)


@settings(max_examples=50)
@given(ROWS, st.data())
def test_the_order_in_which_details_were_written_does_not_matter(
    row: AuditRow, data: st.DataObject
) -> None:
    shuffled: Mapping[str, str] = dict(data.draw(st.permutations(list(row.detail.items()))))
    assert hash_of(row._replace(detail=shuffled)) == hash_of(row)


def test_a_moment_has_one_form_in_every_zone() -> None:
    berlin = BEGAN.astimezone(timezone(timedelta(hours=1)))
    assert hash_of(make_row()._replace(at=berlin)) == hash_of(make_row()._replace(at=BEGAN))


def test_number_chain_and_the_hash_before_are_in_the_hash() -> None:
    row = make_row()
    others = (
        hash_of(row, number=2),
        hash_of(row, chain="X"),
        hash_of(row, previous=bytes([1] * 32)),
    )
    assert hash_of(row) not in others
    assert len(set(others)) == 3


def test_a_seal_is_a_plain_hash_that_anybody_can_compute() -> None:
    row = AuditRow(7, BEGAN, "invoice/1", "posted", "client-to-cash", "", {"b": "ü", "a": '"'}, {})
    moment = "2026-11-02T08:00:00.000000+00:00"
    fields = (
        r'{"action":"posted","actor":"client-to-cash",'
        f'"at":"{moment}",'
        r'"detail":{"a":"\"","b":"ü"},"id":7,"legal_entity":"","personal":{},'
        r'"process":"invoice/1"}'
    )
    sealed = (
        f'{{"chain":"platform","number":1,"row":{fields},"sealed_at":"{moment}",'
        '"statement":"client-to-cash audit seal 1"}'
    )
    expected = hashlib.sha256(bytes(32) + sealed.encode()).digest()
    assert seal_hash(GENESIS, "platform", 1, BEGAN, row) == expected


def test_texts_are_joined_unambiguously() -> None:
    assert canonical(["a", "b,c"]) != canonical(["a,b", "c"])


def test_rows_without_an_entity_belong_to_the_platform() -> None:
    assert (chain_of(""), chain_of(CHAIN)) == ("platform", CHAIN)


@settings(max_examples=25)
@given(st.lists(ROWS, min_size=1, max_size=6), st.integers(1, 4))
def test_whatever_is_sealed_verifies(rows: list[AuditRow], batch: int) -> None:
    assert verify(make_chain(rows, batch)).is_whole


@settings(max_examples=25)
@given(st.lists(ROWS, min_size=2, max_size=5, unique_by=lambda row: row.id), st.data())
def test_no_two_rows_can_change_places(rows: list[AuditRow], data: st.DataObject) -> None:
    one, other = data.draw(st.permutations(range(len(rows))))[:2]
    swapped = list(rows)
    swapped[one], swapped[other] = rows[other], rows[one]
    seals = [entry.seal for entry in make_chain(rows) if isinstance(entry, Sealed)]
    moved = [
        Sealed(seal._replace(event_id=row.id), row)
        for seal, row in zip(seals, swapped, strict=True)
    ]
    assert not verify(moved).is_whole


@settings(max_examples=50)
@given(ROWS)
def test_a_row_comes_back_from_its_line_in_an_export_as_it_was(row: AuditRow) -> None:
    (seal,) = chained(CHAIN, Head(), [row], BEGAN)
    line = LINE.validate_json(line_of(Sealed(seal, row)).model_dump_json())
    assert isinstance(line, RowLine)
    assert entry_of(line) == Sealed(seal, row)
