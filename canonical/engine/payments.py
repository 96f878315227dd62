"""A payment: applied to its invoices, deductions classified first, the rest kept as unapplied
cash."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.engine.books import Books, Cash, ContractBook, Settled
from canonical.engine.credit_notes import CreditTerms
from canonical.engine.crediting import credit_gross
from canonical.engine.posting import open_day, post, translated
from canonical.engine.receivables import apply_cash, note_standing, settle, write_off_residue
from canonical.engine.revaluation import reverse_revaluation
from canonical.engine.rows import TransactionKind
from canonical.engine.story import Applied, ApplyCash, Deduction, DeductionKind, Payment, Refund
from canonical.errors import CurrencyMismatch, RuleViolation
from canonical.ledger.accounts import Account
from canonical.ledger.entity import EntityTerms
from canonical.ledger.journal import JournalLine
from canonical.ledger.open_items import OpenItem
from canonical.money import minor_unit

ZERO = Decimal(0)
PAYMENT = "payment/"
"""Before a payment's id in `Journal.document`."""


def take_payment(books: Books, payment: Payment, on: date) -> None:
    """Post money received."""
    if payment.id in books.cash:
        raise RuleViolation(f"payment {payment.id} was received before, with another content")
    applications = list(payment.apply)
    if payment.invoice:
        applications.insert(0, Applied(invoice=payment.invoice, deductions=payment.deductions))
    cash, entity = _record(books, payment, applications, on)
    on = open_day(books, entity.code, on)
    bank = OpenItem(
        payment.amount, translated(payment.amount, cash.item.rate, entity), cash.item.rate
    )
    for application in applications:
        _apply(books, payment.id, cash, bank, application, on)
    _keep_rest(books, entity, cash, bank, on)


def _record(
    books: Books, payment: Payment, applications: list[Applied], on: date
) -> tuple[Cash, EntityTerms]:
    """The record of the payment, in the currency and books of what it is for."""
    target = _target(books, payment, applications, on)
    code, currency = target.entity, target.currency
    for application in applications:
        found = books.document(application.invoice).currency
        if found != currency:
            where = f"invoice {application.invoice}, paid by {payment.id}"
            raise CurrencyMismatch(expected=currency, found=found, where=where)
    entity = books.entity(code)
    rate = books.rate(currency, entity, on)
    cash = Cash(
        payment=payment.id,
        entity=code,
        customer=target.customer,
        contract=target.contract,
        currency=currency,
        item=OpenItem(ZERO, ZERO, rate),
    )
    books.cash[payment.id] = cash
    return cash, entity


class Target(NamedTuple):
    """Whose money it is, in which books."""

    entity: str
    customer: str
    contract: str
    currency: str


def _target(books: Books, payment: Payment, applications: list[Applied], on: date) -> Target:
    """What a payment says, else what its first invoice says, else what the customer's contracts
    have in common. Raises RuleViolation where that leaves a choice."""
    if applications:
        found = books.document(applications[0].invoice)
        known = [Target(found.entity, found.customer, found.contract, found.currency)]
    else:
        known = [_of_contract(book, on) for book in _contracts_of(books, payment, on)]
    entities = [payment.entity] if payment.entity else [each.entity for each in known]
    currencies = [payment.currency] if payment.currency else [each.currency for each in known]
    if len(set(entities)) != 1 or len(set(currencies)) != 1:
        raise RuleViolation(
            f"payment {payment.id} names no invoice: state its `contract`, or its `entity` and "
            "`currency`"
        )
    contract = known[0].contract if len(known) == 1 else ""
    customer = payment.customer or (known[0].customer if known else "")
    return Target(entities[0], customer, contract, str(currencies[0]))


def _of_contract(book: ContractBook, on: date) -> Target:
    version = book.terms.at(on)
    return Target(version.legal_entity, version.bill_to, book.terms.id, book.terms.currency(on))


def _contracts_of(books: Books, payment: Payment, on: date) -> list[ContractBook]:
    if payment.contract or len(books.contracts) == 1:
        return [books.contract(payment.contract)]
    return [
        book
        for book in books.contracts.values()
        if payment.customer in {each.customer for each in book.terms.payers(book.terms.at(on))}
    ]


def _apply(
    books: Books, payment: str, cash: Cash, bank: OpenItem, applied: Applied, on: date
) -> None:
    receivable = books.receivable(applied.invoice)
    kept_back = sum((each.amount for each in applied.deductions), ZERO)
    open_amount = receivable.item.document - kept_back
    amount = min(bank.document, open_amount if applied.amount is None else applied.amount)
    if amount > open_amount:
        amount = max(open_amount, ZERO)
    document = books.document(applied.invoice)
    entity = books.entity(document.entity)
    if amount > 0:
        carried = bank.settle(amount, minor_unit(entity.currency))
        debit = JournalLine(Account.BANK, carried, amount, document.contract)
        mirrors = f"{PAYMENT}{payment}"
        settle(books, applied.invoice, amount, on, [debit], f"apply {payment}", mirrors)
        receivable.settled.append(Settled(amount, payment))
    for deduction in applied.deductions:
        _deduct(books, payment, cash.item.rate, applied.invoice, deduction, on)
    write_off_residue(books, applied.invoice, on)
    note_standing(books, applied.invoice, on)


