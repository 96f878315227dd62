"""Which status may follow which: one table per noun; anything else raises."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from canonical.errors import TransitionForbidden
from canonical.invoice import InvoiceState


class EngagementStage(StrEnum):
    RECEIVED = "received"
    IN_VALIDATION = "in_validation"
    SETTING_UP = "setting_up"
    ACTIVE = "active"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class PostingState(StrEnum):
    """How far a write to an outside system is proven (DESIGN: draft, adopt, bind, post)."""

    PREPARED = "prepared"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    ADOPTED = "adopted"
    CONFIRMED = "confirmed"


State = TypeVar("State", bound=StrEnum)

ENGAGEMENT: dict[EngagementStage, frozenset[EngagementStage]] = {
    EngagementStage.RECEIVED: frozenset({EngagementStage.IN_VALIDATION, EngagementStage.CANCELLED}),
    EngagementStage.IN_VALIDATION: frozenset(
        {EngagementStage.SETTING_UP, EngagementStage.CANCELLED}
    ),
    EngagementStage.SETTING_UP: frozenset({EngagementStage.ACTIVE, EngagementStage.CANCELLED}),
    EngagementStage.ACTIVE: frozenset({EngagementStage.CLOSED, EngagementStage.CANCELLED}),
    EngagementStage.CLOSED: frozenset(),
    EngagementStage.CANCELLED: frozenset(),
}

INVOICE: dict[InvoiceState, frozenset[InvoiceState]] = {
    InvoiceState.DRAFT: frozenset({InvoiceState.POSTED, InvoiceState.CANCELLED}),
    InvoiceState.POSTED: frozenset(
        {InvoiceState.DELIVERED, InvoiceState.PART_PAID, InvoiceState.PAID, InvoiceState.CANCELLED}
    ),
    InvoiceState.DELIVERED: frozenset(
        {InvoiceState.PART_PAID, InvoiceState.PAID, InvoiceState.CANCELLED}
    ),
    InvoiceState.PART_PAID: frozenset({InvoiceState.PAID, InvoiceState.CANCELLED}),
    InvoiceState.PAID: frozenset({InvoiceState.CANCELLED}),
    InvoiceState.CANCELLED: frozenset(),
}

POSTING: dict[PostingState, frozenset[PostingState]] = {
    PostingState.PREPARED: frozenset({PostingState.SENT, PostingState.ADOPTED}),
    PostingState.SENT: frozenset(
        {PostingState.CONFIRMED, PostingState.IN_DOUBT, PostingState.ADOPTED, PostingState.PREPARED}
    ),
    PostingState.IN_DOUBT: frozenset(
        {PostingState.ADOPTED, PostingState.CONFIRMED, PostingState.PREPARED}
    ),
    PostingState.ADOPTED: frozenset({PostingState.CONFIRMED}),
    PostingState.CONFIRMED: frozenset(),
}


def advance(noun: str, table: dict[State, frozenset[State]], before: State, after: State) -> State:
    """`after`, if it may follow `before`; the same state again is no change. Raises
    TransitionForbidden."""
    if after != before and after not in table[before]:
        raise TransitionForbidden(noun=noun, before=before.value, after=after.value)
    return after
