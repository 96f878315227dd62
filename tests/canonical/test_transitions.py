"""Status changes: those of the table and no other."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import pytest

from canonical.errors import TransitionForbidden
from canonical.invoice import InvoiceState
from canonical.transitions import (
    ENGAGEMENT,
    INVOICE,
    POSTING,
    EngagementStage,
    PostingState,
    advance,
)

Table = Mapping[StrEnum, frozenset[StrEnum]]

TABLES: list[tuple[object, type[StrEnum]]] = [
    (ENGAGEMENT, EngagementStage),
    (INVOICE, InvoiceState),
    (POSTING, PostingState),
]


@pytest.mark.parametrize(("table", "states"), TABLES, ids=["engagement", "invoice", "posting"])
def test_every_state_has_its_row_and_leads_only_to_states(
    table: Table, states: type[StrEnum]
) -> None:
    assert set(table) == set(states)
    assert all(after in states for row in table.values() for after in row)


@pytest.mark.parametrize("before", InvoiceState)
@pytest.mark.parametrize("after", InvoiceState)
def test_an_invoice_changes_as_its_table_says(before: InvoiceState, after: InvoiceState) -> None:
    if after is before or after in INVOICE[before]:
        assert advance("invoice", INVOICE, before, after) is after
        return
    with pytest.raises(TransitionForbidden, match=f"from {before.value!r} to {after.value!r}"):
        advance("invoice", INVOICE, before, after)


FORBIDDEN = [
    (InvoiceState.PAID, InvoiceState.POSTED),
    (InvoiceState.PAID, InvoiceState.DELIVERED),
    (InvoiceState.DRAFT, InvoiceState.PAID),
    (InvoiceState.CANCELLED, InvoiceState.DRAFT),
]


@pytest.mark.parametrize(("before", "after"), FORBIDDEN)
def test_money_facts_never_go_backwards(before: InvoiceState, after: InvoiceState) -> None:
    with pytest.raises(TransitionForbidden):
        advance("invoice", INVOICE, before, after)


def test_a_confirmed_posting_is_never_sent_again() -> None:
    for after in set(PostingState) - {PostingState.CONFIRMED}:
        with pytest.raises(TransitionForbidden):
            advance("posting", POSTING, PostingState.CONFIRMED, after)


def test_a_cancelled_engagement_stays_cancelled() -> None:
    for after in set(EngagementStage) - {EngagementStage.CANCELLED}:
        with pytest.raises(TransitionForbidden):
            advance("engagement", ENGAGEMENT, EngagementStage.CANCELLED, after)
