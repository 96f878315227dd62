"""Columns: what all charges of one line, version, payer and kind of work have in common."""

from __future__ import annotations

from decimal import Decimal

from canonical.contract import ContractLine, ContractVersion, ExpensesLine
from canonical.engine.contracts import Terms, kind_of_work
from canonical.engine.rows import Column, Common, DocumentKey, TransactionKind
from canonical.ledger.accounts import Account
from canonical.rules.pricing import Work
from canonical.terms.lines import MilestonesLine, RetentionTax
from canonical.terms.policies import ChargeKind, RevenueTiming

AGENT = "(disbursement)"
"""The tax code of what is paid as agent, when the contract names none."""
UNTAXED = "(with another document)"
"""Of lines whose tax falls due with another document."""

_FEE_KIND = {
    "retainer": TransactionKind.RETAINER,
    "milestones": TransactionKind.MILESTONE,
    "fixed_fee": TransactionKind.SCHEDULE,
}


def column_of(
    terms: Terms,
    line: ContractLine,
    version: ContractVersion,
    customer: str,
    kind: TransactionKind,
    fx: Decimal | None,
) -> Column:
    """`fx` is invoice currency per unit of contract currency; None where they are the same."""
    key = document_key(terms, line, version, customer)
    words = Common(
        contract=key.contract,
        version=version.version,
        line_id=line.line_id,
        entity=key.entity,
        customer=customer,
        kind=kind,
        currency=key.currency,
        rate_currency=version.currency,
        fx=fx,
        tax_code=tax_code(line, version, customer, kind),
        credit_to=credit_to(line, kind),
    )
    return Column(key, line, version, words)


def document_key(
    terms: Terms, line: ContractLine, version: ContractVersion, customer: str
) -> DocumentKey:
    return DocumentKey(
        terms.id,
        terms.entity_of(line, version),
        customer,
        version.invoice_currency or version.currency,
    )


def kind_of(work: Work, line: ContractLine) -> TransactionKind:
    """What a work, or a fee of a line, is billed as."""
    return _FEE_KIND[line.method] if work.kind is ChargeKind.FEE else kind_of_work(work)


def credit_to(line: ContractLine, kind: TransactionKind) -> Account | None:
    """Where billing credits: the contract position, or revenue at once (`on_invoice`)."""
    if kind is TransactionKind.DISBURSEMENT:
        return Account.DISBURSEMENTS
    if kind in (TransactionKind.RETENTION, TransactionKind.RETENTION_RELEASE):
        return Account.RETENTION
    if line.revenue is not RevenueTiming.ON_INVOICE:
        return None
    is_expense = kind is TransactionKind.EXPENSE
    return Account.EXPENSE_REVENUE if is_expense else Account.SERVICE_REVENUE


def tax_code(
    line: ContractLine, version: ContractVersion, customer: str, kind: TransactionKind
) -> str:
    """Of a payer, else of the line, else of the contract; empty: the contract has no tax."""
    own = next((each.tax_code for each in version.payers if each.customer == customer), "")
    usual = own or line.tax_code or version.tax_code
    if kind is TransactionKind.DISBURSEMENT and usual:
        named = line.disbursement_tax_code if isinstance(line, ExpensesLine) else ""
        return named or AGENT
    late = isinstance(line, MilestonesLine) and line.retention_tax is RetentionTax.WITH_MILESTONE
    if late and usual and kind in (TransactionKind.RETENTION, TransactionKind.RETENTION_RELEASE):
        return UNTAXED
    return usual
