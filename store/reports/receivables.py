"""Receivables: open items by customer and invoice with their age, and unapplied cash beside."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.ledger.accounts import REVALUATION_OF, Account
from canonical.reports.proofs import Proof, prove
from canonical.reports.rows import ReceivableRow, UnappliedRow, age_of
from store.books.ledger import Ledger
from store.reports.control import Counted, control_proofs
from store.reports.scope import IN_SCOPE, ReportPage, Scope
from store.reports.telling import told

ZERO: Final = Decimal(0)
ROWS_PER_PAGE: Final = 1_000
ACCOUNTS: Final = tuple(
    each
    for account in (Account.RECEIVABLE, Account.UNAPPLIED_CASH)
    for each in (account, REVALUATION_OF[account])
)
POSTED: Final = "1100 of posted documents = their gross"

# One row per item: an invoice on 1100, a payment on 2400, each with its revaluation beside.
_ITEMS: Final = f"""
    SELECT j.legal_entity, l.item, l.currency, l.document_currency,
           coalesce(sum(l.amount) FILTER (WHERE l.account = :account), 0) AS amount,
           coalesce(sum(l.document_amount) FILTER (WHERE l.account = :account), 0) AS document,
           coalesce(sum(l.amount) FILTER (WHERE l.account = :beside), 0) AS revaluation,
           min(j.posted_on) AS since
    FROM journal_line l JOIN journal_entry j ON j.id = l.journal_id
    WHERE l.account IN (:account, :beside) AND {IN_SCOPE}
    GROUP BY 1, 2, 3, 4
    HAVING coalesce(sum(l.amount), 0) <> 0
        OR coalesce(sum(l.document_amount) FILTER (WHERE l.account = :account), 0) <> 0
