"""An independent look at what was posted, straight from the ERP's database: neither our adapter nor
the ERP's code takes part in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import asyncpg


@dataclass(frozen=True)
class PostedFigures:
    """One invoice as its rows say it, without the ERP's own totals."""

    id: int
    number: str
    state: str
    currency: str
    net: Decimal
    """The sum of its lines."""
    tax: Decimal
    """The sum of its tax rows."""
    receivable: Decimal
    """What its journal entry charges to the client; zero until it is posted."""
    paid: Decimal
    """What payments have credited to the client."""


_FIGURES = """
SELECT i.id, coalesce(i.number, '') AS number, i.state, c.code AS currency,
  coalesce((SELECT sum(round((l.quantity * l.unit_price)::numeric, c.digits))
    FROM account_invoice_line l WHERE l.invoice = i.id AND l.type = 'line'), 0) AS net,
  coalesce((SELECT sum(t.amount) FROM account_invoice_tax t WHERE t.invoice = i.id), 0) AS tax,
  coalesce((SELECT sum(m.debit - m.credit) FROM account_move_line m
    WHERE m.move = i.move AND m.account = i.account), 0) AS receivable,
  coalesce((SELECT sum(m.credit - m.debit) FROM "account_invoice-account_move_line" p
    JOIN account_move_line m ON m.id = p.line WHERE p.invoice = i.id), 0) AS paid
FROM account_invoice i JOIN currency_currency c ON c.id = i.currency
WHERE i.reference = $1 AND i.state <> 'cancelled' ORDER BY i.id
"""


async def posted_figures(database_dsn: str, reference: str) -> list[PostedFigures]:
    """All invoices with our reference that are not cancelled, read from the ERP's database."""
    rows = await _rows(database_dsn, _FIGURES, reference)
    return [PostedFigures(**dict(row)) for row in rows]


_OF_INVOICE = """
SELECT a.code, sum(l.debit - l.credit) AS balance
FROM account_invoice i JOIN account_move_line l ON l.move = i.move JOIN account_account a
  ON a.id = l.account
WHERE i.reference = $1 AND i.state <> 'cancelled' GROUP BY a.code
"""


async def invoice_balances(database_dsn: str, reference: str) -> dict[str, Decimal]:
    """What the posting of an invoice did to each account (debits positive), by code."""
    rows = await _rows(database_dsn, _OF_INVOICE, reference)
    return {row["code"]: row["balance"] for row in rows}


@dataclass(frozen=True)
class EntryFigures:
    """One journal entry as its rows say it."""

    number: str
    state: str
    on: date
    balances: dict[str, Decimal]
    """Debits minus credits, by account code."""


_ENTRIES = """
SELECT m.id, coalesce(m.number, '') AS number, m.state, m.date, a.code,
  sum(l.debit - l.credit) AS balance
FROM account_move m JOIN account_move_line l ON l.move = m.id JOIN account_account a
  ON a.id = l.account
WHERE m.description = $1 OR starts_with(m.description, $1 || ' | ')
GROUP BY m.id, a.code ORDER BY m.id, a.code
"""


async def posted_entries(database_dsn: str, key: str) -> list[EntryFigures]:
    """All journal entries that carry our key, from the ERP's database."""
    entries: dict[int, EntryFigures] = {}
    for row in await _rows(database_dsn, _ENTRIES, key):
        empty = EntryFigures(row["number"], row["state"], row["date"], {})
        entries.setdefault(row["id"], empty).balances[row["code"]] = row["balance"]
    return list(entries.values())


_BALANCES = """
SELECT a.code, sum(l.debit - l.credit) AS balance
FROM account_move m JOIN account_move_line l ON l.move = m.id JOIN account_account a
  ON a.id = l.account JOIN account_period p ON p.id = m.period
WHERE m.state = 'posted' AND p.start_date <= $1 AND p.end_date >= $1 GROUP BY a.code
"""


async def period_balances(database_dsn: str, day: date) -> dict[str, Decimal]:
    """What was posted into the accounting period of a day, by account code."""
    rows = await _rows(database_dsn, _BALANCES, day)
    return {row["code"]: row["balance"] for row in rows if row["balance"]}


_TOTALS = """
SELECT a.code, sum(l.debit - l.credit) AS balance
FROM account_move m JOIN account_move_line l ON l.move = m.id JOIN account_account a
  ON a.id = l.account WHERE m.state = $1 GROUP BY a.code
"""


async def account_totals(database_dsn: str) -> dict[str, Decimal]:
    """What was posted in all periods, by account code (debits positive)."""
    rows = await _rows(database_dsn, _TOTALS, "posted")
    return {row["code"]: row["balance"] for row in rows if row["balance"]}


async def _rows(database_dsn: str, query: str, argument: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database_dsn)
    try:
        return list(await connection.fetch(query, argument))
    finally:
        await connection.close()
