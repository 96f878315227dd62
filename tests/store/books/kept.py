"""What the store keeps, beside what the engine's fold makes of the same story: plain rows that
must be equal."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.engine.books import Books
from canonical.engine.rows import Document, Recognised, Transaction
from canonical.ids import ContractId, transaction_id
from canonical.ledger.journal import Journal
from tests.store.books.names import Names

Rows = Counter[tuple[object, ...]]
Sums = dict[tuple[object, ...], tuple[Decimal, Decimal]]

_SUMS = """
SELECT j.legal_entity, j.period, l.account, l.contract, l.item, j.currency, j.document_currency,
       j.owner, sum(l.amount), sum(l.document_amount)
FROM journal_entry j JOIN journal_line l ON l.journal_id = j.id
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(l.amount) <> 0 OR sum(l.document_amount) <> 0
"""

_TRANSACTIONS = """
SELECT t.id::text, i.key, t.contract_id::text, t.contract_version, t.line_id, t.legal_entity,
       t.customer::text, t.kind, t.portion, t.work_date, t.quantity, t.rate, t.rate_basis,
       t.amount, t.discount, t.net, t.measure, t.currency, t.fx, t.tax_code, t.concession,
       t.service_period, t.credits::text
FROM billing_transaction t
LEFT JOIN invoice_transaction l ON l.transaction_id = t.id
LEFT JOIN invoice i ON i.id = l.invoice_id
"""

_DOCUMENTS = """
SELECT key, type, contract_id::text, legal_entity, bill_to::text, currency, net, tax, gross,
       discount, posted_in IS NOT NULL FROM invoice
"""

_LINES = """
SELECT i.key, l.line_no, l.net, l.quantity, l.tax_code, l.taxed_on
FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id
"""

_TAXES = """
SELECT i.key, r.value ->> 'tax_code', r.value ->> 'category', (r.value ->> 'rate')::numeric,
       (r.value -> 'base' ->> 'amount')::numeric, (r.value -> 'amount' ->> 'amount')::numeric
FROM invoice i CROSS JOIN LATERAL jsonb_array_elements(i.body -> 'taxes') r
"""

_SCHEDULE = """
SELECT contract_id::text, line_id, as_of, to_date, estimate, revenue_to_date, revenue_in_period,
       billed_to_date, loss_provision
FROM revenue_schedule
"""


async def kept(connection: AsyncConnection) -> dict[str, Rows | Sums]:
    """What is in the tables."""
    tables: dict[str, Rows | Sums] = {"journals": await _sums(connection)}
    for name, query in (
        ("transactions", _TRANSACTIONS),
        ("documents", _DOCUMENTS),
        ("lines", _LINES),
        ("taxes", _TAXES),
        ("schedule", _SCHEDULE),
    ):
        tables[name] = Counter(tuple(row) for row in await connection.execute(text(query)))
    return tables


async def _sums(connection: AsyncConnection) -> Sums:
    found = await connection.execute(text(_SUMS))
    return {tuple(row)[:-2]: (row[-2], row[-1]) for row in found}


def folded(books: Books, names: Names) -> dict[str, Rows | Sums]:
    """What must be there."""
    documents = [each for each in books.documents.values() if each.lines]
    return {
        "journals": _added(books.journals, names),
        "transactions": Counter(_transaction(row, names) for row in books.transactions.values()),
        "documents": Counter(_document(each, names) for each in documents),
        "lines": Counter(
            (each.id, line.line_no, line.net, line.quantity, line.tax_code, line.taxed_on)
            for each in documents
            for line in each.lines
        ),
        "taxes": Counter(
            (each.id, row.key.code, row.key.category.value, row.key.rate, row.base, row.amount)
            for each in documents
            for row in each.taxes
        ),
        "schedule": Counter(_scheduled(row, names) for row in books.schedule),
    }


def _added(journals: list[Journal], names: Names) -> Sums:
    sums: Sums = {}
    for journal in journals:
        for line in journal.lines:
            key = (
                *(journal.entity, journal.period, line.account.value),
                *(names.contracts.get(line.contract, ""), names.payments.get(line.item, line.item)),
                *(journal.currency, journal.document_currency, journal.owner.value),
            )
            amount, document = sums.get(key, (Decimal(0), Decimal(0)))
            sums[key] = (amount + line.amount, document + line.document_amount)
    return {key: pair for key, pair in sums.items() if any(pair)}


def _transaction(row: Transaction, names: Names) -> tuple[object, ...]:
    contract = ContractId(names.contracts[row.contract])
    return (
        *(transaction_id(contract, row.id), row.document, contract, row.version, row.line_id),
        *(row.entity, names.customers[row.customer], row.kind.value, row.portion, row.work_date),
        *(row.quantity, row.rate, row.rate_basis, row.amount, row.discount, row.net, row.measure),
        *(row.currency, row.fx, row.tax_code, row.concession, row.service_period),
        transaction_id(contract, row.credits) if row.credits else None,
    )


def _document(document: Document, names: Names) -> tuple[object, ...]:
    return (
        *(document.id, document.type.value, names.contracts[document.contract], document.entity),
        *(names.customers[document.customer], document.currency, document.net, document.tax),
        *(document.gross, document.discount, document.posted),
    )


def _scheduled(row: Recognised, names: Names) -> tuple[object, ...]:
    return (
        *(names.contracts[row.contract], row.line_id, row.on, row.to_date, row.estimate),
        *(row.revenue_to_date, row.revenue_in_period, row.billed_to_date, row.loss_provision),
    )
