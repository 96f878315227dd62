"""What came out of a story, as tables of plain rows: for comparison, for people, for machines."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from canonical.engine.books import Books
from canonical.engine.parts import parts_of
from canonical.engine.rows import Document, Realisation, Transaction
from canonical.ledger.accounts import Account
from canonical.scenario.model import OpeningBalance
from canonical.scenario.realising import realisations

ZERO = Decimal(0)
Value = str | Decimal | date | bool | int | tuple[str, ...] | None
Row = dict[str, Value]
Tables = dict[str, list[Row]]


def tables_of(books: Books, opening: list[OpeningBalance], on: date) -> Tables:
    """Every table by its name in the `expect` block."""
    return {
        "transactions": _transactions(books),
        "invoices": _invoices(books),
        "lines": _lines(books),
        "taxes": _taxes(books),
        "journals": _journals(books),
        "balances": _balances(books, opening),
        "movements": _balances(books, []),
        "retainer": _retainers(books),
        "revenue": _revenue(books),
        "receivables": _standings(books),
        "parts": [
            {
                "entry": part.entry,
                "state": part.state.value,
                "quantity": part.quantity,
                "amount": part.amount,
                "reason": part.reason,
            }
            for part in parts_of(books, on)
        ],
        "realisation": [_realised(row) for row in realisations(books)],
        "intercompany": [
            {
                "entry": row.entry,
                "performed_by": row.performed_by,
                "billed_by": row.billed_by,
                "amount": row.amount,
            }
            for row in books.intercompany
        ],
        "position": [
            {"contract": contract, "amount": amount}
            for contract, amount in sorted(_positions(books, opening).items())
        ],
        "cases": [{"subject": case.subject, "reason": case.reason} for case in books.cases],
    }


def _transactions(books: Books) -> list[Row]:
    """Each with the period in which its revenue was posted: what was earned first is billed
    first. A credit is posted with its note."""
    billed: dict[tuple[str, str], Decimal] = {}
    found: list[Row] = []
    for row in books.transactions.values():
        key = (row.contract, row.source)
        sofar = billed.get(key, ZERO)
        progress = books.contracts[row.contract].progress.get(row.source)
        earned_in = "" if progress is None or row.credits else progress.recognised_after(sofar)
        found.append(_transaction(books, row, earned_in))
        if row.credit_to is not Account.RETENTION and not row.concession:
            billed[key] = sofar + row.net
    return found


def _transaction(books: Books, row: Transaction, earned_in: str) -> Row:
    document = books.documents[row.document]
    return {
        "entry": row.source,
        "portion": row.portion,
        "contract": row.contract,
        "line": row.line_id,
        "kind": row.kind.value,
        "customer": row.customer,
        "entity": row.entity,
        "invoice": row.document,
        "work_date": row.work_date,
        "description": row.description,
        "quantity": row.quantity,
        "rate": row.rate,
        "rate_basis": row.rate_basis,
        "beaten": row.beaten,
        "amount": row.amount,
        "discount": row.discount,
        "net": row.net,
        "currency": row.currency,
        "rate_currency": row.rate_currency,
        "fx": row.fx,
        "unrounded": row.unrounded,
        "status": _status(row, document),
        "posting_period": earned_in or f"{document.on:%Y-%m}",
        "service_period": row.service_period,
    }


def _status(row: Transaction, document: Document) -> str:
    if row.credits:
        return "credited"
    return "billed" if document.posted else "draft"


def _invoices(books: Books) -> list[Row]:
    return [
        {
            "invoice": each.id,
            "type": each.type.value,
            "on": each.on,
            "contract": each.contract,
            "entity": each.entity,
            "customer": each.customer,
            "currency": each.currency,
            "credits": each.credits,
            "dispute": each.dispute,
            "posted": each.posted,
            "net": each.net,
            "tax": each.tax,
            "gross": each.gross,
            "discount": each.discount,
            "before_discount": sum((line.price for line in each.lines), each.discount),
        }
        for each in books.documents.values()
        if each.lines
    ]


def _lines(books: Books) -> list[Row]:
    return [
        {
            "invoice": document.id,
            "line_no": line.line_no,
            "net": line.net,
            "quantity": line.quantity,
            "description": line.description,
            "tax_code": line.tax_code,
        }
        for document in books.documents.values()
        for line in document.lines
    ]


def _taxes(books: Books) -> list[Row]:
    return [
        {
            "invoice": document.id,
            "line_no": number,
            "category": row.key.category.value,
            "rate": row.key.rate,
            "base": row.base,
            "amount": row.amount,
            "code": row.key.code,
            "jurisdiction": row.key.jurisdiction,
        }
        for document in books.documents.values()
        for number, row in enumerate(document.taxes, start=1)
    ]


def _journals(books: Books) -> list[Row]:
    """Every line, one row: sums are made where they are asked for."""
    return [
        {
            "journal": journal.number,
            "on": journal.on,
            "period": journal.period,
            "entity": journal.entity,
            "event": journal.event,
            "account": books.entity(journal.entity).number(line.account),
            "contract": line.contract,
            "debit": max(line.amount, ZERO),
            "credit": max(-line.amount, ZERO),
            "currency": journal.currency,
        }
        for journal in books.journals
        for line in journal.lines
    ]


def _balances(books: Books, opening: list[OpeningBalance]) -> list[Row]:
    sums: dict[str, Decimal] = {}
    for balance in opening:
        sums[balance.account] = sums.get(balance.account, ZERO) + balance.amount
    for journal in books.journals:
        entity = books.entity(journal.entity)
        for line in journal.lines:
            number = entity.number(line.account)
            sums[number] = sums.get(number, ZERO) + line.amount
    return [{"account": account, "amount": sums[account]} for account in sorted(sums)]


def _retainers(books: Books) -> list[Row]:
    return [
        {
            "term": row.term,
            "opening_rolled": row.opening_rolled,
            "included": row.included,
            "used": row.used,
            "used_from_rolled": row.used_from_rolled,
            "used_from_included": row.used_from_included,
            "overage": row.overage,
            "deficit": row.deficit,
            "forfeited": row.forfeited,
            "closing_rolled": row.closing_rolled,
            "breakage": row.breakage,
        }
        for book in books.contracts.values()
        for allowance in book.allowances.values()
        for row in allowance.rows
    ]


def _revenue(books: Books) -> list[Row]:
    return [
        {
            "on": row.on,
            "contract": row.contract,
            "line": row.line_id,
            "to_date": row.to_date,
            "estimate": row.estimate,
            "revenue_to_date": row.revenue_to_date,
            "revenue_in_period": row.revenue_in_period,
            "billed_to_date": row.billed_to_date,
            "contract_asset": row.contract_asset,
            "contract_liability": row.contract_liability,
            "loss_provision": row.loss_provision,
        }
        for row in books.schedule
    ]


def _standings(books: Books) -> list[Row]:
    return [
        {
            "invoice": row.invoice,
            "on": row.on,
            "open": row.open,
            "disputed": row.disputed,
            "status": row.status,
        }
        for row in books.standings
    ]


def _realised(row: Realisation) -> Row:
    return {**row._asdict()}


_POSITION = (Account.CONTRACT_ASSET, Account.RETENTION, Account.CONTRACT_LIABILITY)


def _positions(books: Books, opening: list[OpeningBalance]) -> dict[str, Decimal]:
    """1200 + 1250 - 2200 by contract, from the ledger."""
    sums = dict.fromkeys(books.contracts, ZERO)
    names = {account.value for account in _POSITION}
    for balance in opening:
        if balance.account in names and balance.contract in sums:
            sums[balance.contract] += balance.amount
    for journal in books.journals:
        for line in journal.lines:
            if line.account in _POSITION and line.contract in sums:
                sums[line.contract] += line.amount
    return sums
