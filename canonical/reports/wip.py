"""Rows of the WIP report: what a contract earned and did not bill, part by part."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Literal

from canonical.base import Noun
from canonical.reports.rows import OfContract
from canonical.reports.unbilled import Unbilled, UnbilledState

ZERO = Decimal(0)


class PartGroup(Noun):
    """Parts of one state, kind and reason; amounts in document currency."""

    state: UnbilledState
    kind: str
    reason: str
    parts: int
    quantity: Decimal
    amount: Decimal


class PartShown(Noun):
    """One part, for who asks for detail."""

    state: UnbilledState
    kind: str
    line: str
    entry: str
    work_date: date | None
    person: str
    quantity: Decimal
    amount: Decimal
    reason: str


class LedgerSide(Noun):
    """What the journals say of one contract's position, in document currency."""

    asset: Decimal = ZERO
    """1200."""
    liability: Decimal = ZERO
    """2200, more than zero when we owe work."""
    accrued: Decimal = ZERO
    """Submitted, unapproved time that is accrued on the day."""
    told_later: Decimal = ZERO
    """Posted up to the day by what was told after the books were."""
    posted_after: Decimal = ZERO
    """Told to the books and posted after the day."""


class WipRow(OfContract):
    """One contract in one entity's books; amounts in document currency, but for the last three."""

    section: Literal["wip"] = "wip"
    ready: Decimal
    on_draft: Decimal
    under_review: Decimal
    earned: Decimal
    """Of fixed fees and retainers: revenue ahead of billing."""
    accrued: Decimal
    unbilled: Decimal
    """All before it."""
    advance: Decimal
    """Billed ahead of revenue."""
    told_later: Decimal
    posted_after: Decimal
    document_asset: Decimal
    document_liability: Decimal
    difference: Decimal
    """unbilled - advance + told later - posted after, less 1200 - 2200: it must be zero."""
    held: Decimal
    """Beside the total, like the next two: over a cap, without an order, recalled ..."""
    with_invoice: Decimal
    disbursements: Decimal
    groups: tuple[PartGroup, ...] = ()
    parts: tuple[PartShown, ...] = ()
    asset: Decimal
    """1200 in the functional currency, like all after it."""
    liability: Decimal
    revaluation: Decimal

    @property
    def says_something(self) -> bool:
        """False for a contract with nothing unbilled on any side."""
        figures = (*self.amounts().values(), *self.document_amounts().values())
        moved = (self.told_later, self.posted_after, self.difference)
        return bool(self.groups) or any(figures) or any(moved)

    def amounts(self) -> dict[str, Decimal]:
        return {
            "asset": self.asset,
            "liability": self.liability,
            "net": self.asset - self.liability,
            "revaluation": self.revaluation,
        }

    def document_amounts(self) -> dict[str, Decimal]:
        return {
            "ready": self.ready,
            "on draft": self.on_draft,
            "under review": self.under_review,
            "earned": self.earned,
            "accrued": self.accrued,
            "unbilled": self.unbilled,
            "advance": self.advance,
            "held": self.held,
            "with invoice": self.with_invoice,
            "disbursements": self.disbursements,
        }


class Sums(Noun):
    """Parts of one place summed by state."""

    ready: Decimal
    on_draft: Decimal
    under_review: Decimal
    earned: Decimal
    advance: Decimal
    held: Decimal
    with_invoice: Decimal
    disbursements: Decimal

    @classmethod
    def of(cls, parts: Iterable[Unbilled]) -> Sums:
        sums = dict.fromkeys(UnbilledState, ZERO)
        for part in parts:
            sums[part.state] += part.amount
        return cls(
            ready=sums[UnbilledState.READY],
            on_draft=sums[UnbilledState.ON_DRAFT],
            under_review=sums[UnbilledState.UNDER_REVIEW],
            earned=sums[UnbilledState.EARNED],
            advance=-sums[UnbilledState.ADVANCE],
            held=sums[UnbilledState.HELD],
            with_invoice=sums[UnbilledState.WITH_INVOICE],
            disbursements=sums[UnbilledState.DISBURSEMENT],
        )


def grouped(parts: Iterable[Unbilled]) -> tuple[PartGroup, ...]:
    """By state, kind, and reason of what is held."""
    sums: dict[tuple[UnbilledState, str, str], list[Unbilled]] = {}
    for part in parts:
        reason = part.reason if part.state is UnbilledState.HELD else ""
        sums.setdefault((part.state, part.kind, reason), []).append(part)
    return tuple(
        PartGroup(
            state=state,
            kind=kind,
            reason=reason,
            parts=len(members),
            quantity=sum((each.quantity for each in members), ZERO),
            amount=sum((each.amount for each in members), ZERO),
        )
        for (state, kind, reason), members in sorted(sums.items())
    )


def shown(parts: Iterable[Unbilled]) -> tuple[PartShown, ...]:
    """In the order of work."""
    ordered = sorted(parts, key=lambda each: (each.work_date or date.min, each.entry, each.state))
    return tuple(
        PartShown(**{name: getattr(each, name) for name in PartShown.model_fields})
        for each in ordered
    )
