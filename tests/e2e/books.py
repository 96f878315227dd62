"""The closed books of one engagement: what every system holds of it, as one comparable object.

Everything is counted and summed from the systems' own records (Tryton's and our tables by SQL, the
simulators' records as they are), never through an adapter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import asyncpg
from pydantic import TypeAdapter

from adapters.tryton.local.figures import posted_figures
from tests.e2e.firm import Firm
from workers.demo import script
from workers.demo.story import Story

CLIENT_CODE = "FALKENSTEIN"
MAILBOX = "rechnung@falkenstein.example"


@dataclass(frozen=True)
class Crm:
    """Salesforce: one account, and what the deal shows."""

    accounts: int
    billing_status: str
    invoice_number: str
    invoiced: Decimal | None
    paid: Decimal | None


@dataclass(frozen=True)
class Psa:
    """Kantata: client, project, rate card, team, and the status shown on the project."""

    clients: int
    projects: int
    rate_cards: int
    participants: int
    seats: int
    statuses: tuple[str, ...]


@dataclass(frozen=True)
class Erp:
    """Tryton: client, project with its tasks, documents with our key (cancelled ones and drafts
    included), and the sums of those that are posted."""

    clients: int
    projects: int
    tasks: int
    documents: tuple[str, ...]
    """Their states."""
    net: Decimal
    tax: Decimal
    receivable: Decimal
    paid: Decimal
    payments: tuple[Decimal, ...]


@dataclass(frozen=True)
class Ours:
    """Our own database."""

    engagements: tuple[str, ...]
    """Their stages."""
    clients: int
    projects: int
    links: int
    transactions: int
    billed: Decimal
    holds: int
    invoices: tuple[str, ...]
    postings: tuple[str, ...]
    payments: tuple[Decimal, ...]
    open_cases: tuple[str, ...]


@dataclass(frozen=True)
class Books:
    crm: Crm
    psa: Psa
    erp: Erp
    ours: Ours
    mails: int
    """Different messages to the client: a repeated one has the id of the first."""


async def books_of(firm: Firm, story: Story) -> Books:
    code = (await story.engagement()).project_code
    invoices = await story.overview.invoices(story.engagement_id)
    key, number = (invoices[0].key, invoices[0].number) if invoices else ("", "-")
    return Books(
        crm=_crm(story, number),
        psa=_psa(story, code),
        erp=await _erp(story, code, key),
        ours=await _ours(firm, story),
        mails=len({mail["Message-ID"] for mail in mails_about(story, number)}),
    )


def mails_about(story: Story, number: str) -> list[dict[str, str]]:
    """The headers of the mails to the client about an invoice, as they came."""
    sent = (dict(mail.message.items()) for mail in story.stack.mail.sent_to(MAILBOX))
    return [headers for headers in sent if f"Invoice {number} " in headers["Subject"]]


def _crm(story: Story, number: str) -> Crm:
    organisation = story.stack.salesforce.organisation
    accounts = [row for row in organisation.records("Account") if row["Client_Key__c"]]
    shown = organisation.get("Opportunity", story.opportunity)
    return Crm(
        accounts=sum(row["Client_Key__c"] == CLIENT_CODE for row in accounts),
        billing_status=str(shown["Billing_Status__c"]),
        invoice_number="ours" if shown["Last_Invoice_Number__c"] == number else "another",
        invoiced=_decimal(shown["Last_Invoice_Amount__c"]),
        paid=_decimal(shown["Paid_Amount__c"]),
    )


def _psa(story: Story, code: str) -> Psa:
    office = story.stack.kantata.office
    groups = [row for row in office.rows("workspace_groups") if CLIENT_CODE in str(row["notes"])]
    references = office.rows("external_references")
    named = [row for row in references if row["external_message"] == code]
    projects = [row for row in office.rows("workspaces") if code in str(row["_invoice_preference"])]
    ids = {row["id"] for row in projects}
    return Psa(
        clients=len(groups),
        projects=len(projects),
        rate_cards=sum(row["subject_type"] == "RateCard" for row in named),
        participants=sum(row["workspace_id"] in ids for row in office.rows("participations")),
        seats=sum(row["workspace_id"] in ids for row in office.rows("workspace_resources")),
        statuses=tuple(
            str(row["external_status"])
            for row in references
            if row["subject_id"] in ids and row["service_model"] == "billing_status"
        ),
    )


_ERP_COUNTS = """
SELECT (SELECT count(*) FROM party_party WHERE code = $1) AS clients,
  (SELECT count(*) FROM project_work WHERE number = $2) AS projects,
  (SELECT count(*) FROM project_work WHERE number LIKE $2 || '/%') AS tasks
