"""What the ERP does not know yet: the entry that brings its balances of a period to our ledger's.

The ERP books invoices, credit notes and payments by itself. What our ledger says of the same
documents, and everything else that it says, is sent as sums per account; what the ERP booked is
taken off. Where the two disagree about an account that the ERP alone may move (receivable, output
tax, bank), nothing of that document is sent: the difference is named, for a person to mend.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.base import Noun
from canonical.errors import RuleViolation, SetupInvalid
from canonical.journal_entry import JournalEntry, JournalEntryLine
from canonical.landscape import LegalEntity, Owner
from canonical.ledger.accounts import Account
from canonical.ledger.entity import EntityTerms, entity_terms
from canonical.ledger.journal import Journal
from canonical.money import Money
from canonical.periods import Period

ZERO = Decimal(0)
PAYMENT = "payment/"
"""What the document of a payment's journal begins with."""

ERP_ONLY = (Account.RECEIVABLE, Account.OUTPUT_TAX, Account.BANK)
"""They are moved by documents of the ERP, with a party, a tax row or a statement behind them."""

CLAIM_ACCOUNTS = frozenset(
    {Account.EXPENSE_COST, Account.INPUT_VAT, Account.DISBURSEMENTS, Account.EMPLOYEE_PAYABLE}
)
"""What an expense claim moves: ours to send also where the ERP recognises revenue."""


class ErpBooking(NamedTuple):
    """What the ERP booked by itself for one document, in the functional currency."""

    document: str
    """As `Journal.document` names it."""
    amounts: Mapping[str, Decimal]
    """By the entity's own account number; debits are positive. They add up to zero."""


class Difference(Noun):
    """An account that the ERP alone moves, on which it does not say what our ledger says."""

    about: str
    """The document, or the event of a journal that has none."""
    account: str
    ours: Money
    erp: Money

    @property
    def words(self) -> str:
        return f"{self.about}: account {self.account} has {self.ours} with us, {self.erp} there"


class Transfer(Noun):
    """What is to be sent, and what is held back."""

    entry: JournalEntry | None = None
    """None when nothing is left to send."""
    differences: tuple[Difference, ...] = ()


def booked_invoice(
    entity: LegalEntity,
    document: str,
    nets: Iterable[tuple[str, Decimal]],
    tax: Decimal,
    gross: Decimal,
) -> ErpBooking:
    """How the ERP books an invoice (a credit note: with negative amounts): `nets` by kind of line,
    all in the functional currency. What translation leaves over goes to rounding differences.

    Raises SetupInvalid for a kind of line that the landscape maps to no account.
    """
    terms = entity_terms(entity)
    amounts: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    amounts[terms.number(Account.RECEIVABLE)] += gross
    amounts[terms.number(Account.OUTPUT_TAX)] -= tax
    for kind, net in nets:
        if kind not in entity.erp.accounts:
            raise SetupInvalid(
                f"legal entity {entity.code} maps no accounts for {kind!r}; "
                f"add erp.accounts.{kind} to the landscape"
            )
        amounts[entity.erp.accounts[kind]] -= net
    amounts[terms.number(Account.ROUNDING)] -= sum(amounts.values(), ZERO)
    return ErpBooking(document, _without_zeros(amounts))


def entry_key(entity: str, period: Period, number: int) -> str:
    """The business key of the n-th entry of a period."""
    return f"revenue/{entity}/{period}/{number}"


def transfer(
    entity: LegalEntity,
    period: Period,
    on: date,
    journals: Iterable[Journal],
    bookings: Iterable[ErpBooking],
    *,
    sent: Sequence[JournalEntry] = (),
) -> Transfer:
    """The next entry of a period: our ledger's sums less what the ERP booked and what earlier
    entries (`sent`) brought; to be posted on `on`.

    Raises RuleViolation for a journal of another entity or period.
    """
    terms = entity_terms(entity)
    groups = _grouped(terms, period, journals)
    if terms.revenue_owner is Owner.ENGINE:
        _take_off(terms, groups, bookings)
    left, differences = _separated(terms, groups.values())
    for earlier in sent:
        for line in earlier.lines:
            left.ours[line.account] -= line.amount.amount
    entry = _entry(terms, period, on, left, len(sent) + 1)
    return Transfer(entry=entry, differences=tuple(differences))


