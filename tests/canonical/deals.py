"""Deals with good defaults: a German entity sells to a German client, in EUR, from March 2026."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from canonical.agreement import agree
from canonical.client import Address
from canonical.contract import ContractLine, ContractVersion
from canonical.deal import Deal, DealAccount, DealLine, DealPerson, LineKind, RetainerTerms
from canonical.ids import ExternalRef
from canonical.invoice import TaxCategory
from canonical.landscape import (
    ErpMapping,
    Landscape,
    LegalEntity,
    SystemInstance,
    SystemRole,
    TaxPolicy,
    TaxRule,
)
from canonical.validation import Finding, KnownClient, validate_deal
from runtime.plain_yaml import PlainYaml

SENIOR, JUNIOR = "Senior Consultant", "Consultant"
STARTS = date(2026, 3, 1)
POLICY = TaxPolicy(domestic="VAT19", eu_business="RC", third_country="OUT")


def day(text: str) -> date:
    return date.fromisoformat(text)


def make_entity(code: str = "NW-DE", policy: TaxPolicy = POLICY) -> LegalEntity:
    return LegalEntity(
        code=code,
        name="Nordwind Beratung GmbH",
        country="DE",
        currency="EUR",
        time_zone="Europe/Berlin",
        systems={SystemRole.CRM: "crm"},
        roles={"senior consultant": SENIOR, "snr": SENIOR, "consultant": JUNIOR},
        taxes=(
            _tax("VAT19", TaxCategory.STANDARD, "0.19"),
            _tax("RC", TaxCategory.REVERSE_CHARGE, "0"),
            _tax("OUT", TaxCategory.OUTSIDE_SCOPE, "0"),
        ),
        tax_policy=policy,
        erp=ErpMapping(company="Nordwind"),
        invoice_from="billing@nordwind.example",
        go_live=day("2026-01-01"),
    )


def _tax(code: str, category: TaxCategory, rate: str) -> TaxRule:
    since = day("2021-01-01")
    return TaxRule(
        code=code, category=category, rate=Decimal(rate), effective_from=since, erp_tax=code
    )


def make_landscape(*entities: LegalEntity) -> Landscape:
    return Landscape(
        environment="test",
        systems=(SystemInstance(name="crm", adapter="salesforce"),),
        entities=entities or (make_entity(), make_entity("NW-AT")),
    )


def make_account(**changes: object) -> DealAccount:
    values = {
        "reference": ExternalRef(system="crm", kind="account", id="001000000000001AAA"),
        "name": "Falkenstein Maschinenbau GmbH",
        "code": "K-10042",
        "address": make_address(),
        "vat_id": "DE136695976",
        "invoice_email": "rechnungen@falkenstein.example",
    }
    return DealAccount.model_validate({**values, **changes})


def make_address(country: str = "DE", city: str = "Chemnitz") -> Address:
    return Address(street="Werkstraße 7", city=city, postal_code="09111", country=country)


def deal_ref(number: int) -> ExternalRef:
    return ExternalRef(system="crm", kind="opportunity", id=f"006{number:012d}AAA")


def role_line(rate: str, since: str | None = None, role: str = "SNR") -> DealLine:
    return _line(LineKind.ROLE, "100", rate, since, role=role)


def retainer_line(
    hours: str = "20", fee: str = "3000.00", since: str | None = None, **changes: Any
) -> DealLine:
    """Twenty hours a month for 3,000.00; hours beyond cost 180.00."""
    item_id = changes.pop("item_id", "")
    terms = {"period": "month", "overage_rate": Decimal(180), **changes}
    retainer = RetainerTerms.model_validate(terms)
    return _line(LineKind.RETAINER, hours, fee, since, retainer=retainer, item_id=item_id)


def milestone_line(name: str, amount: str, item_id: str = "", quantity: str = "1") -> DealLine:
    return _line(LineKind.MILESTONE, quantity, amount, description=name, item_id=item_id)


def fee_line(due: str | None, amount: str, item_id: str = "", quantity: str = "1") -> DealLine:
    return _line(LineKind.FEE, quantity, amount, due, item_id=item_id)


def other_line(kind: str, price: str) -> DealLine:
    return _line(kind, "1", price)


def _line(
    kind: str, quantity: str, price: str, since: str | None = None, **changes: object
) -> DealLine:
    values = {
        "reference": ExternalRef(system="crm", kind="line", id="00k0"),
        "kind": str(kind),
        "quantity": Decimal(quantity),
        "unit_price": Decimal(price),
        "effective_from": since,
    }
    return DealLine.model_validate({**values, **changes})


def make_deal(*lines: DealLine, sheet: str = "", **changes: object) -> Deal:
    """Time and materials whose rate rises in the middle of March, expenses at cost plus 5 %.

    `sheet` is the terms sheet as people write it.
    """
    sold = lines or (role_line("180"), role_line("195", "2026-03-16"))
    values = {
        "reference": deal_ref(1),
        "revision": "1",
        "name": "Line 4 modernisation",
        "is_won": True,
        "currency": "EUR",
        "account": make_account(),
        "lines": [_numbered(line, number) for number, line in enumerate(sold, start=1)],
        "legal_entity": "NW-DE",
        "billing_method": "time_and_materials",
        "purchase_order": "4500012345",
        "purchase_order_required": True,
        "net_days": 30,
        "expense_markup_percent": Decimal(5),
        "service_start": STARTS,
        "service_end": day("2026-12-31"),
        "team": (DealPerson(name="Ada Becker", email="ada@nordwind.example", role="SNR"),),
        "terms": terms(sheet) if sheet else {},
    }
    return Deal.model_validate({**values, **changes})


def _numbered(line: DealLine, number: int) -> DealLine:
    reference = line.reference.model_copy(update={"id": f"00k{number}"})
    return line.model_copy(update={"reference": reference})


def terms(sheet: str) -> object:
    return PlainYaml(sheet, numbers_as_text=True).value


def sold_by(method: str, *lines: DealLine, sheet: str = "", **changes: object) -> Deal:
    """A deal of some method without expenses."""
    usual = {"billing_method": method, "expense_markup_percent": None}
    return make_deal(*lines, sheet=sheet, **{**usual, **changes})


def contract_of(deal: Deal) -> ContractVersion:
    return agree(deal, make_entity()).contract


def line_of(deal: Deal, line_id: str) -> ContractLine:
    return next(line for line in contract_of(deal).lines if line.line_id == line_id)


def findings_of(
    deal: Deal, *known: KnownClient, landscape: Landscape | None = None
) -> tuple[Finding, ...]:
    report = validate_deal(deal, landscape or make_landscape(), known)
    assert report.passed == (not report.findings)
    return report.findings


def codes_of(deal: Deal, *known: KnownClient, landscape: Landscape | None = None) -> list[str]:
    return [finding.code for finding in findings_of(deal, *known, landscape=landscape)]