"""
_RECEIVABLES: Final = text(
    f"""
    SELECT o.*, i.contract_id::text AS contract, e.project_code, e.client_name,
           i.bill_to::text AS customer, c.name AS customer_name, i.number,
           coalesce(i.due_date, o.since + CAST(i.body ->> 'net_days' AS integer)) AS due_on
    FROM ({_ITEMS}) o
    JOIN invoice i ON i.key = o.item
    JOIN client c ON c.id = i.bill_to
    JOIN engagement e ON e.id = i.engagement_id
    ORDER BY o.legal_entity, c.name, c.id, due_on, o.item
    """
)
_UNAPPLIED: Final = text(
    f"""
    SELECT o.*, coalesce(c.id::text, '') AS customer, coalesce(c.name, '') AS customer_name
    FROM ({_ITEMS}) o
    LEFT JOIN payment y ON y.id::text = o.item
    LEFT JOIN invoice i ON i.id = y.our_invoice
    LEFT JOIN client c ON c.id = i.bill_to
    ORDER BY o.legal_entity, customer_name, customer, o.since, o.item
    """
)
# A document is posted with the tax of its owner, which its chapter was told.
_POSTED: Final = text(
    f"""
    SELECT legal_entity, document_currency, sum(gross) AS gross, sum(posted) AS posted,
           coalesce((array_agg(key ORDER BY key) FILTER (WHERE gross <> posted))[1:20],
                    ARRAY[]::text[]) AS differ
    FROM (
        SELECT j.legal_entity, l.document_currency, i.key,
               i.net + coalesce(CAST(h.decision -> 'post' ->> 'tax' AS numeric), i.tax) AS gross,
               sum(l.document_amount) AS posted
        FROM journal_entry j
        JOIN invoice i ON i.key = j.document AND i.contract_id = j.contract_id
        JOIN book_chapter h ON h.id = j.chapter_id
        JOIN journal_line l ON l.journal_id = j.id AND l.account = :account
        WHERE {IN_SCOPE}
        GROUP BY 1, 2, 3, 4
    ) d GROUP BY 1, 2 ORDER BY 1, 2
    """
)
_DISPUTED: Final = text(
    """
    SELECT DISTINCT h.contract_id::text FROM book_chapter h
    LEFT JOIN book_fact f ON f.chapter_id = h.id
        AND f.body @? '$.payment.** ? (@.kind == "dispute")'
    WHERE CAST(h.told_on AS date) <= :told_by AND (h.kind = 'dispute' OR f.key IS NOT NULL)
    """
)


async def receivable_pages(
    connection: AsyncConnection, scope: Scope, ledger: Ledger
) -> AsyncGenerator[ReportPage]:
    """Items of 1100, then those of 2400."""
    counted = Counted()
    disputed, broken = await _disputed(connection, scope, ledger)
    yield ReportPage((), broken)
    async for page in _pages(connection, _RECEIVABLES, scope, Account.RECEIVABLE):
        receivables = [_receivable(row, scope.as_of, disputed) for row in page]
        _count(counted, Account.RECEIVABLE, page)
        yield ReportPage(receivables)
    async for page in _pages(connection, _UNAPPLIED, scope, Account.UNAPPLIED_CASH):
        _count(counted, Account.UNAPPLIED_CASH, page)
        yield ReportPage([_unapplied(row) for row in page])
    proofs = await control_proofs(connection, scope, counted, ACCOUNTS)
    yield ReportPage((), [*proofs, *await _posted(connection, scope)])


Rows = list[Row[tuple[object, ...]]]


async def _pages(
    connection: AsyncConnection, query: TextClause, scope: Scope, account: Account
) -> AsyncIterator[Rows]:
    """The rows of one query, fetched page by page from a cursor of the server."""
    values = scope.values(account=account.value, beside=REVALUATION_OF[account].value)
    options = {"yield_per": ROWS_PER_PAGE}
    async with connection.stream(query, values, execution_options=options) as result:
        async for page in result.partitions():
            yield list(page)


def _count(counted: Counted, account: Account, page: Rows) -> None:
    for row in page:
        amounts = {account: row.amount, REVALUATION_OF[account]: row.revaluation}
        counted.add(row.legal_entity, row.currency, amounts)


def _receivable(
    row: Row[tuple[object, ...]], as_of: date, disputed: Mapping[str, Decimal]
) -> ReceivableRow:
    overdue = (as_of - row.due_on).days
    return ReceivableRow(
        legal_entity=row.legal_entity,
        currency=row.currency,
        document_currency=row.document_currency,
        contract=row.contract,
        project=row.project_code,
        client=row.client_name,
        customer=row.customer,
        customer_name=row.customer_name,
        invoice=row.item,
        number=row.number,
        posted_on=row.since,
        due_on=row.due_on,
        days_overdue=max(overdue, 0),
        age=age_of(overdue),
        open=row.amount,
        document_open=row.document,
        document_disputed=min(disputed.get(row.item, ZERO), max(row.document, ZERO)),
        revaluation=row.revaluation,
    )


def _unapplied(row: Row[tuple[object, ...]]) -> UnappliedRow:
    """A liability: what the account credits is more than zero."""
    return UnappliedRow(
        legal_entity=row.legal_entity,
        currency=row.currency,
        document_currency=row.document_currency,
        payment=row.item,
        customer=row.customer,
        customer_name=row.customer_name,
        received_on=row.since,
        unapplied=-row.amount,
        document_unapplied=-row.document,
        revaluation=-row.revaluation,
    )


async def _disputed(
    connection: AsyncConnection, scope: Scope, ledger: Ledger
) -> tuple[Mapping[str, Decimal], Sequence[Proof]]:
    """What is disputed of each invoice, as the books of contracts with disputes know it."""
    disputed: dict[str, Decimal] = {}
    broken: list[Proof] = []
    for contract in await connection.scalars(_DISPUTED, {"told_by": scope.told_by}):
        found = await told(connection, ledger, contract, scope.told_by)
        if isinstance(found, Proof):
            broken.append(found)
            continue
        receivables = found.books.receivables
        disputed |= {key: each.disputed for key, each in receivables.items() if each.disputed}
    return disputed, broken


async def _posted(connection: AsyncConnection, scope: Scope) -> list[Proof]:
    values = scope.values(account=Account.RECEIVABLE.value)
    return [
        prove(
            POSTED,
            row.legal_entity,
            row.document_currency,
            {"1100 as posted": row.posted},
            {"gross of documents": row.gross},
            detail=f"look at {', '.join(row.differ)}" if row.differ else "",
        )
        for row in await connection.execute(_POSTED, values)
    ]