@dataclass(slots=True)
class _Group:
    """What belongs together: one document, or all that no document of the ERP mirrors."""

    about: str = ""
    ours: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    erp: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    contracts: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Whose lines moved an account."""

    def add(self, other: _Group) -> None:
        for account in {*other.ours, *other.erp}:
            if change := other.ours[account] - other.erp[account]:
                self.ours[account] += change
                self.contracts[account] |= other.contracts[account] or other.all_contracts()

    def all_contracts(self) -> set[str]:
        return set().union(*self.contracts.values())


Groups = dict[tuple[str, ...], _Group]


def _grouped(terms: EntityTerms, period: Period, journals: Iterable[Journal]) -> Groups:
    groups: Groups = {}
    for journal in journals:
        if (journal.entity, journal.period) != (terms.code, period):
            raise RuleViolation(
                f"journal {journal.number} is of {journal.entity} in {journal.period}, not of "
                f"{terms.code} in {period}"
            )
        if not _is_to_be_sent(terms, journal):
            continue
        key, about = _place(journal)
        group = groups.setdefault(key, _Group(about))
        for line in journal.lines:
            number = terms.number(line.account)
            group.ours[number] += line.amount
            if line.contract:
                group.contracts[number].add(line.contract)
        if journal.document.startswith(PAYMENT):
            _as_the_erp_books_it(terms, group, journal)
    return groups


def _is_to_be_sent(terms: EntityTerms, journal: Journal) -> bool:
    """Where the ERP recognises revenue, its documents and everything about contracts are its own;
    only expense claims may be left to us."""
    if journal.owner is not Owner.ENGINE:
        return False
    if terms.revenue_owner is Owner.ENGINE:
        return True
    return all(line.account in CLAIM_ACCOUNTS for line in journal.lines)


def _place(journal: Journal) -> tuple[tuple[str, ...], str]:
    """The group of a journal and its name. One without a document that moves what only the ERP may
    move is looked at by itself; journals are numbered by contract."""
    if journal.document:
        return (journal.document,), journal.document
    if any(line.account in ERP_ONLY for line in journal.lines):
        contract = journal.lines[0].contract
        return ("", contract, str(journal.number)), f"{journal.event} ({contract or 'no contract'})"
    return (), ""


def _as_the_erp_books_it(terms: EntityTerms, group: _Group, payment: Journal) -> None:
    """Money in the bank, the currency difference of the settlement, and the rest of it off the
    receivable: an ERP knows no unapplied cash."""
    for account in (Account.BANK, Account.REALISED_FX):
        amount = sum((line.amount for line in payment.lines if line.account is account), ZERO)
        group.erp[terms.number(account)] += amount
        group.erp[terms.number(Account.RECEIVABLE)] -= amount


def _take_off(terms: EntityTerms, groups: Groups, bookings: Iterable[ErpBooking]) -> None:
    """What the ERP says that it booked; of a payment it replaces what was assumed."""
    for booking in bookings:
        if any_left := sum(booking.amounts.values(), ZERO):
            raise RuleViolation(
                f"{booking.document} does not balance in the ERP of {terms.code}: {any_left}"
            )
        group = groups.setdefault((booking.document,), _Group(booking.document))
        group.erp.clear()
        group.erp.update(booking.amounts)


def _separated(terms: EntityTerms, groups: Iterable[_Group]) -> tuple[_Group, list[Difference]]:
    """What may be sent, and the differences of what may not."""
    left, differences = _Group(), list[Difference]()
    for group in groups:
        found = _differences(terms, group)
        differences += found
        if not found:
            left.add(group)
    return left, differences


def _differences(terms: EntityTerms, group: _Group) -> list[Difference]:
    return [
        Difference(
            about=group.about,
            account=number,
            ours=Money(amount=group.ours[number], currency=terms.currency),
            erp=Money(amount=group.erp[number], currency=terms.currency),
        )
        for number in sorted({terms.number(account) for account in ERP_ONLY})
        if group.ours[number] != group.erp[number]
    ]


def _entry(
    terms: EntityTerms, period: Period, on: date, left: _Group, number: int
) -> JournalEntry | None:
    amounts = _without_zeros(left.ours)
    if not amounts:
        return None
    later = f", addition {number - 1}" if number > 1 else ""
    return JournalEntry(
        key=entry_key(terms.code, period, number),
        legal_entity=terms.code,
        currency=terms.currency,
        period=period,
        on=on,
        description=f"Revenue and contract positions of {period}{later}",
        lines=tuple(
            _line(terms, account, amount, len(left.contracts[account]))
            for account, amount in sorted(amounts.items())
        ),
    )


def _line(terms: EntityTerms, number: str, amount: Decimal, contracts: int) -> JournalEntryLine:
    """For finance: what the account is, and how many contracts moved it."""
    names = [
        account.name.replace("_", " ").lower()
        for account in Account
        if terms.number(account) == number
    ]
    words = (" and ".join(names) or "billed").capitalize()
    plural = "" if contracts == 1 else "s"
    return JournalEntryLine(
        account=number,
        amount=Money(amount=amount, currency=terms.currency),
        description=f"{words}: {contracts} contract{plural}" if contracts else words,
    )


def _without_zeros(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {account: amount for account, amount in amounts.items() if amount}
