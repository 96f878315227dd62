"""Playing a scenario: the story folded, its invariants checked, its expectations compared."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.engine.books import Books, Receivable
from canonical.engine.fold import continue_story, open_books
from canonical.engine.invariants import InvariantBroken, check
from canonical.engine.rows import Document, DocumentType
from canonical.engine.running import day_of
from canonical.engine.story import Event
from canonical.errors import DomainError, RuleViolation
from canonical.ledger.accounts import Account
from canonical.ledger.open_items import OpenItem
from canonical.money import minor_unit, round_half_up
from canonical.scenario.compare import Difference, compare
from canonical.scenario.model import OpeningBalance, Scenario, entities_of, versions_of
from canonical.scenario.tables import Tables, tables_of

ZERO = Decimal(0)


class Outcome(NamedTuple):
    """What a scenario did, and how it differs from what was expected."""

    scenario: Scenario
    tables: Tables
    refusal: str
    differences: tuple[Difference, ...]
    refused_at: int | None = None
    """The place in the story of what was refused, from 0."""
    place: str = ""
    """The same for people, e.g. `story.3, amendment on 2026-02-01`."""

    @property
    def passed(self) -> bool:
        return not self.differences


def play(scenario: Scenario) -> Outcome:
    """Play and compare. A story that a rule refuses has no tables, only the refusal; one that
    breaks what must always hold shows a mistake of ours."""
    books: Books | None = None
    try:
        books = _opened(scenario)
        _tell(books, scenario)
    except DomainError as refused:
        return _refused(scenario, str(refused), books)
    except InvariantBroken as broken:
        mistake = Difference("story", "", "", "what must always hold", f"it does not: {broken}")
        return Outcome(scenario, {}, "", (mistake,))
    tables = tables_of(books, list(scenario.opening), last_day_of(scenario))
    if scenario.expect.refused is not None:
        reason = f"a refusal with {scenario.expect.refused!r}"
        return Outcome(scenario, tables, "", (Difference("refused", "", "", reason, "none"),))
    found = compare(scenario.expect, tables, scenario.opening)
    return Outcome(scenario, tables, "", tuple(found))


def fold(scenario: Scenario) -> Books:
    """The books at the end of the story. Raises RuleViolation for what no rule allows."""
    books = _opened(scenario)
    _tell(books, scenario)
    return books


def _opened(scenario: Scenario) -> Books:
    entities = entities_of(scenario)
    books = open_books(entities, versions_of(scenario, entities))
    for balance in scenario.opening:
        _open(books, balance)
    return books


def _tell(books: Books, scenario: Scenario) -> None:
    last = last_day_of(scenario)
    versions = [version for book in books.contracts.values() for version in book.terms.versions]
    continue_story(books, versions, scenario.story, last)
    books.telling = None
    check(books, last)


def _refused(scenario: Scenario, reason: str, books: Books | None) -> Outcome:
    found = tuple(_refusals(scenario, reason))
    at = None if books is None else books.telling
    if at is None:
        return Outcome(scenario, {}, reason, found)
    event = scenario.story[at]
    place = f"story.{at}, {event.kind} on {event.on}"
    return Outcome(scenario, {}, reason, found, at, place)


def _refusals(scenario: Scenario, reason: str) -> list[Difference]:
    wanted = scenario.expect.refused
    if wanted is None:
        return [Difference("story", "", "", "it is accepted", f"refused: {reason}")]
    if wanted not in reason:
        return [Difference("refused", "", "", f"a reason with {wanted!r}", reason)]
    return []


def last_day_of(scenario: Scenario) -> date:
    """The day on which the story ends: of its last event, review or approval."""
    days = [day for event in scenario.story for day in _days_of(event)]
    starts = [contract.effective_from for contract in scenario.contracts]
    return max([*days, *starts])


def _days_of(event: Event) -> list[date]:
    days = [day_of(event.arrives or event.on)]
    if event.amendment is not None and event.amendment.reviewed_on is not None:
        days.append(event.amendment.reviewed_on)
    asked = event.write_down or event.write_up
    return [*days, *(each.on for each in asked.approvals)] if asked is not None else days


def _open(books: Books, balance: OpeningBalance) -> None:
    """An opening balance: contract positions and open invoices go on from it."""
    code = balance.entity or next(iter(books.entities))
    entity = books.entity(code)
    currency = balance.currency or entity.currency
    known = {entity.number(account): account for account in Account}
    account = known.get(balance.account)
    if account is None:
        raise RuleViolation(f"opening balance: account {balance.account!r} is not known")
    if account in (Account.CONTRACT_ASSET, Account.CONTRACT_LIABILITY):
        contract = books.contract(balance.contract).terms.id
        position = books.position(entity, contract, currency)
        position.open_with(balance.amount, books.rate(currency, entity, date.max))
    if account is Account.RECEIVABLE and balance.invoice:
        _open_invoice(books, balance, code, currency)


def _open_invoice(books: Books, balance: OpeningBalance, code: str, currency: str) -> None:
    book = books.contract(balance.contract)
    version = book.terms.versions[0]
    entity = books.entity(code)
    rate = books.rate(currency, entity, date.max)
    carried = round_half_up(balance.amount * rate, minor_unit(entity.currency))
    books.documents[balance.invoice] = Document(
        id=balance.invoice,
        type=DocumentType.INVOICE,
        contract=book.terms.id,
        entity=code,
        customer=version.bill_to,
        currency=currency,
        on=version.effective_from,
        through=version.effective_from,
        service_from=version.effective_from,
        service_to=version.effective_from,
        lines=(),
        taxes=(),
        net=ZERO,
        tax=ZERO,
        gross=ZERO,
        discount=ZERO,
        tax_mode=version.tax_mode,
        tax_inclusive=version.tax_inclusive,
        posted=True,
    )
    books.receivables[balance.invoice] = Receivable(
        item=OpenItem(balance.amount, carried, rate), gross=balance.amount, opening=carried
    )
