"""What every story of the demo says of itself, and what must come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

from adapters.salesforce.simulator.seed import SeedDeal, SeedLine, SeedPerson
from workers.demo.script import ANNA, BEN, Month, account, email
from workers.demo.story import Story
from workers.local.landscape import ENTITY

Say = Callable[[str, str], None]
"""Tells people who did what."""


@dataclass(frozen=True)
class Figures:
    """An invoice's totals, in EUR."""

    net: str
    tax: str
    gross: str

    def amounts(self) -> tuple[Decimal, Decimal, Decimal]:
        return Decimal(self.net), Decimal(self.tax), Decimal(self.gross)


@dataclass(frozen=True)
class Expected:
    """Worked out by hand, in the story's own file."""

    invoices: tuple[Figures, ...]
    transactions: int
    crm_status: str
    ledger: Mapping[str, str] = field(default_factory=dict)
    """Balances of our ledger, by account; debits are positive, accounts of nothing left out. The
    ERP's own books must show the same."""


class DemoStory(Protocol):
    """One story."""

    name: str
    title: str

    def deal(self, month: Month) -> SeedDeal: ...

    def expected(self, month: Month) -> Expected: ...

    async def play(self, story: Story, say: Say) -> None:
        """From the project that is set up to the end."""
        ...


def deal_of(
    name: str,
    method: str,
    starts: date,
    lines: tuple[SeedLine, ...],
    *,
    ends: date | None = None,
    terms: str = "",
) -> SeedDeal:
    """A deal of the demo's client, as sales enters it."""
    return SeedDeal(
        name=name,
        account=account(),
        close_date=starts,
        currency="EUR",
        legal_entity=ENTITY,
        billing_method=method,
        purchase_order="PO-77121",
        purchase_order_required=True,
        net_days=30,
        service_start=starts,
        service_end=ends,
        contract_terms=terms,
        lines=lines,
        team=(
            SeedPerson(name=ANNA, email=email(ANNA), role="Senior Consultant"),
            SeedPerson(name=BEN, email=email(BEN), role="Consultant"),
        ),
    )
