"""Clients, projects, invoices and a landscape for the ERP's tests, with good defaults."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from uuid import uuid4

import httpx
from pydantic import SecretStr

from adapters.registry import AdapterContext
from adapters.tryton.local import northfield
from canonical.client import Address, Client, TaxId, TaxIdKind
from canonical.ids import ClientId, ContractId, EngagementId, ExternalRef, InvoiceId, ProjectId
from canonical.invoice import Invoice, InvoiceLine, TaxCategory, TaxRow
from canonical.journal_entry import JournalEntry, JournalEntryLine
from canonical.landscape import (
    ErpMapping,
    Landscape,
    LegalEntity,
    SystemInstance,
    SystemLimits,
    SystemRole,
    TaxPolicy,
    TaxRule,
)
from canonical.money import Money, total
from canonical.project import ProjectPlan, RoleRate

ENTITY = "NC-DE"
SYSTEM = "erp"
TODAY = datetime.now(UTC).date()

_numbers = count(1)
_RUN = uuid4().hex[:6].upper()
"""Test processes share no server, but a server is shared by tests: codes are never used twice."""


def unique(prefix: str) -> str:
    return f"{prefix}-{_RUN}-{next(_numbers)}"


def make_entity(**changes: object) -> LegalEntity:
    def tax(code: str, category: TaxCategory, rate: str, name: str) -> TaxRule:
        return TaxRule(
            code=code,
            category=category,
            rate=Decimal(rate),
            effective_from=date(2021, 1, 1),
            erp_tax=name,
        )

    entity = LegalEntity(
        code=ENTITY,
        name=northfield.NAME,
        country="DE",
        currency="EUR",
        time_zone="Europe/Berlin",
        systems={SystemRole.ERP: SYSTEM},
        taxes=(
            tax("S19", TaxCategory.STANDARD, "0.19", "VAT 19 %"),
            tax("S7", TaxCategory.STANDARD, "0.07", "VAT 7 %"),
            tax("RC", TaxCategory.REVERSE_CHARGE, "0", "Reverse charge 0 %"),
        ),
        tax_policy=TaxPolicy(domestic="S19", eu_business="RC"),
        erp=ErpMapping(
            company=northfield.NAME,
            accounts=northfield.account_map(),
            products=northfield.product_map(),
        ),
        invoice_from="billing@northfield.example",
        go_live=date(2025, 1, 1),
    )
    return entity.model_copy(update=changes)


def make_context(
    url: str,
    database: str,
    password: SecretStr,
    *,
    user: str = northfield.API_USER,
    page_size: int = 100,
    timeout_s: float = 60,
    organisation: str = "",
    entity: LegalEntity | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AdapterContext:
    system = SystemInstance(
        name=SYSTEM,
        adapter="tryton",
        organisation=organisation,
        settings={"base_url": url, "database": database, "user": user, "page_size": page_size},
        limits=SystemLimits(requests_per_second=1000, calls_at_once=8, timeout_s=timeout_s),
    )
    landscape = Landscape(
        environment="test", systems=(system,), entities=(entity or make_entity(),)
    )
    return AdapterContext(system, landscape, {"password": password}, transport)


def make_client(**changes: object) -> Client:
    code = unique("CL")
    client = Client(
        id=ClientId(code),
        reference=ExternalRef(system="crm", kind="account", id=code),
        code=code,
        name="Falkenstein",
        legal_name="Falkenstein Maschinenbau GmbH",
        address=Address(street="Werkstraße 7", city="Chemnitz", postal_code="09111", country="DE"),
        tax_ids=(TaxId(kind=TaxIdKind.EU_VAT, value="DE136695976"),),
        currency="EUR",
        net_days=30,
        invoice_email="rechnung@falkenstein.example",
    )
    return client.model_copy(update=changes)


def make_plan(**changes: object) -> ProjectPlan:
    code = unique("FALK")
    plan = ProjectPlan(
        id=ProjectId(code),
        engagement_id=EngagementId(f"crm/{code}"),
        deal=ExternalRef(system="crm", kind="deal", id=code),
        code=code,
        name="Plant roll-out",
        legal_entity=ENTITY,
        currency="EUR",
        starts=date(2026, 10, 1),
        rates=tuple(
            RoleRate(role=role, rate=Decimal("150"), effective_from=date(2026, 10, 1))
            for role in ("Senior consultant", "Consultant")
        ),
    )
    return plan.model_copy(update=changes)


def make_line(
    net: str = "1000.00", tax_code: str = "S19", kind: str = "time", line_no: int = 1
) -> InvoiceLine:
    return InvoiceLine(
        line_no=line_no,
        kind=kind,
        description=f"Line {line_no}: 10 h at 100 EUR",
        net=Money(amount=Decimal(net), currency="EUR"),
        tax_code=tax_code,
    )


def make_invoice(*lines: InvoiceLine, net_days: int = 30, key: str = "") -> Invoice:
    """An invoice whose taxes (one amount per rate) and totals are what the rules make of it."""
    chosen = lines or (make_line(),)
    key = key or unique("INV")
    first, last = date(2026, 10, 1), date(2026, 10, 31)
    codes = sorted({line.tax_code for line in chosen})
    taxes = tuple(_tax_row(code, chosen) for code in codes)
    net = total((line.net for line in chosen), "EUR")
    tax = total((row.amount for row in taxes), "EUR")
    return Invoice(
        id=InvoiceId(key),
        key=key,
        engagement_id=EngagementId("crm/1"),
        contract_id=ContractId("contract"),
        legal_entity=ENTITY,
        bill_to=ClientId("client"),
        project_code="FALK-1",
        currency="EUR",
        period="2026-10",
        run=1,
        service_from=first,
        service_to=last,
        purchase_order="PO-4711",
        net_days=net_days,
        lines=chosen,
        taxes=taxes,
        discount=Money.zero("EUR"),
        net=net,
        tax=tax,
        gross=net + tax,
        paid=Money.zero("EUR"),
    )


def _tax_row(code: str, lines: tuple[InvoiceLine, ...]) -> TaxRow:
    (rule,) = [each for each in make_entity().taxes if each.code == code]
    base = total((line.net for line in lines if line.tax_code == code), "EUR")
    tax = Money.rounded(base.amount * rule.rate, "EUR")
    return TaxRow(tax_code=code, category=rule.category, rate=rule.rate, base=base, amount=tax)


ENTRY_DAY = date(2027, 3, 31)
"""A month that no test closes: Tryton closes no period that has drafts of entries."""


def make_entry_line(account: str, amount: str, description: str = "") -> JournalEntryLine:
    return JournalEntryLine(
        account=account,
        amount=Money(amount=Decimal(amount), currency="EUR"),
        description=description,
    )


def make_entry(*lines: JournalEntryLine, key: str = "", on: date = ENTRY_DAY) -> JournalEntry:
    """Revenue of 100.00 that is not billed yet, unless lines are given."""
    return JournalEntry(
        key=key or f"revenue/{ENTITY}/{unique('P')}/1",
        legal_entity=ENTITY,
        currency="EUR",
        period=f"{on:%Y-%m}",
        on=on,
        description="Revenue of the period",
        lines=lines
        or (
            make_entry_line("1200", "100.00", "2 contracts"),
            make_entry_line(northfield.REVENUE, "-100.00", "2 contracts"),
        ),
    )