"""
_ERP_DOCUMENTS = "SELECT state FROM account_invoice WHERE reference = $1 ORDER BY id"
_ERP_PAYMENTS = """
SELECT m.credit - m.debit FROM "account_invoice-account_move_line" p
JOIN account_move_line m ON m.id = p.line JOIN account_invoice i ON i.id = p.invoice
WHERE i.reference = $1 ORDER BY m.id
"""


async def _erp(story: Story, code: str, key: str) -> Erp:
    connection = await asyncpg.connect(story.stack.erp_dsn())
    try:
        counts = await connection.fetchrow(_ERP_COUNTS, CLIENT_CODE, code)
        documents = await connection.fetch(_ERP_DOCUMENTS, key)
        payments = await connection.fetch(_ERP_PAYMENTS, key)
    finally:
        await connection.close()
    figures = await posted_figures(story.stack.erp_dsn(), key)
    return Erp(
        **dict(counts),
        documents=tuple(row[0] for row in documents),
        net=sum((each.net for each in figures), Decimal(0)),
        tax=sum((each.tax for each in figures), Decimal(0)),
        receivable=sum((each.receivable for each in figures), Decimal(0)),
        paid=sum((each.paid for each in figures), Decimal(0)),
        payments=tuple(row[0] for row in payments),
    )


_OURS = """
SELECT
  ARRAY(SELECT stage FROM engagement WHERE id = :id) AS engagements,
  (SELECT count(*) FROM client WHERE code = :client) AS clients,
  (SELECT count(*) FROM project WHERE engagement_id = :id) AS projects,
  (SELECT count(*) FROM identity_link l JOIN project p ON p.id::text = l.noun_id
     WHERE p.engagement_id = :id) AS links,
  (SELECT count(*) FROM billing_transaction WHERE engagement_id = :id) AS transactions,
  (SELECT coalesce(sum(amount), 0) FROM billing_transaction WHERE engagement_id = :id) AS billed,
  (SELECT count(*) FROM hold WHERE engagement_id = :id) AS holds,
  ARRAY(SELECT state FROM invoice WHERE engagement_id = :id ORDER BY key) AS invoices,
  ARRAY(SELECT p.state FROM posting p JOIN invoice i USING (key)
     WHERE i.engagement_id = :id ORDER BY key) AS postings,
  ARRAY(SELECT p.amount FROM payment p JOIN invoice i ON i.id = p.our_invoice
     WHERE i.engagement_id = :id ORDER BY p.reference_id::int) AS payments,
  ARRAY(SELECT cause FROM exception_case WHERE state = 'open'
     AND (process LIKE '%' || :id || '%' OR process IN (
       SELECT 'invoice/' || id FROM invoice WHERE engagement_id = :id))) AS open_cases
"""


async def _ours(firm: Firm, story: Story) -> Ours:
    (row,) = await firm.rows(_OURS, id=story.engagement_id, client=CLIENT_CODE)
    return TypeAdapter(Ours).validate_python(dict(row))


def _decimal(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


REST = script.GROSS - script.FIRST_PAYMENT

QUIET = Books(
    crm=Crm(
        accounts=1,
        billing_status="Closed",
        invoice_number="ours",
        invoiced=script.GROSS,
        paid=script.GROSS,
    ),
    psa=Psa(clients=1, projects=1, rate_cards=1, participants=2, seats=2, statuses=("closed",)),
    erp=Erp(
        clients=1,
        projects=1,
        tasks=2,
        documents=("paid",),
        net=script.NET,
        tax=script.TAX,
        receivable=script.GROSS,
        paid=script.GROSS,
        payments=(script.FIRST_PAYMENT, REST),
    ),
    ours=Ours(
        engagements=("closed",),
        clients=1,
        projects=1,
        links=3,
        transactions=script.TRANSACTIONS,
        billed=script.NET,
        holds=0,
        invoices=("paid",),
        postings=("confirmed",),
        payments=(script.FIRST_PAYMENT, REST),
        open_cases=(),
    ),
    mails=1,
)
"""What the script's story leaves behind when nothing goes wrong, worked out by hand."""


def unpaid(books: Books) -> Books:
    """The same books on the day the invoice went out."""
    nothing = Decimal(0)
    return Books(
        crm=replace(books.crm, billing_status="Invoiced", paid=None),
        psa=replace(books.psa, statuses=("invoiced",)),
        erp=replace(books.erp, documents=("posted",), paid=nothing, payments=()),
        ours=replace(books.ours, engagements=("active",), invoices=("delivered",), payments=()),
        mails=books.mails,
    )
