"""Realisation: billed value against the standard value of the same work."""

from __future__ import annotations

from decimal import Decimal

from canonical.contract import ContractVersion
from canonical.engine.books import Books, ContractBook
from canonical.engine.pricing import prices_of
from canonical.engine.rows import Realisation
from canonical.money import minor_unit, round_half_up
from canonical.rules import work_rules
from canonical.rules.pricing import Work
from canonical.rules.value_adjustments import percent_of
from canonical.terms.lines import RetainerLine

ZERO = Decimal(0)


def realisations(books: Books) -> list[Realisation]:
    """Billed value against the standard value of the same work, by contract."""
    found = []
    for book in books.contracts.values():
        standard = _standard_value(book)
        rows = [
            row
            for row in books.transactions.values()
            if row.contract == book.terms.id and row.source in book.works
        ]
        billed = sum((row.amount - row.discount for row in rows), ZERO)
        conceded = -sum((row.amount for row in rows if row.concession), ZERO)
        downs = sum((each.written_down_value for each in book.progress.values()), ZERO)
        ups = sum((each.written_up_value for each in book.progress.values()), ZERO)
        found.append(
            Realisation(
                contract=book.terms.id,
                standard_value=standard,
                billed_value=billed,
                write_downs=downs,
                write_ups=ups,
                concessions=conceded,
                realisation_percent=percent_of(billed, standard),
                write_down_percent=percent_of(downs, standard),
                write_up_percent=percent_of(ups, standard),
            )
        )
    return found


def _standard_value(book: ContractBook) -> Decimal:
    """Entries at their own rates, before anything is taken away or added; all hours of a retainer
    at the rate of its overage."""
    step = minor_unit(book.terms.versions[0].currency)
    hourly = [work for work in book.works.values() if _retainer_of(book, work) is None]
    prices = prices_of(book, hourly)
    for work in book.works.values():
        if (found := _retainer_of(book, work)) is not None:
            prices += work_rules()[found[0].method].prices(found[0], found[1], [work])
    return sum(
        (
            round_half_up(price.quantity * price.rate, step)
            for price in prices
            if price.work.billable
        ),
        ZERO,
    )


def _retainer_of(book: ContractBook, work: Work) -> tuple[RetainerLine, ContractVersion] | None:
    version = book.terms.on(work.work_date)
    line = book.terms.line_for(version, work)
    return (line, version) if isinstance(line, RetainerLine) else None
