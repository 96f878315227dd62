"""Between Salesforce's rows and our nouns; pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal

from adapters.platforms.salesforce.decimals import dumps
from adapters.platforms.salesforce.ids import to_18
from adapters.platforms.salesforce.rest import Row, Value
from adapters.salesforce.api import (
    AccountRow,
    AccountTerms,
    DealTerms,
    LineRow,
    LineTerms,
    MemberRow,
    OpportunityRow,
    OpportunityStamp,
    RetainerRow,
)
from adapters.salesforce.errors import children, read, read_named, value_at
from adapters.salesforce.settings import SalesforceSettings
from adapters.salesforce.terms_sheet import read_sheet
from canonical.client import Address
from canonical.deal import (
    Deal,
    DealAccount,
    DealLine,
    DealPerson,
    LineKind,
    RetainerTerms,
    WonDeal,
)
from canonical.errors import AnswerUnreadable
from canonical.ids import ExternalRef
from canonical.payment import BillingStatus

OPPORTUNITY, ACCOUNT, LINE = "opportunity", "account", "opportunity_line_item"
LINE_ITEM = "OpportunityLineItem"
_COUNTRY = re.compile(r"^[A-Z]{2}$")


def reference(system: str, kind: str, record_id: str, where: str) -> ExternalRef:
    """Raises AnswerUnreadable for a text that is no record id."""
    try:
        return ExternalRef(system=system, kind=kind, id=to_18(record_id))
    except ValueError as error:
        raise AnswerUnreadable(system, str(error), where=where) from error


def deal_of(system: str, row: Row, settings: SalesforceSettings) -> Deal:
    """A row of `queries.one_deal` as the deal it tells."""
    opportunity = read(system, OpportunityRow, row, "Opportunity")
    terms = read_named(system, DealTerms, row, settings.opportunity.paths(), "Opportunity")
    sheet = read_sheet(terms.contract_terms)
    return Deal(
        reference=reference(system, OPPORTUNITY, opportunity.Id, "Opportunity.Id"),
        revision=revision_of(row, settings),
        name=opportunity.Name,
        is_won=opportunity.IsWon,
        close_date=opportunity.CloseDate,
        amount=opportunity.Amount,
        currency=terms.currency or settings.one_currency,
        account=account_of(system, row, settings),
        lines=lines_of(system, row, settings),
        legal_entity=terms.legal_entity or "",
        billing_method=terms.billing_method or "",
        purchase_order=terms.purchase_order or "",
        purchase_order_required=bool(terms.purchase_order_required),
        net_days=terms.net_days,
        expense_markup_percent=terms.expense_markup_percent,
        service_start=terms.service_start,
        service_end=terms.service_end,
        team=team_of(system, row, settings),
        amends=_amended(system, terms.amends, settings),
        terms=sheet.terms,
        terms_unreadable=sheet.unreadable,
    )


def won_deal_of(system: str, row: Row, settings: SalesforceSettings) -> WonDeal:
    stamp = read(system, OpportunityStamp, row, "Opportunity")
    return WonDeal(
        reference=reference(system, OPPORTUNITY, stamp.Id, "Opportunity.Id"),
        revision=revision_of(row, settings),
        changed_at=stamp.SystemModstamp,
    )


def revision_of(row: Row, settings: SalesforceSettings) -> str:
    """A fingerprint of everything that we read of the deal.

    The opportunity's own stamp would not do: it stays when the account changes, and it moves when
    we write the billing status, which would make each of our writes look like news.
    """
    business = {key: value for key, value in row.items() if key != "SystemModstamp"}
    return hashlib.sha256(dumps(_plain(business)).encode()).hexdigest()[:16]


def account_of(system: str, row: Row, settings: SalesforceSettings) -> DealAccount | None:
    raw = row.get("Account")
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise AnswerUnreadable(system, "a record was expected", where="Account")
    account = read(system, AccountRow, raw, "Account")
    terms = read_named(system, AccountTerms, raw, settings.account.paths(), "Account")
    parent = account.ParentId and reference(system, ACCOUNT, account.ParentId, "Account.ParentId")
    return DealAccount(
        reference=reference(system, ACCOUNT, account.Id, "Account.Id"),
        name=account.Name,
        legal_name=terms.legal_name or "",
        code=terms.code or "",
        address=Address(
            street=account.BillingStreet or "",
            city=account.BillingCity or "",
            postal_code=account.BillingPostalCode or "",
            region=account.BillingState or "",
            country=_country(system, terms.country, settings),
        ),
        vat_id=terms.vat_id or "",
        invoice_email=terms.invoice_email or "",
        parent=parent or None,
        parent_name=_text_at(raw, "Parent.Name"),
    )


def lines_of(system: str, row: Row, settings: SalesforceSettings) -> tuple[DealLine, ...]:
    rows = children(system, row, "OpportunityLineItems", "Opportunity")
    return tuple(_line(system, raw, settings) for raw in rows)


def team_of(system: str, row: Row, settings: SalesforceSettings) -> tuple[DealPerson, ...]:
    if settings.team is None:
        return ()
    relationship = settings.team.relationship
    names = {name: path for name, path in settings.team.paths().items() if name != "relationship"}
    members = (
        read_named(system, MemberRow, raw, names, relationship)
        for raw in children(system, row, relationship, "Opportunity")
    )
    return tuple(
        DealPerson(name=member.name or "", email=member.email or "", role=member.role or "")
        for member in members
    )


def status_body(status: BillingStatus, settings: SalesforceSettings) -> dict[str, Value]:
    """The fields to set; what the status does not speak of stays as it is."""
    told: Mapping[str, Value] = {
        "version": status.version,
        "stage": settings.stages[status.stage],
        "project_code": status.project_code or None,
        "invoice_number": status.invoice_number or None,
        "invoice_gross": status.invoice_gross.amount if status.invoice_gross else None,
        "invoice_date": status.invoice_date.isoformat() if status.invoice_date else None,
        "paid": status.paid.amount if status.paid else None,
    }
    names = settings.status.paths()
    return {names[ours]: value for ours, value in told.items() if names[ours] and value is not None}


def currencies_of(status: BillingStatus) -> set[str]:
    return {money.currency for money in (status.invoice_gross, status.paid) if money}


def _line(system: str, raw: Row, settings: SalesforceSettings) -> DealLine:
    line = read(system, LineRow, raw, LINE_ITEM)
    terms = read_named(system, LineTerms, raw, settings.line.paths(), LINE_ITEM)
    family = terms.kind or line.ProductCode or ""
    kind = settings.kinds.get(family.casefold(), family)
    product = terms.role or line.ProductCode or ""
    return DealLine(
        reference=reference(system, LINE, line.Id, f"{LINE_ITEM}.Id"),
        kind=kind,
        item_id=terms.item_id or "",
        role=product if kind == LineKind.ROLE else "",
        quantity=line.Quantity,
        unit_price=line.UnitPrice,
        effective_from=line.ServiceDate,
        description=line.Description or ("" if kind == LineKind.ROLE else product),
        retainer=_retainer(system, raw, settings) if kind == LineKind.RETAINER else None,
    )


def _retainer(system: str, raw: Row, settings: SalesforceSettings) -> RetainerTerms:
    if settings.retainer is None:
        return RetainerTerms()
    row = read_named(system, RetainerRow, raw, settings.retainer.paths(), LINE_ITEM)
    return RetainerTerms(
        period=row.period or "",
        overage_rate=row.overage_rate,
        rollover_hours_max=row.rollover_hours_max,
        rollover_periods=row.rollover_periods,
        deficit_rolls=bool(row.deficit_rolls),
        unused_at_close=row.unused_at_close or "",
    )


def _amended(
    system: str, record_id: str | None, settings: SalesforceSettings
) -> ExternalRef | None:
    if not record_id:
        return None
    return reference(system, OPPORTUNITY, record_id, f"Opportunity.{settings.opportunity.amends}")


def _country(system: str, told: str | None, settings: SalesforceSettings) -> str:
    """The ISO code of a country. A name that nobody mapped is not guessed and not left out."""
    country = (told or "").strip()
    if not country or _COUNTRY.match(country):
        return country
    code = settings.countries.get(country.casefold(), "")
    if not _COUNTRY.match(code):
        where = f"Account.{settings.account.country}"
        raise AnswerUnreadable(
            system, "the country is neither a two-letter code nor in `countries`", where=where
        )
    return code


def _text_at(row: Row, path: str) -> str:
    value = value_at(row, path)[1]
    return value if isinstance(value, str) else ""


def _plain(value: object) -> object:
    """Without the platform's own marks, keys sorted, numbers without idle zeros."""
    if isinstance(value, dict) and isinstance(value.get("records"), list):
        return _plain(value["records"])
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value) if key != "attributes"}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.normalize() if isinstance(value, Decimal) else value
