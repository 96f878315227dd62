"""Nouns with good defaults: NORTH-DE bills Falkenstein Maschinenbau GmbH in EUR, November 2026."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from canonical.agreement import Agreement, agree
from canonical.billing import BillingRun
from canonical.client import Address
from canonical.contract import InvoiceGrouping
from canonical.deal import Deal, DealAccount, DealLine, DealPerson
from canonical.events import BillingCutoff, DealClosed
from canonical.ids import ExternalRef, engagement_id
from canonical.invoice import Invoice, PostedInvoice, TaxCategory
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

CRM, PSA, ERP, EXPENSES, MAIL = "salesforce", "kantata", "tryton", "expense-tool", "mail"
ENTITY = "NORTH-DE"
PERIOD = "2026-11"
CUTOFF = datetime(2026, 12, 2, 12, tzinfo=UTC)
NAIVE_CUTOFF = datetime(2026, 12, 2, 13)  # noqa: DTZ001  # the books' own time has no zone
POSTED_ON = date(2026, 12, 2)
GO_LIVE = date(2026, 1, 1)
RECEIVED_AT = datetime(2026, 11, 30, 8, tzinfo=UTC)

DEAL = ExternalRef(system=CRM, kind="Opportunity", id="006000000000001AAA")
ACCOUNT = ExternalRef(system=CRM, kind="Account", id="001000000000001AAA")
PSA_PROJECT = ExternalRef(system=PSA, kind="workspace", id="5501")
ERP_INVOICE = ExternalRef(system=ERP, kind="account.invoice", id="71")
ENGAGEMENT = engagement_id(DEAL)


def euro(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="EUR")


def make_entity(**changes: object) -> LegalEntity:
    values = {
        "code": ENTITY,
        "name": "North Consulting GmbH",
        "country": "DE",
        "address": Address(street="Kai 1", city="Hamburg", postal_code="20457", country="DE"),
        "vat_id": "DE136695976",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "systems": {
            SystemRole.CRM: CRM,
            SystemRole.PSA: PSA,
            SystemRole.TIME: PSA,
            SystemRole.EXPENSES: EXPENSES,
            SystemRole.ERP: ERP,
            SystemRole.MAIL: MAIL,
        },
        "roles": {"consultant": "Consultant", "architect": "Architect"},
        "taxes": (
            _tax("DE19", TaxCategory.STANDARD, "0.19"),
            _tax("RC", TaxCategory.REVERSE_CHARGE, "0"),
        ),
        "tax_policy": TaxPolicy(domestic="DE19", eu_business="RC"),
        "erp": ErpMapping(company="North Consulting GmbH"),
        "grouping": InvoiceGrouping.ROLE,
        "invoice_from": "invoices@north.example",
        "go_live": GO_LIVE,
    }
    return LegalEntity.model_validate({**values, **changes})


def _tax(code: str, category: TaxCategory, rate: str) -> TaxRule:
    return TaxRule(
        code=code,
        category=category,
        rate=Decimal(rate),
        effective_from=date(2021, 1, 1),
        erp_tax=code,
    )


def make_landscape(*entities: LegalEntity) -> Landscape:
    """One entity with its systems; `expense-tool` pushes, the others are pulled."""
    adapters = {CRM: CRM, PSA: PSA, ERP: ERP, EXPENSES: "push", MAIL: "smtp"}
    systems = tuple(SystemInstance(name=name, adapter=each) for name, each in adapters.items())
    return Landscape(environment="test", systems=systems, entities=entities or (make_entity(),))


def make_account(**changes: object) -> DealAccount:
    values = {
        "reference": ACCOUNT,
        "name": "Falkenstein Maschinenbau GmbH",
        "code": "FALK",
        "address": Address(
            street="Werkstr. 12", city="Chemnitz", postal_code="09111", country="DE"
        ),
        "vat_id": "DE136695976",
        "invoice_email": "rechnungen@falkenstein.example",
    }
    return DealAccount.model_validate({**values, **changes})


def make_deal(**changes: object) -> Deal:
    """Time and materials at 120.00 EUR (140.00 from 16 November), expenses at cost plus 5 %."""
    values = {
        "reference": DEAL,
        "revision": "2026-10-30T10:00:00Z",
        "name": "Falkenstein MES rollout",
        "is_won": True,
        "close_date": date(2026, 10, 30),
        "currency": "EUR",
        "account": make_account(),
        "lines": (
            make_deal_line("1", "120.00", date(2026, 11, 1)),
            make_deal_line("2", "140.00", date(2026, 11, 16)),
        ),
        "legal_entity": ENTITY,
        "billing_method": "time_and_materials",
        "purchase_order": "PO-4711",
        "net_days": 30,
        "expense_markup_percent": Decimal(5),
        "service_start": date(2026, 11, 1),
        "team": (DealPerson(name="Ada Berg", email="ada@north.example", role="consultant"),),
    }
    return Deal.model_validate({**values, **changes})


def make_deal_line(number: str, rate: str, effective_from: date) -> DealLine:
    return DealLine(
        reference=ExternalRef(system=CRM, kind="OpportunityLineItem", id=number),
        kind="role",
        role="Consultant",
        unit_price=Decimal(rate),
        effective_from=effective_from,
    )


def make_agreement(deal: Deal | None = None, entity: LegalEntity | None = None) -> Agreement:
    return agree(deal or make_deal(), entity or make_entity())


def make_time_entry(external_id: str = "t-1", **changes: object) -> TimeEntry:
    """Eight approved hours of a consultant on 5 November."""
    values = {
        "source": PSA,
        "external_id": external_id,
        "version": datetime(2026, 11, 10, 9, tzinfo=UTC),
        "project": PSA_PROJECT,
        "person": "ada@north.example",
        "person_name": "Ada Berg",
        "work_date": date(2026, 11, 5),
        "hours": Decimal(8),
        "role": "Consultant",
        "task": "Rollout",
        "description": "Line 3 commissioning",
        "approved": True,
        "approved_by": "bo@north.example",
        "approved_at": datetime(2026, 11, 10, 9, tzinfo=UTC),
    }
    return TimeEntry.model_validate({**values, **changes})


def make_expense(external_id: str = "e-1", **changes: object) -> Expense:
    """An approved train ticket of 89.90 EUR net on 6 November."""
    values = {
        "source": EXPENSES,
        "external_id": external_id,
        "version": datetime(2026, 11, 11, 9, tzinfo=UTC),
        "project": PSA_PROJECT,
        "person": "ada@north.example",
        "person_name": "Ada Berg",
        "work_date": date(2026, 11, 6),
        "cost": euro("89.90"),
        "category": "Travel",
        "approved": True,
        "approved_by": "bo@north.example",
        "approved_at": datetime(2026, 11, 11, 9, tzinfo=UTC),
    }
    return Expense.model_validate({**values, **changes})


def later(item: TimeEntry, **changes: object) -> TimeEntry:
    """The same entry, changed by its source an hour later."""
    return item.model_copy(update={"version": item.version + timedelta(hours=1), **changes})


def make_run(run: int = 1, **changes: object) -> BillingRun:
    values = {"engagement_id": ENGAGEMENT, "period": PERIOD, "cutoff": CUTOFF, "run": run}
    return BillingRun.model_validate({**values, **changes})


def make_invoice(
    items: Sequence[TimeEntry | Expense] = (), *, run: BillingRun | None = None
) -> Invoice:
    """The draft of a run over `items` (one eight-hour entry by default), as the engine makes it."""
    agreement = make_agreement()
    (invoice,) = folding.bill(
        items or (make_time_entry(),),
        run or make_run(),
        agreement.contract,
        make_entity(),
        agreement.plan.code,
    ).invoices
    return invoice


def make_posted(invoice: Invoice, **changes: object) -> PostedInvoice:
    """The ERP's answer after posting `invoice`, with our figures."""
    values = {
        "reference": ERP_INVOICE,
        "key": invoice.key,
        "number": "2026/0007",
        "state": "posted",
        "posted": True,
        "invoice_date": POSTED_ON,
        "due_date": date(2027, 1, 1),
        "net": invoice.net,
        "tax": invoice.tax,
        "gross": invoice.gross,
        "open_amount": invoice.gross,
    }
    return PostedInvoice.model_validate({**values, **changes})


def make_deal_closed(identity: str = "n-1", **changes: object) -> DealClosed:
    values = {"id": identity, "source": CRM, "occurred_at": RECEIVED_AT, "deal": DEAL}
    return DealClosed.model_validate({**values, **changes})


def make_cutoff(identity: str = "c-1", **changes: object) -> BillingCutoff:
    values = {
        "id": identity,
        "source": "scheduler",
        "occurred_at": CUTOFF,
        "legal_entity": ENTITY,
        "period": PERIOD,
        "cutoff": CUTOFF,
    }
    return BillingCutoff.model_validate({**values, **changes})
