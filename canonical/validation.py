"""Validation of a closed deal before anything is created anywhere: one report with every
finding."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from stdnum.eu import vat

from canonical.agreement import client_of, compact_vat_id
from canonical.base import Noun
from canonical.client import NET_DAYS_MAX
from canonical.contract import MARKUP_PERCENT_MAX, RATE_DECIMALS, RATE_DIGITS_MAX
from canonical.currencies import MINOR_DIGITS
from canonical.deal import Deal, DealAccount, DealLine
from canonical.errors import SetupInvalid
from canonical.ids import ExternalRef
from canonical.landscape import Landscape, LegalEntity
from canonical.money import round_half_up
from canonical.taxation import EU_VAT_AREA, tax_code_for

RATE_LINES_MAX = 2_000
RATE_STEP = Decimal(1).scaleb(-RATE_DECIMALS)
RATE_MAX = Decimal(10) ** (RATE_DIGITS_MAX - RATE_DECIMALS) - RATE_STEP
BILLING_METHODS = ("time_and_materials",)
"""Methods that a deal may be sold by; each has a rule in `canonical.rules`."""

_ONE_ADDRESS = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+")


class Finding(Noun):
    """One thing that is wrong with the deal: where, what, and what somebody can do about it."""

    code: str
    field: str
    message: str
    remedy: str


class KnownClient(NamedTuple):
    """A client that we have already, for the duplicate check."""

    reference: ExternalRef
    code: str
    name: str
    vat_id: str


class ValidationReport(Noun):
    """Every finding, not the first. No finding: the deal can be set up."""

    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.findings

    def text(self) -> str:
        return "; ".join(f"{finding.field}: {finding.message}" for finding in self.findings)


def validate_deal(
    deal: Deal, landscape: Landscape, known_clients: tuple[KnownClient, ...]
) -> ValidationReport:
    """All findings of a deal. `known_clients` are those that share VAT id, code or name."""
    findings = list(_deal_findings(deal))
    entity, entity_findings = _entity_of(deal, landscape)
    findings += entity_findings
    if deal.account is not None:
        findings += _account_findings(deal.account)
        findings += _duplicate_findings(deal.account, known_clients)
    if entity is not None:
        findings += _line_findings(deal, entity)
    return ValidationReport(findings=tuple(findings))


def _deal_findings(deal: Deal) -> Iterator[Finding]:
    if not deal.is_won:
        yield _finding("deal_not_won", "stage", "the deal is not won", "Close the deal as won.")
    if deal.account is None:
        yield _finding(
            "account_missing", "account", "the deal has no account", "Link the deal to its account."
        )
    if deal.currency not in MINOR_DIGITS:
        yield _finding(
            "currency_invalid",
            "currency",
            f"{deal.currency or 'nothing'} is not an ISO 4217 currency",
            "Set the deal's currency.",
        )
    yield from _terms_findings(deal)


def _terms_findings(deal: Deal) -> Iterator[Finding]:
    if deal.billing_method not in BILLING_METHODS:
        yield _finding(
            "billing_method_unknown",
            "billing_method",
            f"{deal.billing_method or 'nothing'} is not a billing method",
            f"Choose one of: {', '.join(BILLING_METHODS)}.",
        )
    if not _terms_fit(deal):
        yield _finding(
            "payment_terms_missing",
            "net_days",
            "payment terms are missing or out of range",
            f"Set the days from invoice to due date, 0 to {NET_DAYS_MAX}.",
        )
    if deal.purchase_order_required and not deal.purchase_order.strip():
        yield _finding(
            "purchase_order_missing",
            "purchase_order",
            "the client demands a purchase order number and there is none",
            "Enter the client's purchase order number.",
        )
    if deal.service_start is None:
        yield _finding(
            "service_start_missing",
            "service_start",
            "there is no service start date",
            "Enter the first day of service.",
        )
    elif deal.service_end is not None and deal.service_end < deal.service_start:
        yield _finding(
            "service_dates_reversed",
            "service_end",
            f"service ends on {deal.service_end}, before it starts on {deal.service_start}",
            "Correct the service dates.",
        )
    markup = deal.expense_markup_percent
    if markup is not None and not 0 <= markup <= MARKUP_PERCENT_MAX:
        yield _finding(
            "markup_negative" if markup < 0 else "markup_too_high",
            "expense_markup_percent",
            f"the expense mark-up of {markup} % is out of range",
            f"Enter 0 to {MARKUP_PERCENT_MAX} percent.",
        )


def _terms_fit(deal: Deal) -> bool:
    return deal.net_days is not None and 0 <= deal.net_days <= NET_DAYS_MAX


def _entity_of(deal: Deal, landscape: Landscape) -> tuple[LegalEntity | None, list[Finding]]:
    try:
        return landscape.entity(deal.legal_entity), []
    except SetupInvalid as error:
        finding = _finding(
            "legal_entity_unknown",
            "legal_entity",
            str(error),
            "Enter the code of the legal entity that bills.",
        )
        return None, [finding]


def _account_findings(account: DealAccount) -> Iterator[Finding]:
    if not account.name.strip():
        yield _finding("account_name_missing", "account.name", "it is empty", "Enter a name.")
    if not _ONE_ADDRESS.fullmatch(account.invoice_email):
        yield _finding(
            "invoice_email_missing",
            "account.invoice_email",
            f"{account.invoice_email or 'nothing'} is not one e-mail address",
            "Enter the one address that invoices go to.",
        )
    address = account.address
    for part in ("street", "city", "postal_code", "country"):
        if not getattr(address, part):
            yield _finding(
                "address_incomplete",
                f"account.address.{part}",
                "it is empty",
                "Complete the billing address.",
            )
    yield from _vat_findings(account)


def _vat_findings(account: DealAccount) -> Iterator[Finding]:
    country, vat_id = account.address.country, compact_vat_id(account.vat_id)
    if not vat_id:
        if country in EU_VAT_AREA:
            yield _finding(
                "vat_id_missing",
                "account.vat_id",
                f"a business in {country} needs a VAT id",
                "Enter the client's VAT id.",
            )
    elif country in EU_VAT_AREA and not vat.is_valid(vat_id):
        yield _finding(
            "vat_id_invalid",
            "account.vat_id",
            f"{account.vat_id} is not a valid VAT id (format or check digit)",
            "Ask the client for its VAT id.",
        )
    elif country in EU_VAT_AREA and vat_id[:2].replace("EL", "GR") != country:
        yield _finding(
            "vat_id_foreign",
            "account.vat_id",
            f"{account.vat_id} is of another country than the billing address ({country})",
            "Correct the address or the VAT id.",
        )


def _duplicate_findings(
    account: DealAccount, known_clients: tuple[KnownClient, ...]
) -> Iterator[Finding]:
    vat_id = compact_vat_id(account.vat_id)
    for known in known_clients:
        if known.reference == account.reference:
            continue
        if vat_id and compact_vat_id(known.vat_id) == vat_id:
            reason = f"the VAT id {vat_id}"
        elif account.code and known.code == account.code:
            reason = f"the client code {account.code}"
        elif known.name.casefold() == account.name.casefold():
            reason = f"the name {account.name!r}"
        else:
            continue
        yield _finding(
            "client_duplicate",
            "account",
            f"client {known.name!r} ({known.reference}) has {reason} already",
            "Merge the accounts in the CRM, or link the deal to the existing one.",
        )


def _line_findings(deal: Deal, entity: LegalEntity) -> Iterator[Finding]:
    roles = [line for line in deal.lines if line.role]
    if not roles:
        yield _finding(
            "rates_missing", "lines", "no line sells a role at a rate", "Add a line per role."
        )
    if len(deal.lines) > RATE_LINES_MAX:
        yield _finding(
            "lines_too_many",
            "lines",
            f"{len(deal.lines)} lines are more than {RATE_LINES_MAX}",
            "Split the deal.",
        )
    for line in roles:
        if entity.role_named(line.role) is None:
            yield _finding(
                "role_unmapped",
                f"lines.{line.reference.id}.role",
                f"role {line.role!r} is not mapped for legal entity {entity.code}",
                "Add the role to the landscape's `roles`, or correct the line.",
            )
        yield from _rate_findings(line)
    yield from _same_day_findings(deal, entity)
    yield from _tax_findings(deal, entity)


def _rate_findings(line: DealLine) -> Iterator[Finding]:
    rate = line.unit_price
    if not 0 <= rate <= RATE_MAX or rate != round_half_up(rate, RATE_STEP):
        yield _finding(
            "rate_negative" if rate < 0 else "rate_out_of_range",
            f"lines.{line.reference.id}.unit_price",
            f"the rate {rate} is negative, above {RATE_MAX} or finer than {RATE_STEP}",
            "Enter the rate per hour with at most four decimals.",
        )


def _same_day_findings(deal: Deal, entity: LegalEntity) -> Iterator[Finding]:
    starts = Counter(
        (entity.role_named(line.role), line.effective_from or deal.service_start)
        for line in deal.lines
        if line.role
    )
    for (role, day), count in starts.items():
        if count > 1 and role is not None:
            yield _finding(
                "rates_overlap",
                "lines",
                f"role {role!r} has {count} rates from {day or 'the start'}",
                "Give each rate of a role its own start date.",
            )


def _tax_findings(deal: Deal, entity: LegalEntity) -> Iterator[Finding]:
    """Other findings tell why there is no client yet; then there is no tax code to look for."""
    if deal.account is None or deal.currency not in MINOR_DIGITS or not _terms_fit(deal):
        return
    try:
        tax_code_for(entity, client_of(deal))
    except SetupInvalid as error:
        yield _finding(
            "tax_unmapped", "account.address.country", str(error), "Complete the tax policy."
        )


def _finding(code: str, field: str, message: str, remedy: str) -> Finding:
    return Finding(code=code, field=field, message=message, remedy=remedy)
