"""The verifier finds every tampering and names its place; a whole chain has no finding."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from store.audit.chain import Checkpoint, Entry, Sealed, Unsealed
from store.audit.findings import FINDINGS_KEPT_MAX, Check
from store.audit.keys import NO_KEYS, KeyRing
from tests.store.audit import tampering
from tests.store.audit.chains import (
    KEYS,
    NOW,
    audit_key,
    found_in,
    make_chain,
    make_row,
    signed,
    verify,
)

TAMPERINGS = 1_000
WHOLE = make_chain()


def rows_of(entries: list[Entry]) -> list[Sealed]:
    return [each for each in entries if isinstance(each, Sealed)]


def last_of(entries: list[Entry]) -> Checkpoint:
    last = entries[-1]
    assert isinstance(last, Checkpoint)
    return last


def edited(index: int, entries: list[Entry] = WHOLE) -> list[Entry]:
    """The chain with the actor of its row `index` (from 0) edited."""
    place = entries.index(rows_of(entries)[index])
    seal, row = rows_of(entries)[index]
    assert row is not None
    return tampering.replaced(entries, place, Sealed(seal, row._replace(actor="nobody")))


def test_a_whole_chain_has_no_finding() -> None:
    verdict = verify(WHOLE)
    assert verdict.findings == ()
    assert (verdict.rows, verdict.checkpoints, verdict.signed_through) == (20, 4, 20)
    assert verdict.slowest_seal_s == 24


def test_each_of_a_thousand_random_tamperings_is_found_and_its_place_named() -> None:
    random, missed, unnamed, seen = Random(20261121), [], [], set()
    chains = [make_chain(rows) for rows in (2, 3, 5, 6, 11, 24)]
    for number in range(TAMPERINGS):
        tamper = random.choice(tampering.TAMPERINGS)
        tampered = tamper(random, random.choice(chains))
        seen.add(tampered.what)
        verdict = verify(tampered.entries)
        if verdict.is_whole:
            missed.append((number, tampered.what))
        is_named = any(
            each.number in tampered.places or each.row_id in tampered.rows
            for each in verdict.findings
        )
        if not is_named:
            unnamed.append((number, tampered.what, tampered.places, found_in(verdict)))
    assert (missed, unnamed) == ([], [])
    assert len(seen) > 25


@pytest.mark.parametrize("index", [0, 3, 4, 12, 19])
def test_an_edited_row_is_named_with_its_number_and_id_and_nothing_else_is(index: int) -> None:
    (finding,) = verify(edited(index)).findings
    assert (finding.check, finding.number, finding.row_id) == (Check.ROW, index + 1, index + 101)


@pytest.mark.parametrize("index", [0, 3, 4, 19])
def test_a_changed_seal_is_told_from_an_edited_row(index: int) -> None:
    sealed = rows_of(WHOLE)[index]
    forged = sealed._replace(seal=sealed.seal._replace(hash=bytes(32)))
    found = verify(tampering.replaced(WHOLE, WHOLE.index(sealed), forged))
    assert found_in(found) == [(Check.SEAL, index + 1)]


def test_two_edited_rows_side_by_side_are_both_named() -> None:
    found = verify(edited(8, edited(7)))
    assert {number for _, number in found_in(found)} == {8, 9}


def test_without_a_checkpoint_nothing_tells_whether_the_last_row_or_its_seal_was_changed() -> None:
    assert found_in(verify(edited(19)[:-1], NO_KEYS)) == [(Check.HASH, 20)]


def test_a_cut_tail_is_found_by_the_checkpoint_that_was_signed_after_it() -> None:
    cut = [each for each in WHOLE if not (isinstance(each, Sealed) and each.seal.number > 17)]
    (finding,) = verify(cut).findings
    assert (finding.check, finding.number) == (Check.MISSING, 18)
    assert "rows 18 to 20" in finding.message
    assert "signed on 2026-11-02 08:00 UTC" in finding.message


def test_a_tail_that_was_cut_with_its_checkpoints_is_found_by_an_earlier_export() -> None:
    witness = last_of(WHOLE)
    assert verify(WHOLE[:12]).is_whole
    assert found_in(verify(WHOLE[:12], witness=witness)) == [(Check.WITNESS, 11)]
    assert verify(WHOLE, witness=witness).is_whole


def test_a_chain_that_was_written_anew_with_the_right_key_is_found_by_an_earlier_export() -> None:
    witness = last_of(WHOLE[:12])
    rows = [make_row(each) for each in range(1, 21)]
    anew = make_chain([rows[0]._replace(actor="nobody"), *rows[1:]])
    assert verify(anew).is_whole
    assert found_in(verify(anew, witness=witness)) == [(Check.WITNESS, 10)]


def test_checkpoints_of_every_known_key_are_proven_and_of_others_refused() -> None:
    second = KeyRing([audit_key("second", 9), audit_key()])
    rotated = [*WHOLE[:-1], signed(last_of(WHOLE), second)]
    assert verify(rotated, second.public()).is_whole
    found = verify(rotated, KEYS)
    assert found_in(found) == [(Check.SIGNATURE, 20), (Check.CHECKPOINT, 20)]
    assert "key 'second', which is not known" in found.findings[0].message


def test_without_keys_the_chain_is_checked_and_nothing_is_called_signed() -> None:
    unsigned: list[Entry] = list(rows_of(WHOLE))
    verdict = verify(unsigned, NO_KEYS)
    assert (verdict.is_whole, verdict.signed_through) == (True, 0)
    assert found_in(verify(unsigned, KEYS)) == [(Check.CHECKPOINT, 20)]


def test_a_row_that_waits_a_moment_for_its_seal_is_counted_and_no_finding() -> None:
    waits = Unsealed(make_row(50)._replace(at=NOW - timedelta(minutes=14)))
    verdict = verify([*WHOLE, waits])
    assert (verdict.is_whole, verdict.unsealed, verdict.oldest_unsealed) == (True, 1, waits.row.at)


def test_rows_that_wait_too_long_are_a_finding_that_names_the_oldest() -> None:
    waiting: list[Entry] = [
        Unsealed(make_row(each)._replace(at=NOW - timedelta(minutes=minutes)))
        for each, minutes in ((50, 14), (51, 16), (52, 15))
    ]
    (finding,) = verify([*WHOLE, *waiting]).findings
    assert (finding.check, finding.row_id) == (Check.UNSEALED, 151)
    assert "3 rows wait" in finding.message


def test_what_is_found_is_limited_and_the_rest_counted() -> None:
    strange: list[Entry] = [
        Sealed(each.seal._replace(chain="SOUTH-FR"), each.row) for each in rows_of(make_chain(300))
    ]
    verdict = verify(strange, NO_KEYS)
    assert len(verdict.findings) == FINDINGS_KEPT_MAX
    assert verdict.findings_left_out == 100


def test_a_row_that_was_sealed_into_the_chain_of_another_entity_is_found() -> None:
    rows = [make_row(1), make_row(2)._replace(legal_entity="SOUTH-FR"), make_row(3)]
    assert found_in(verify(make_chain(rows))) == [(Check.CHAIN, 2)]
