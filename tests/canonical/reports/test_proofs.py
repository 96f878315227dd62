"""Proofs: one difference is enough, however the sums look; ages by calendar days."""

from __future__ import annotations

from decimal import Decimal

import pytest

from canonical.reports.proofs import BROKEN_SHOWN_MAX, Proof, ProofSheet, prove
from canonical.reports.rows import Age, age_of


def proof(left: str, right: str, subject: str = "A", *, detail: str = "") -> Proof:
    return prove(
        "left = right",
        "NORTH",
        "EUR",
        {"parts": Decimal(left)},
        {"account": Decimal(right)},
        subject=subject,
        detail=detail,
    )


def test_equations_of_one_kind_are_summed() -> None:
    sheet = ProofSheet()
    sheet.add([proof("1", "1"), proof("2", "2", "B")])
    (together,) = sheet.sums
    assert (together.subjects, together.left[0].amount, sheet.holds) == (2, Decimal(3), True)


def test_differences_that_cancel_out_break_the_proof() -> None:
    sheet = ProofSheet()
    sheet.add([proof("1", "2"), proof("2", "1", "B")])
    assert (sheet.sums[0].difference, sheet.holds, sheet.broken_count) == (Decimal(0), False, 2)
    assert [each.difference for each in sheet.broken] == [-1, 1]


def test_a_detail_alone_breaks_a_proof() -> None:
    sheet = ProofSheet()
    sheet.add([proof("1", "1", detail="it cannot be told")])
    assert not sheet.holds


def test_of_many_broken_ones_some_are_kept_and_all_are_counted() -> None:
    sheet = ProofSheet()
    sheet.add(proof("1", "2", str(number)) for number in range(BROKEN_SHOWN_MAX + 5))
    assert (len(sheet.broken), sheet.broken_count) == (BROKEN_SHOWN_MAX, BROKEN_SHOWN_MAX + 5)


AGES = [
    (-5, Age.NOT_DUE),
    (0, Age.NOT_DUE),
    (1, Age.TO_30),
    (30, Age.TO_30),
    (31, Age.TO_60),
    (60, Age.TO_60),
    (61, Age.TO_90),
    (90, Age.TO_90),
    (91, Age.OVER_90),
]


@pytest.mark.parametrize(("days", "age"), AGES)
def test_an_age_is_by_days_after_the_due_date(days: int, age: Age) -> None:
    assert age_of(days) is age
