"""A period of one entity's books: its journals, and what the ERP booked for the same documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final

from sqlalchemy import Row, RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.errors import RuleViolation
from canonical.landscape import LegalEntity, Owner
from canonical.ledger.accounts import Account
from canonical.ledger.journal import Journal, JournalLine
from canonical.ledger.transfer import ErpBooking, booked_invoice
from canonical.money import minor_unit, round_half_up
from canonical.periods import Period

ZERO: Final = Decimal(0)
LINES_MAX: Final = 1_000_000
"""Of one entity and period: some hundred megabytes."""

_JOURNALS: Final = text(
    """
    SELECT j.id, j.posted_on, j.period, j.legal_entity, j.currency, j.document_currency, j.event,
           j.service_period, j.owner, j.document,
           l.account, l.amount, l.document_amount, l.contract, l.item
    FROM journal_entry j JOIN journal_line l ON l.journal_id = j.id
    WHERE j.legal_entity = :entity AND j.period = :period AND j.owner = 'engine'
    ORDER BY j.id, l.line_no LIMIT :limit
    """
)

# What the ERP posted in the period, by kind of line; a credit note has negative amounts.
_INVOICES: Final = text(
    """
    SELECT i.key, i.currency, i.booked_tax AS tax, i.booked_gross AS gross, l.kind,
           sum(l.net) AS net
    FROM invoice i JOIN invoice_line l ON l.invoice_id = i.id
    WHERE i.legal_entity = :entity AND i.number <> ''
      AND to_char(i.invoice_date, 'YYYY-MM') = :period
    GROUP BY i.id, l.kind ORDER BY i.key, l.kind
    """
)


async def journals_of(
    connection: AsyncConnection, legal_entity: str, period: Period
) -> list[Journal]:
    """Those that are the engine's, numbered by their rows. Raises RuleViolation when there are too
    many to be looked at together."""
    values = {"entity": legal_entity, "period": period, "limit": LINES_MAX + 1}
    rows = (await connection.execute(_JOURNALS, values)).all()
    if len(rows) > LINES_MAX:
        raise RuleViolation(
            f"{legal_entity} has more than {LINES_MAX} ledger lines in {period}, which is more "
            "than one entry is made of; tell integration support"
        )
    return [_journal(list(lines)) for _, lines in groupby(rows, key=lambda row: row.id)]


def _journal(rows: Sequence[Row[tuple[object, ...]]]) -> Journal:
    head = rows[0]
    return Journal(
        number=head.id,
        on=head.posted_on,
        period=head.period,
        entity=head.legal_entity,
        currency=head.currency,
        document_currency=head.document_currency,
        event=head.event,
        lines=tuple(
            JournalLine(
                Account(row.account), row.amount, row.document_amount, row.contract, row.item
            )
            for row in rows
        ),
        service_period=head.service_period,
        owner=Owner(head.owner),
        document=head.document,
    )


async def bookings_of(
    connection: AsyncConnection, entity: LegalEntity, period: Period, journals: Iterable[Journal]
) -> list[ErpBooking]:
    """What the ERP booked for the invoices and credit notes that it posted in the period.

    It tells its figures in the document's currency. Of a document in a foreign one, its receivable
    is taken to be translated as ours; one that our ledger does not hold yet is left to the next
    close. Raises SetupInvalid for a kind of line without an account.
    """
    values = {"entity": entity.code, "period": period}
    rows = (await connection.execute(_INVOICES, values)).mappings().all()
    rates = _rates(journals)
    bookings: list[ErpBooking] = []
    for key, lines in groupby(rows, key=lambda row: str(row["key"])):
        members = list(lines)
        foreign = members[0]["currency"] != entity.currency
        rate = rates.get(key) if foreign else Decimal(1)
        if rate is not None:
            bookings.append(_booking(entity, key, members, rate))
    return bookings


def _booking(
    entity: LegalEntity, key: str, rows: Sequence[RowMapping], rate: Decimal
) -> ErpBooking:
    step = minor_unit(entity.currency)
    nets = [(str(row["kind"]), round_half_up(row["net"] * rate, step)) for row in rows]
    tax, gross = (round_half_up(rows[0][name] * rate, step) for name in ("tax", "gross"))
    return booked_invoice(entity, key, nets, tax, gross)


def _rates(journals: Iterable[Journal]) -> Mapping[str, Decimal]:
    """By document: what our ledger carries for one unit of its receivable."""
    sums: dict[str, tuple[Decimal, Decimal]] = defaultdict(lambda: (ZERO, ZERO))
    for journal in journals:
        for line in journal.lines if journal.document else ():
            if line.account is Account.RECEIVABLE:
                carried, document = sums[journal.document]
                sums[journal.document] = (carried + line.amount, document + line.document_amount)
    return {name: carried / document for name, (carried, document) in sums.items() if document}
