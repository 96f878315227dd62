"""Builders with good defaults: one German entity, one German client, time and materials in EUR."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from canonical.billing import BillingRun
from canonical.client import Address, Client, TaxId, TaxIdKind
from canonical.contract import (
    ContractLine,
    ContractVersion,
    ExpensesLine,
    InvoiceGrouping,
    RateRow,
    TaxMode,
    TimeAndMaterialsLine,
)
from canonical.deal import Deal, DealAccount, DealLine, DealPerson
from canonical.engine.story import Event
from canonical.ids import (
    ClientId,
    EngagementId,
    ExternalRef,
    client_id,
    contract_id,
)
from canonical.invoice import Invoice, TaxCategory
from canonical.landscape import (
    ErpMapping,
    Landscape,
    LegalEntity,
    SystemInstance,
    SystemRole,
    TaxPolicy,
    TaxRule,
)
from canonical.money import Money
from canonical.work import Expense, TimeEntry
from tests import folding

ENGAGEMENT = EngagementId("crm/006000000000001AAA")
SENIOR, JUNIOR = "Senior Consultant", "Consultant"
APPROVED_AT = datetime(2026, 4, 1, 9, tzinfo=UTC)
PROJECT = ExternalRef(system="psa", kind="project", id="5501")

VAT = TaxRule(
    code="VAT19",
    category=TaxCategory.STANDARD,
    rate=Decimal("0.19"),
    effective_from=date(2021, 1, 1),
    erp_tax="19% USt",
)
REVERSE = TaxRule(
    code="RC",
    category=TaxCategory.REVERSE_CHARGE,
    rate=Decimal(0),
    effective_from=date(2021, 1, 1),
    erp_tax="Reverse charge",
    legal_text="Steuerschuldnerschaft des Leistungsempfängers.",
)
OUTSIDE = TaxRule(
    code="OUT",
    category=TaxCategory.OUTSIDE_SCOPE,
    rate=Decimal(0),
    effective_from=date(2021, 1, 1),
    erp_tax="Not taxable",
    legal_text="Nicht im Inland steuerbare Leistung.",
)
POLICY = TaxPolicy(domestic="VAT19", eu_business="RC", third_country="OUT")


def day(text: str) -> date:
    return date.fromisoformat(text)


def euro(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="EUR")


def make_entity(
    *,
    country: str = "DE",
    currency: str = "EUR",
    taxes: tuple[TaxRule, ...] = (VAT, REVERSE, OUTSIDE),
    policy: TaxPolicy = POLICY,
    systems: dict[SystemRole, str] | None = None,
    roles: dict[str, str] | None = None,
    bank_details: str = "IBAN DE02 1203 0000 0000 2020 51\nBIC BYLADEM1001",
    name: str = "Nordwind Beratung GmbH",
    time_zone: str = "Europe/Berlin",
) -> LegalEntity:
    return LegalEntity(
        code="NW-DE",
        name=name,
        country=country,
        address=Address(
            street="Speicherstraße 12", city="Hamburg", postal_code="20457", country=country
        ),
        vat_id="DE123456788",
        currency=currency,
        time_zone=time_zone,
        systems={SystemRole.CRM: "crm", SystemRole.ERP: "erp"} if systems is None else systems,
        roles={"senior consultant": SENIOR, "snr": SENIOR, "consultant": JUNIOR}
        if roles is None
        else roles,
        taxes=taxes,
        tax_policy=policy,
        erp=ErpMapping(company="Nordwind"),
        invoice_from="billing@nordwind.example",
        bank_details=bank_details,
        go_live=day("2026-01-01"),
    )


def make_landscape(*entities: LegalEntity) -> Landscape:
    return Landscape(
        environment="test",
        systems=(
            SystemInstance(name="crm", adapter="salesforce"),
            SystemInstance(name="erp", adapter="tryton"),
        ),
        entities=entities or (make_entity(),),
    )


def make_client(
    *,
    country: str = "DE",
    vat_id: str = "DE136695976",
    legal_name: str = "Falkenstein Maschinenbau GmbH",
    currency: str = "EUR",
) -> Client:
    reference = ExternalRef(system="crm", kind="account", id="001000000000001AAA")
    return Client(
        id=client_id(reference),
        reference=reference,
        code="K-10042",
        name=legal_name,
        legal_name=legal_name,
        address=Address(
            street="Werkstraße 7", city="Chemnitz", postal_code="09111", country=country
        ),
        tax_ids=(TaxId(kind=TaxIdKind.EU_VAT, value=vat_id),) if vat_id else (),
        currency=currency,
        net_days=30,
        invoice_email="rechnungen@falkenstein.example",
    )


def make_rate(
    rate: str, first: str = "2026-01-01", last: str | None = None, *, role: str = SENIOR
) -> RateRow:
    return RateRow(
        row=f"{role} from {first}",
        role=role,
        rate=Decimal(rate),
        effective_from=day(first),
        effective_to=None if last is None else day(last),
    )


def time_line(
    *rates: RateRow, tax_code: str = "VAT19", line_id: str = "time"
) -> TimeAndMaterialsLine:
    return TimeAndMaterialsLine(line_id=line_id, tax_code=tax_code, rates=rates)


def expenses_line(markup_percent: str = "5", *, tax_code: str = "VAT19") -> ExpensesLine:
    return ExpensesLine(
        line_id="expenses", tax_code=tax_code, markup_percent=Decimal(markup_percent)
    )


def make_contract(
    *lines: ContractLine,
    version: int = 1,
    effective_from: str = "2026-01-01",
    currency: str = "EUR",
    grouping: InvoiceGrouping = InvoiceGrouping.ROLE,
    tax_mode: TaxMode = TaxMode.PER_RATE_TOTAL,
) -> ContractVersion:
    return ContractVersion(
        contract_id=contract_id(ENGAGEMENT),
        engagement_id=ENGAGEMENT,
        version=version,
        effective_from=day(effective_from),
        legal_entity="NW-DE",
        bill_to=ClientId("client-1"),
        currency=currency,
        net_days=30,
        purchase_order="4500012345",
        grouping=grouping,
        tax_mode=tax_mode,
        lines=lines or (time_line(make_rate("180")), expenses_line()),
    )


def make_run(run: int = 1, period: str = "2026-03") -> BillingRun:
    return BillingRun(engagement_id=ENGAGEMENT, period=period, cutoff=APPROVED_AT, run=run)


def make_entry(
    hours: str = "8",
    work_date: str = "2026-03-10",
    *,
    role: str = SENIOR,
    task: str = "",
    person_name: str = "Ada Becker",
    external_id: str = "",
    approved: bool = True,
    line: str = "",
) -> TimeEntry:
    return TimeEntry(
        source="psa",
        external_id=external_id or f"t-{work_date}-{hours}",
        version=APPROVED_AT,
        project=PROJECT,
        person=person_name.partition(" ")[0].lower(),
        person_name=person_name,
        work_date=day(work_date),
        approved=approved,
        approved_by="boss" if approved else "",
        approved_at=APPROVED_AT if approved else None,
        hours=Decimal(hours),
        role=role,
        task=task,
        line=line,
    )


def make_expense(
    cost: str = "100.00",
    work_date: str = "2026-03-12",
    *,
    currency: str = "EUR",
    category: str = "Travel",
) -> Expense:
    return Expense(
        source="expenses",
        external_id=f"x-{work_date}-{cost}",
        version=APPROVED_AT,
        project=PROJECT,
        person="ada",
        person_name="Ada Becker",
        work_date=day(work_date),
        approved=True,
        approved_by="boss",
        approved_at=APPROVED_AT,
        cost=Money(amount=Decimal(cost), currency=currency),
        category=category,
    )


def worked_contract(
    *,
    tax_code: str = "VAT19",
    tax_code_of_expenses: str = "",
    grouping: InvoiceGrouping = InvoiceGrouping.ROLE,
) -> ContractVersion:
    """180.00 EUR an hour until 15 March, 195.00 from the 16th, 120.00 for juniors; expenses at
    cost plus 5 %."""
    rates = (
        make_rate("180", last="2026-03-15"),
        make_rate("195", "2026-03-16"),
        make_rate("120", role=JUNIOR),
    )
    return make_contract(
        time_line(*rates, tax_code=tax_code),
        expenses_line(tax_code=tax_code_of_expenses or tax_code),
        grouping=grouping,
    )


def bill(
    items: Sequence[TimeEntry | Expense] = (),
    *then: Event,
    entity: LegalEntity | None = None,
    version: ContractVersion | None = None,
) -> folding.Billed:
    """A run of March over `items` (one eight-hour entry by default), as the engine makes it, and
    the decisions after it."""
    return folding.bill(
        items or [make_entry()],
        make_run(),
        version or worked_contract(),
        entity or make_entity(),
        "FALK-000000000001",
        *then,
    )


def make_invoice(
    items: Sequence[TimeEntry | Expense] = (),
    *,
    entity: LegalEntity | None = None,
    version: ContractVersion | None = None,
) -> Invoice:
    """The only draft of a run; `posted` gives it a number and dates."""
    (invoice,) = bill(items, entity=entity, version=version).invoices
    return invoice


def posted(invoice: Invoice, *, number: str = "RE-2026-0042") -> Invoice:
    dates = {"invoice_date": day("2026-04-02"), "due_date": day("2026-05-02")}
    return invoice.model_copy(update={"number": number, **dates})


def deal_ref(number: int) -> ExternalRef:
    return ExternalRef(system="crm", kind="opportunity", id=f"006{number:012d}AAA")


def deal_line(
    rate: str, effective_from: str | None = None, *, role: str = "SNR", number: int = 1
) -> DealLine:
    return DealLine(
        reference=ExternalRef(system="crm", kind="line", id=f"00k{number}"),
        kind="role",
        role=role,
        quantity=Decimal(100),
        unit_price=Decimal(rate),
        effective_from=None if effective_from is None else day(effective_from),
    )


def make_account(
    *,
    country: str = "DE",
    vat_id: str = "DE136695976",
    name: str = "Falkenstein Maschinenbau GmbH",
    invoice_email: str = "rechnungen@falkenstein.example",
    city: str = "Chemnitz",
    code: str = "K-10042",
) -> DealAccount:
    return DealAccount(
        reference=ExternalRef(system="crm", kind="account", id="001000000000001AAA"),
        name=name,
        code=code,
        address=Address(street="Werkstraße 7", city=city, postal_code="09111", country=country),
        vat_id=vat_id,
        invoice_email=invoice_email,
    )


def make_deal(
    *lines: DealLine,
    account: DealAccount | None = None,
    currency: str = "EUR",
    net_days: int | None = 30,
    legal_entity: str = "NW-DE",
    service_start: str | None = "2026-03-01",
    service_end: str | None = "2026-12-31",
    purchase_order: str = "4500012345",
    markup_percent: str | None = "5",
    is_won: bool = True,
    billing_method: str = "time_and_materials",
) -> Deal:
    return Deal(
        reference=deal_ref(1),
        revision="1",
        name="Line 4 modernisation",
        is_won=is_won,
        currency=currency,
        account=account or make_account(),
        lines=lines or (deal_line("180"), deal_line("195", "2026-03-16", number=2)),
        legal_entity=legal_entity,
        billing_method=billing_method,
        purchase_order=purchase_order,
        purchase_order_required=True,
        net_days=net_days,
        expense_markup_percent=None if markup_percent is None else Decimal(markup_percent),
        service_start=None if service_start is None else day(service_start),
        service_end=None if service_end is None else day(service_end),
        team=(DealPerson(name="Ada Becker", email="ada@nordwind.example", role="SNR"),),
    )
