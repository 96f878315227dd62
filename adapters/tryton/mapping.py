"""Between the canonical models and Tryton's records. Pure: no calls, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from adapters.tryton.api import Values
from adapters.tryton.rows import (
    Address,
    ContactMechanism,
    Identifier,
    Invoice,
    Party,
    PartyDefaults,
    PaymentLine,
    State,
    Work,
)
from adapters.tryton.wire import Wire
from canonical.client import Client
from canonical.ids import ExternalRef
from canonical.invoice import DraftInvoice, PostedInvoice
from canonical.invoice import Invoice as OurInvoice
from canonical.money import Money
from canonical.payment import PaymentSeen
from canonical.project import ProjectPlan

PARTY, WORK, INVOICE, PAYMENT = "party", "project", "invoice", "payment"
POSTED_STATES = frozenset({State.POSTED, State.PAID})


def external_ref(system: str, kind: str, record: int) -> ExternalRef:
    return ExternalRef(system=system, kind=kind, id=str(record))


# Parties


def address_values(client: Client, country: int | None) -> dict[str, Wire]:
    return {
        "street": client.address.street or None,
        "postal_code": client.address.postal_code or None,
        "city": client.address.city or None,
        "country": country,
        "invoice": True,
    }


def party_values(client: Client, payment_term: int) -> dict[str, Wire]:
    return {"name": client.legal_name, "active": True, "customer_payment_term": payment_term}


def new_party(client: Client, payment_term: int, country: int | None) -> Values:
    """All of a party in one create: it is there whole, or not at all."""
    identifiers: list[Wire] = (
        [["create", [{"type": "eu_vat", "code": client.vat_id()}]]] if client.vat_id() else []
    )
    contacts: list[Wire] = (
        [["create", [{"type": "email", "value": client.invoice_email}]]]
        if client.invoice_email
        else []
    )
    return {
        **party_values(client, payment_term),
        "code": client.code,
        "addresses": [["create", [address_values(client, country)]]],
        "identifiers": identifiers,
        "contact_mechanisms": contacts,
    }


def party_changes(
    client: Client,
    payment_term: int,
    country: int | None,
    party: Party,
    addresses: Sequence[Address],
    identifiers: Sequence[Identifier],
    contacts: Sequence[ContactMechanism],
) -> Values:
    """What to write so that the party says what the client says; empty when it does."""
    changes = differences(party_values(client, payment_term), party.model_dump())
    billing = next((row for row in addresses if row.invoice), None)
    wanted = address_values(client, country)
    vat = next((row for row in identifiers if row.type == "eu_vat"), None)
    mail = next((row for row in contacts if row.type == "email"), None)
    related: dict[str, list[Wire]] = {
        "addresses": _upsert(billing, wanted),
        "identifiers": _upsert(vat, {"type": "eu_vat", "code": client.vat_id()})
        if client.vat_id()
        else [],
        "contact_mechanisms": _upsert(mail, {"type": "email", "value": client.invoice_email})
        if client.invoice_email
        else [],
    }
    return {**changes, **{field: commands for field, commands in related.items() if commands}}


def _upsert(
    row: Address | Identifier | ContactMechanism | None, wanted: dict[str, Wire]
) -> list[Wire]:
    """The x2many command that makes `row` say what is wanted; none when it does."""
    if row is None:
        return [["create", [wanted]]]
    changes = differences(wanted, row.model_dump())
    return [["write", [row.id], changes]] if changes else []


def differences(wanted: Mapping[str, Wire], present: Mapping[str, object]) -> dict[str, Wire]:
    """The wanted values that are not present; an empty text and none are the same to Tryton."""
    return {
        field: value
        for field, value in wanted.items()
        if (present.get(field) or None) != (value or None)
    }


# Projects


def task_number(plan: ProjectPlan, role: str) -> str:
    return f"{plan.code}/{role}"


def task_values(plan: ProjectPlan, role: str) -> Values:
    """One task per role. Rates stay in the contract: they are dated, a task's price is not."""
    return {"type": "task", "number": task_number(plan, role), "name": role}


def roles_of(plan: ProjectPlan) -> list[str]:
    return sorted({rate.role for rate in plan.rates} | {member.role for member in plan.team})


def work_values(plan: ProjectPlan, party: int) -> dict[str, Wire]:
    return {"name": plan.name, "party": party}


def new_work(plan: ProjectPlan, party: int, company: int) -> Values:
    return {
        **work_values(plan, party),
        "type": "project",
        "number": plan.code,
        "company": company,
        "project_invoice_method": "manual",
        "timesheet_available": False,
        "children": [
            ["create", [{**task_values(plan, role), "company": company} for role in roles_of(plan)]]
        ],
    }


