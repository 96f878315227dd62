"""Reconciliation of a day: every kind of break is found, told once, and left to its owner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from activities.reconcile import CompareDay, DayCompared, ReconcileActivities, invoice_breaks
from canonical.errors import Role
from canonical.ids import ExternalRef
from canonical.invoice import Invoice, PostedInvoice
from canonical.money import Money
from canonical.records import LedgerInvoice
from tests import builders as make
from tests.activities.conftest import Store, perform
from tests.activities.systems.erp import Document, LyingErp

DAY = date(2026, 12, 2)
REQUEST = CompareDay(legal_entity=make.ENTITY, day=DAY)
PLAN = make.make_agreement().plan
CLIENT = make.make_agreement().client


@pytest.fixture
def reconcile(store: Store, erp: LyingErp) -> ReconcileActivities:
    return ReconcileActivities(erp, store.reconcile, store.cases)


@pytest.fixture
async def even(store: Store, billable: Invoice, erp: LyingErp) -> Invoice:
    """One client, one project and one posted invoice, the same on both sides."""
    project = await erp.ensure_project(PLAN, erp.clients[CLIENT.code], key=PLAN.code)
    await store.engagements.link("project", PLAN.id, project)
    draft = await erp.create_draft(billable, erp.clients[CLIENT.code], key=billable.key)
    await store.invoices.open_posting(billable.key, make.ERP)
    await store.invoices.bind_posting(billable.key, draft.reference)
    await store.invoices.record_posted(billable.id, await erp.post_invoice(draft, DAY))
    return billable


async def compare(reconcile: ReconcileActivities) -> DayCompared:
    return await perform(reconcile.compare_day, REQUEST)


def causes(compared: DayCompared) -> list[str]:
    return sorted(each.cause for each in compared.shown)


async def test_an_even_day_has_no_break(
    reconcile: ReconcileActivities, even: Invoice, store: Store
) -> None:
    compared = await compare(reconcile)
    assert (compared.clients, compared.projects, compared.invoices) == (1, 1, 1)
    assert (compared.breaks, compared.drafts_removed) == (0, 0)
    assert await store.column("SELECT count(*) FROM exception_case") == [0]


async def test_a_break_is_a_case_of_finance_with_the_amount_at_risk(
    reconcile: ReconcileActivities, even: Invoice, erp: LyingErp, store: Store
) -> None:
    erp.documents.clear()
    for _ in range(2):
        assert causes(await compare(reconcile)) == ["invoice_missing_in_erp"]
    assert await store.column("SELECT owner FROM exception_case") == [Role.FINANCE.value]
    assert await store.column("SELECT amount FROM exception_case") == [even.gross.amount]
    assert await store.column("SELECT occurrences FROM exception_case") == [2]


async def test_a_client_or_project_that_is_another_record_than_the_linked_one_is_a_break(
    reconcile: ReconcileActivities, even: Invoice, erp: LyingErp
) -> None:
    erp.clients[CLIENT.code] = ExternalRef(system=make.ERP, kind="party", id="another")
    del erp.projects[PLAN.code]
    compared = await compare(reconcile)
    assert causes(compared) == ["client_differs", "project_differs"]
    assert "linked to tryton/party/p-FALK, the ERP has tryton/party/another" in (
        compared.shown[0].message
    )
    assert "the ERP has nothing" in compared.shown[1].message


async def test_a_document_that_we_do_not_know_is_a_break(
    reconcile: ReconcileActivities, even: Invoice, erp: LyingErp
) -> None:
    by_hand = even.model_copy(update={"key": ""})
    draft = await erp.create_draft(by_hand, make.ERP_INVOICE, key="")
    await erp.post_invoice(draft, DAY)
    compared = await compare(reconcile)
    assert causes(compared) == ["invoice_unknown_to_us"]
    assert (compared.invoices, compared.shown[0].amount) == (2, even.gross)


async def test_surplus_drafts_of_a_posted_invoice_are_removed_and_posted_ones_are_not(
    reconcile: ReconcileActivities, even: Invoice, erp: LyingErp
) -> None:
    twice = await erp.create_draft(even, make.ERP_INVOICE, key=even.key)
    await erp.post_invoice(twice, DAY)
    await erp.create_draft(even, make.ERP_INVOICE, key=even.key)
    compared = await compare(reconcile)
    assert (causes(compared), compared.drafts_removed) == (["invoice_posted_twice"], 1)
    assert len(erp.documents) == 2


async def test_documents_of_another_day_are_not_compared(
    reconcile: ReconcileActivities, even: Invoice, erp: LyingErp
) -> None:
    other = make.make_posted(even, key="X-1", invoice_date=date(2026, 12, 3))
    erp.documents.append(Document(make.ERP_INVOICE, even, other))
    assert (await compare(reconcile)).breaks == 0


# -- figures ---------------------------------------------------------------------------------------


def ledger(paid: str = "0.00") -> LedgerInvoice:
    invoice = make.make_invoice()
    return LedgerInvoice(
        id=invoice.id,
        key=invoice.key,
        number="2026/0007",
        reference=make.ERP_INVOICE,
        net=invoice.net,
        tax=invoice.tax,
        gross=invoice.gross,
        paid=make.euro(paid),
        state=invoice.state,
    )


def differences(ours: LedgerInvoice, theirs: Sequence[PostedInvoice]) -> list[str]:
    return [each.cause for each in invoice_breaks([ours], theirs)]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"net": make.euro("960.01")}, "invoice_net_differs"),
        ({"tax": make.euro("182.41")}, "invoice_tax_differs"),
        ({"open_amount": make.euro("1142.39")}, "invoice_paid_differs"),
        (
            {"gross": make.euro("1142.41"), "open_amount": make.euro("1142.41")},
            "invoice_gross_differs",
        ),
    ],
    ids=["net", "tax", "paid", "gross"],
)
def test_a_figure_that_differs_by_a_cent_is_a_break(change: dict[str, Money], cause: str) -> None:
    posted = make.make_posted(make.make_invoice(), **change)
    assert differences(ledger(), [posted]) == [cause]


def test_a_payment_that_both_have_seen_is_no_break() -> None:
    posted = make.make_posted(make.make_invoice(), open_amount=make.euro("642.40"))
    assert differences(ledger(paid="500.00"), [posted]) == []
