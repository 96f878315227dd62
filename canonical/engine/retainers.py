"""Retainers: allowances settled at cut-offs and closes; what a settlement consumed stays sunk."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from canonical.contract import ContractVersion
from canonical.engine.books import Books
from canonical.engine.charging import EVERYTHING, Reach
from canonical.engine.contract_book import ContractBook
from canonical.engine.credit_notes import CreditTerms, Slice, left_of
from canonical.engine.crediting import credit
from canonical.engine.net_prices import net_price
from canonical.engine.offering import brought_up_to_date
from canonical.engine.posting import accrual_day, open_day, revenue
from canonical.engine.pricing import UNSETTLED
from canonical.engine.rows import TransactionKind
from canonical.ledger.accounts import Account
from canonical.money import minor_unit
from canonical.rules.pricing import Work
from canonical.rules.retainer import Allowance, Grant, Use, terms
from canonical.terms.lines import RetainerLine
from canonical.terms.policies import RevenueTiming

ZERO = Decimal(0)


def settle_retainers(
    books: Books,
    book: ContractBook,
    through: date,
    on: date,
    *,
    rolls_on_last_day: bool = False,
    reach: Reach = EVERYTHING,
) -> None:
    """Consume what was used up to `through`; roll over periods that ended before it (or on it).

    `reach` narrows it to what a cut-off may take.
    """
    over_before = through + timedelta(days=1) if rolls_on_last_day else through
    for line_id, (line, version) in _lines(book).items():
        grants = _grants(books, book, line_id, through, on)
        allowance = _allowance(book, line, version)
        works = _unsettled(books, book, line, reach, on)
        known = len(allowance.rows)
        uses = allowance.settle(works, grants, through, over_before)
        _post_uses(books, book, line, version, uses, on)
        for row in allowance.rows[known:]:
            _post(books, book, line, version, row.breakage, row.last, on, f"forfeited {row.term}")


def _lines(book: ContractBook) -> dict[str, tuple[RetainerLine, ContractVersion]]:
    """Every retainer, as its newest version has it: one that was ended is settled to its end."""
    return {
        line.line_id: (line, version)
        for version in book.terms.versions
        for line in version.lines
        if isinstance(line, RetainerLine)
    }


def _grants(books: Books, book: ContractBook, line_id: str, through: date, on: date) -> list[Grant]:
    """The periods that have begun, each by the version in force on its first day; a fee is valued
    when its hours are granted."""
    found: dict[str, Grant] = {}
    allowance = book.allowances.get(line_id)
    valued = set() if allowance is None else set(allowance.granted)
    for version in book.terms.versions:
        for line in version.lines:
            if not isinstance(line, RetainerLine) or line.line_id != line_id:
                continue
            for term in terms(line, through):
                if book.terms.at(term.first) is version:
                    fee = term.name not in valued
                    value = net_price(books, line, version, line.fee, on) if fee else ZERO
                    found[term.name] = Grant(term, line, value)
    return sorted(found.values(), key=lambda grant: grant.term.first)


def _allowance(book: ContractBook, line: RetainerLine, version: ContractVersion) -> Allowance:
    step = minor_unit(version.invoice_currency or version.currency)
    return book.allowances.setdefault(line.line_id, Allowance(line, step))


def _unsettled(
    books: Books, book: ContractBook, line: RetainerLine, reach: Reach, on: date
) -> list[Work]:
    """What waits for its allowance, in the order of consumption."""
    found = []
    for held in brought_up_to_date(book, books.exchange(on)).held.values():
        work = held.price.work
        taker = book.terms.place(work).line
        mine = taker is not None and taker.line_id == line.line_id
        waits = held.reason == UNSETTLED and work.id not in book.flagged
        if mine and waits and reach.takes(work):
            found.append(work)
    return sorted(found, key=Work.order)


def _post_uses(
    books: Books,
    book: ContractBook,
    line: RetainerLine,
    version: ContractVersion,
    uses: list[Use],
    on: date,
) -> None:
    days: dict[date, Decimal] = {}
    for use in uses:
        progress = book.progress_of(use.work.id)
        progress.covered = (progress.covered or ZERO) + use.covered
        progress.overage += use.overage
        days[use.on] = days.get(use.on, ZERO) + use.revenue
    for day, amount in sorted(days.items()):
        _post(books, book, line, version, amount, day, on, f"retainer hours used {day:%Y-%m}")


def _post(
    books: Books,
    book: ContractBook,
    line: RetainerLine,
    version: ContractVersion,
    amount: Decimal,
    day: date,
    on: date,
    event: str,
) -> None:
    if not amount or line.revenue is RevenueTiming.ON_INVOICE:
        return
    entity = books.entity(book.terms.entity_of(line, version))
    currency = version.invoice_currency or version.currency
    posted_on = accrual_day(books, entity.code, day, on)
    amounts = {Account.SERVICE_REVENUE: amount}
    revenue(books, entity, book.terms.id, currency, posted_on, event, amounts, f"{day:%Y-%m}")


def close_retainers(books: Books, book: ContractBook, on: date, note: str) -> None:
    """At the contract's close: deficits become overage, the rest is refunded or forfeited."""
    for line, version in _lines(book).values():
        allowance = _allowance(book, line, version)
        left, uses = allowance.close_contract()
        for use in uses:
            book.progress_of(use.work.id).overage += use.overage
        if not left:
            continue
        if allowance.refunds:
            _refund(books, book, line, left, on, note)
        else:
            _post(books, book, line, version, left, on, on, "retainer forfeited at close")


def _refund(
    books: Books, book: ContractBook, line: RetainerLine, left: Decimal, on: date, note: str
) -> None:
    """A credit of the newest fees: it clears the liability, and does not come back."""
    for document in reversed(list(books.documents.values())):
        if document.contract != book.terms.id or document.credits or not left:
            continue
        slices = []
        for each in left_of(books, document.id).values():
            is_fee = each.row.kind is TransactionKind.RETAINER and each.row.line_id == line.line_id
            amount = min(each.price, left) if is_fee else ZERO
            if amount > 0:
                slices.append(Slice(each.row, ZERO, amount, ZERO, amount, each.row.rate))
                left -= amount
        if slices:
            name = note or f"{document.id} refund"
            day = open_day(books, document.entity, on)
            credit(books, document.id, slices, CreditTerms(name, day, comes_back=False))
            note = ""
