"""Builders of stories: one contract of several methods, events with good defaults."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from canonical.contract import ContractVersion
from canonical.engine.books import Books
from canonical.engine.fold import tell
from canonical.engine.story import Event
from canonical.ledger.entity import EntityTerms, TaxTerms
from canonical.scenario.model import ScenarioContract

VAT = TaxTerms(code="VAT", rate=Decimal("0.19"))


def entity(code: str = "DE", currency: str = "EUR") -> EntityTerms:
    return EntityTerms(code=code, currency=currency, taxes=(VAT,))


def rate(
    amount: str, first: str = "2026-01-01", last: str | None = None, *, role: str = "Dev"
) -> dict[str, object]:
    return {
        "row": f"{role} {amount}",
        "role": role,
        "rate": amount,
        "effective_from": first,
        "effective_to": last,
    }


def time_line(*rates: dict[str, object], **terms: object) -> dict[str, object]:
    return {
        "method": "time_and_materials",
        "line_id": "time",
        "rates": list(rates) or [rate("100")],
        **terms,
    }


def contract(*lines: dict[str, object], **terms: object) -> ContractVersion:
    body: dict[str, object] = {
        "contract_id": "C-1",
        "bill_to": "ACME",
        "currency": "EUR",
        "legal_entity": "DE",
        "effective_from": "2026-01-01",
        "lines": list(lines) or [time_line()],
        **terms,
    }
    return ScenarioContract.model_validate(body)


def event(on: str | date | datetime, **content: Any) -> Event:
    return Event.model_validate({"on": on, **content})


def hours(entry: str, worked_on: str, quantity: str, on: str = "2026-01-30", **more: Any) -> Event:
    fields = {"id": entry, "work_date": worked_on, "hours": quantity, "role": "Dev", **more}
    return event(on, time=fields)


def cutoff(on: str, **fields: Any) -> Event:
    return event(on, cutoff=fields)


def story(*events: Event, version: ContractVersion | None = None) -> Books:
    return tell([entity()], [version or contract()], events)


def balance(books: Books, account: str) -> Decimal:
    return sum(
        (
            line.amount
            for journal in books.journals
            for line in journal.lines
            if line.account.value == account
        ),
        Decimal(0),
    )


def sums(books: Books) -> dict[tuple[str, str, str, str], Decimal]:
    """Per entity, account, contract and period; what journals are compared by."""
    found: dict[tuple[str, str, str, str], Decimal] = {}
    for journal in books.journals:
        for line in journal.lines:
            key = (journal.entity, line.account.value, line.contract, journal.period)
            found[key] = found.get(key, Decimal(0)) + line.amount
    return {key: amount for key, amount in found.items() if amount}


def ledger_of(books: Books) -> tuple[object, ...]:
    """All that a story decided, in an order of its own."""
    return (
        sorted(books.transactions.values(), key=lambda row: row.id),
        sorted(books.documents.values(), key=lambda document: document.id),
        sums(books),
        {name: (each.item.document, each.disputed) for name, each in books.receivables.items()},
    )


def amounts(books: Books, document: str) -> Sequence[str]:
    rows = [row for row in books.transactions.values() if row.document == document]
    return [str(row.amount) for row in rows]
