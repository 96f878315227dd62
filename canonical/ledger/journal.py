"""Journals: immutable, balanced per legal entity and currency; corrections name what they
correct."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.errors import RuleViolation
from canonical.landscape import Owner
from canonical.ledger.accounts import Account

ZERO = Decimal(0)


class JournalLine(NamedTuple):
    """One side of a journal; debits are positive, credits negative."""

    account: Account
    amount: Decimal
    """In the entity's functional currency."""
    document_amount: Decimal
    """In the document's currency; zero for differences that exist in the ledger alone."""
    contract: str = ""
    item: str = ""
    """The open item that it moves: an invoice or a payment."""


class Journal(NamedTuple):
    """One balanced journal of one entity."""

    number: int
    on: date
    period: str
    entity: str
    currency: str
    document_currency: str
    event: str
    lines: tuple[JournalLine, ...]
    service_period: str = ""
    reverses: int = 0
    owner: Owner = Owner.ENGINE
    document: str = ""
    """The invoice, credit note or `payment/<id>` whose booking it mirrors: the ERP books it too."""


def check_balance(journal: Journal) -> None:
    """Raises RuleViolation unless debits equal credits, in the ledger's and in the document's
    currency."""
    for name, values in (
        (journal.currency, [line.amount for line in journal.lines]),
        (journal.document_currency, [line.document_amount for line in journal.lines]),
    ):
        if (difference := sum(values, ZERO)) != 0:
            raise RuleViolation(
                f"journal {journal.number} ({journal.event}) of {journal.entity} does not balance: "
                f"debits minus credits are {difference} {name}"
            )


def merged(lines: Iterable[JournalLine]) -> tuple[JournalLine, ...]:
    """One line per account, contract and item, in order of account; lines of nothing are left
    out."""
    sums: dict[tuple[Account, str, str], tuple[Decimal, Decimal]] = {}
    for line in lines:
        key = (line.account, line.contract, line.item)
        amount, document = sums.get(key, (ZERO, ZERO))
        sums[key] = (amount + line.amount, document + line.document_amount)
    return tuple(
        JournalLine(account, amount, document, contract, item)
        for (account, contract, item), (amount, document) in sorted(sums.items())
        if amount or document
    )