def missing_tasks(plan: ProjectPlan, tasks: Iterable[Work]) -> list[Values]:
    present = {task.number for task in tasks}
    wanted = (task_values(plan, role) for role in roles_of(plan))
    return [task for task in wanted if task["number"] not in present]


# Invoices


def new_invoice(
    invoice: OurInvoice,
    key: str,
    party: int,
    defaults: PartyDefaults,
    records: Mapping[str, int],
    lines: Sequence[Values],
) -> Values:
    """A draft with our totals: the server refuses to post it when its own differ."""
    return {
        **records,
        "type": "out",
        "party": party,
        "account": defaults.account,
        "invoice_address": defaults.invoice_address,
        "party_tax_identifier": defaults.party_tax_identifier,
        "reference": key,
        "description": invoice_description(invoice),
        "source_untaxed_amount": invoice.net.amount,
        "source_tax_amount": invoice.tax.amount,
        "source_total_amount": invoice.gross.amount,
        "lines": [["create", list(lines)]],
    }


def invoice_description(invoice: OurInvoice) -> str:
    order = f", purchase order {invoice.purchase_order}" if invoice.purchase_order else ""
    return (
        f"Project {invoice.project_code}, services {invoice.service_from} "
        f"to {invoice.service_to}{order}"
    )


def line_values(
    description: str, net: Money, records: Mapping[str, int], taxes: Sequence[int]
) -> Values:
    """Quantity 1 at the net: hours times rate of a group is not the sum of its rounded parts."""
    return {
        **records,
        "type": "line",
        "description": description,
        "quantity": 1.0,
        "unit_price": net.amount,
        "taxes": [["add", list(taxes)]] if taxes else [],
    }


def to_draft(system: str, row: Invoice) -> DraftInvoice:
    return DraftInvoice(reference=external_ref(system, INVOICE, row.id), key=row.reference or "")


def to_posted(system: str, row: Invoice) -> PostedInvoice:
    def money(amount: Decimal) -> Money:
        return Money(amount=amount, currency=row.currency.code)

    return PostedInvoice(
        reference=external_ref(system, INVOICE, row.id),
        key=row.reference or "",
        number=row.number or "",
        state=row.state.value,
        posted=row.state in POSTED_STATES,
        invoice_date=row.invoice_date,
        due_date=max(
            (due for line in row.lines_to_pay if (due := line.maturity_date)), default=None
        ),
        net=money(row.untaxed_amount),
        tax=money(row.tax_amount),
        gross=money(row.total_amount),
        open_amount=money(row.amount_to_pay or Decimal(0)),
    )


def due_date(row: Invoice) -> date | None:
    """When the last instalment is due; None before posting."""
    return max(
        (line.maturity_date for line in row.lines_to_pay if line.maturity_date), default=None
    )


# Payments


def to_payments(
    system: str, invoice: Invoice, lines: Mapping[int, PaymentLine]
) -> list[PaymentSeen]:
    """The payments of an invoice; a credit note that was set off against it is none."""
    return [
        to_payment(system, invoice, lines[line])
        for line in invoice.payment_lines
        if line in lines and not _is_set_off(invoice, lines[line])
    ]


def _is_set_off(invoice: Invoice, line: PaymentLine) -> bool:
    model, _, record = (line.move.origin or "").partition(",")
    return model == "account.invoice" and record != str(invoice.id)


def to_payment(system: str, invoice: Invoice, line: PaymentLine) -> PaymentSeen:
    currency = invoice.currency.code
    if line.second_currency is not None and line.second_currency.code == currency:
        amount = -(line.amount_second_currency or Decimal(0))
    else:
        amount = line.credit - line.debit
    return PaymentSeen(
        reference=external_ref(system, PAYMENT, line.id),
        invoice=external_ref(system, INVOICE, invoice.id),
        amount=Money(amount=amount, currency=currency),
        paid_on=line.date,
        bank_reference=line.move.description or "",
    )


# Cursors

_SEPARATOR = "/"
OVERLAP = timedelta(minutes=2)
"""`write_date` is when a transaction began: a slow post is seen after later ones."""


def to_cursor(changed_at: datetime, record: int) -> str:
    return f"{changed_at.isoformat()}{_SEPARATOR}{record}"


def from_cursor(cursor: str) -> tuple[datetime, int]:
    """When and which record a cursor points at (naive UTC, as the server's). Raises ValueError."""
    moment, _, record = cursor.partition(_SEPARATOR)
    return datetime.fromisoformat(moment), int(record)


def dated_between(first: date, last: date) -> list[Wire]:
    return [["invoice_date", ">=", first], ["invoice_date", "<=", last]]
