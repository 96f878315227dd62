"""Journal entries as they go to the ERP: sums per account of one legal entity and period."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from canonical.base import Noun
from canonical.errors import RuleViolation
from canonical.ids import ExternalRef
from canonical.money import Currency, Money
from canonical.periods import Period

ENTRY_LINES_MAX = 2_000


class JournalEntryLine(Noun):
    """One side of an entry."""

    account: str = Field(min_length=1)
    """The entity's own account number."""
    amount: Money
    """In the functional currency; debits are positive, credits negative, never zero."""
    description: str = Field(default="", max_length=200)


class JournalEntry(Noun):
    """A balanced entry that the ERP shall hold exactly once."""

    key: str
    """The business key that the ERP's record carries, e.g. `revenue/NORTHFIELD-DE/2026-05`."""
    legal_entity: str
    currency: Currency
    period: Period
    """The period that it is about; `on` may lie in a later one, when that is closed."""
    on: date
    """The posting date."""
    description: str = Field(max_length=200)
    lines: tuple[JournalEntryLine, ...] = Field(min_length=2, max_length=ENTRY_LINES_MAX)

    @model_validator(mode="after")
    def _balances(self) -> Self:
        if any(line.amount.currency != self.currency for line in self.lines):
            raise RuleViolation(f"journal entry {self.key} has a line that is not {self.currency}")
        if any(not line.amount for line in self.lines):
            raise RuleViolation(f"journal entry {self.key} has a line of nothing")
        difference = sum((line.amount.amount for line in self.lines), Decimal(0))
        if difference:
            raise RuleViolation(
                f"journal entry {self.key} does not balance: debits minus credits are "
                f"{difference} {self.currency}"
            )
        return self


class DraftEntry(Noun):
    """A draft in the ERP that carries our key."""

    reference: ExternalRef
    key: str


class PostedEntry(Noun):
    """What the ERP holds of an entry: read back, never assumed."""

    reference: ExternalRef
    key: str
    number: str
    posted: bool
    on: date
    lines: tuple[JournalEntryLine, ...]