_DEDUCTED = {
    DeductionKind.WITHHOLDING_TAX: Account.WITHHOLDING_TAX,
    DeductionKind.BANK_CHARGE: Account.BANK_CHARGES,
}


def _deduct(
    books: Books, payment: str, rate: Decimal, invoice: str, deduction: Deduction, on: date
) -> None:
    document = books.document(invoice)
    if deduction.kind is DeductionKind.DISPUTE:
        name = deduction.dispute or f"{payment} {invoice}"
        open_dispute(books, name, invoice, deduction.amount, on)
    elif deduction.kind is DeductionKind.EARLY_PAYMENT_DISCOUNT:
        terms = CreditTerms(
            id=deduction.credit_note or f"{invoice} discount {payment}",
            on=on,
            kind=TransactionKind.DISCOUNT,
            account=Account.ADJUSTMENTS,
            comes_back=False,
            label="early-payment discount",
        )
        credit_gross(books, invoice, deduction.amount, terms)
    else:
        value = translated(deduction.amount, rate, books.entity(document.entity))
        account = _DEDUCTED[deduction.kind]
        item = deduction.certificate
        debit = JournalLine(account, value, deduction.amount, document.contract, item)
        event = f"{deduction.kind.value} on {payment}"
        settle(books, invoice, deduction.amount, on, [debit], event)
        books.receivables[invoice].settled.append(Settled(deduction.amount, payment))


def _keep_rest(books: Books, entity: EntityTerms, cash: Cash, bank: OpenItem, on: date) -> None:
    """What nothing was open for: a liability with its own rate."""
    if not bank.document:
        return
    cash.item = OpenItem(bank.document, bank.carried, bank.rate)
    lines = [
        JournalLine(Account.BANK, bank.carried, bank.document, cash.contract),
        JournalLine(
            Account.UNAPPLIED_CASH, -bank.carried, -bank.document, cash.contract, cash.payment
        ),
    ]
    event, mirrors = f"unapplied {cash.payment}", f"{PAYMENT}{cash.payment}"
    post(books, entity, on, event, lines, currency=cash.currency, document=mirrors)


def open_dispute(books: Books, name: str, invoice: str, amount: Decimal, on: date) -> None:
    """For exactly the deducted amount; only that part leaves dunning."""
    receivable = books.receivable(invoice)
    if amount > receivable.item.document - receivable.disputed:
        raise RuleViolation(
            f"dispute {name}: {amount} is more than what is open and undisputed on {invoice}"
        )
    receivable.disputes[name] = receivable.disputes.get(name, ZERO) + amount
    note_standing(books, invoice, on)


def reject_dispute(books: Books, name: str, on: date) -> None:
    """It is due again."""
    for invoice, receivable in books.receivables.items():
        if receivable.disputes.pop(name, None) is not None:
            note_standing(books, invoice, on)
            return
    raise RuleViolation(f"dispute {name!r} is not open")


def apply_unapplied(books: Books, event: ApplyCash, on: date) -> None:
    """By a person's decision."""
    cash = _cash(books, event.payment)
    most = min(cash.item.document, books.receivable(event.invoice).item.document)
    apply_cash(books, event.payment, event.invoice, event.amount or most, on)
    write_off_residue(books, event.invoice, on)


def refund(books: Books, event: Refund, on: date) -> None:
    """Pay unapplied cash back, with approval; what it is carried at and what leaves the bank today
    differ by realised FX."""
    cash = _cash(books, event.payment)
    entity = books.entity(cash.entity)
    on = open_day(books, entity.code, on)
    amount = event.amount or cash.item.document
    reverse_revaluation(books, cash.payment, on)
    carried = cash.item.settle(amount, minor_unit(entity.currency))
    paid = translated(amount, books.rate(cash.currency, entity, on), entity)
    lines = [
        JournalLine(Account.UNAPPLIED_CASH, carried, amount, cash.contract, cash.payment),
        JournalLine(Account.BANK, -paid, -amount, cash.contract),
        JournalLine(Account.REALISED_FX, paid - carried, ZERO, cash.contract),
    ]
    post(books, entity, on, f"refund {cash.payment}", lines, currency=cash.currency)


def _cash(books: Books, payment: str) -> Cash:
    if payment not in books.cash:
        raise RuleViolation(f"payment {payment!r} is not known")
    return books.cash[payment]
