"""The journals that an invoice line led to in our ledger, and the exchange rate of its document."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.money import reciprocal
from store.audit.explanation import BookedJournal, Side, SpotRate

SIDES_MAX: Final = 2_000

_SIDES: Final = """
SELECT j.id, j.legal_entity, j.posted_on, j.event, j.owner, l.account, l.amount, l.currency,
       l.document_amount, l.document_currency
FROM journal_entry j JOIN journal_line l ON l.journal_id = j.id
"""
_OF_DOCUMENT: Final = text(
    f"{_SIDES} WHERE j.document = :key AND j.contract_id = :contract"
    " ORDER BY j.id, l.line_no LIMIT :limit"
)
_OF_REVENUE: Final = text(
    f"""
    {_SIDES}
    WHERE j.document = '' AND (j.contract_id, j.service_period) IN (
        SELECT t.contract_id, t.service_period FROM invoice_transaction i
        JOIN billing_transaction t ON t.id = i.transaction_id
        WHERE i.invoice_id = :invoice AND i.line_no = :line)
    ORDER BY j.id, l.line_no LIMIT :limit
    """
)
# As the engine looks for it: on or before the day, of what was known then, and the pair itself
# before its inverse.
_SPOT: Final = text(
    """
    SELECT r.base, r.quote, r.rate, r.rate_on, r.source, j.currency, j.document_currency
    FROM journal_entry j JOIN book_chapter c ON c.id = j.chapter_id
    JOIN exchange_rate r ON r.rate_on <= j.posted_on AND r.id <= c.rates_through
     AND ((r.base, r.quote) = (j.document_currency, j.currency)
       OR (r.base, r.quote) = (j.currency, j.document_currency))
    WHERE j.document = :key AND j.document_currency <> j.currency
    ORDER BY j.id, (r.base = j.document_currency) DESC, r.rate_on DESC, r.id DESC LIMIT 1
    """
)


async def journals_of(
    connection: AsyncConnection, document: str, contract: object
) -> list[BookedJournal]:
    """Those that posted a document."""
    values = {"key": document, "contract": contract, "limit": SIDES_MAX}
    return _journals((await connection.execute(_OF_DOCUMENT, values)).mappings().all())


async def revenue_of(
    connection: AsyncConnection, invoice: object, line_no: int
) -> list[BookedJournal]:
    """Revenue of the contract in the service periods of a line."""
    values = {"invoice": invoice, "line": line_no, "limit": SIDES_MAX}
    return _journals((await connection.execute(_OF_REVENUE, values)).mappings().all())


def _journals(rows: Sequence[RowMapping]) -> list[BookedJournal]:
    return [_journal(list(sides)) for _, sides in groupby(rows, key=lambda row: int(row["id"]))]


def _journal(rows: Sequence[RowMapping]) -> BookedJournal:
    head = rows[0]
    return BookedJournal(
        number=head["id"],
        legal_entity=head["legal_entity"],
        on=head["posted_on"],
        event=head["event"],
        kept_by=head["owner"],
        sides=tuple(_side(row) for row in rows),
    )


def _side(row: RowMapping) -> Side:
    return Side(
        account=row["account"],
        amount=row["amount"],
        currency=row["currency"],
        document_amount=row["document_amount"],
        document_currency=row["document_currency"],
    )


async def spot_rate_of(connection: AsyncConnection, document: str) -> SpotRate | None:
    """None in the ledger's own currency, and for what is not posted yet."""
    row = (await connection.execute(_SPOT, {"key": document})).mappings().one_or_none()
    if row is None:
        return None
    is_inverse = row["base"] != row["document_currency"]
    return SpotRate(
        pair=f"{row['document_currency']}/{row['currency']}",
        rate=reciprocal(row["rate"]) if is_inverse else row["rate"],
        rate_on=row["rate_on"],
        source=row["source"],
    )
