"""Reviewing a deal: read, judged whole, kept; and compared with what was set up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from activities.deals import DealActivities, DealReview, ReviewDeal
from canonical.errors import RecordMissing
from canonical.ids import ExternalRef, engagement_id
from canonical.transitions import EngagementStage
from tests import builders as make
from tests.activities.conftest import Store, perform
from tests.activities.systems.crm import FakeCrm

REQUEST = ReviewDeal(engagement_id=make.ENGAGEMENT)


@pytest.fixture
def deals(store: Store, crm: FakeCrm) -> DealActivities:
    return DealActivities(crm, store.engagements, store.billing, store.cases, make.make_landscape())


@pytest.fixture
async def heard(store: Store, deals: DealActivities) -> DealActivities:
    """A deal was closed in the CRM, and nothing more."""
    await store.hear_deal()
    return deals


async def review(deals: DealActivities) -> DealReview:
    return await perform(deals.review_deal, REQUEST)


async def cases(store: Store, column: str) -> list[object]:
    return await store.column(f"SELECT {column} FROM exception_case WHERE state = 'open'")


async def test_a_valid_deal_becomes_an_agreement(heard: DealActivities, store: Store) -> None:
    reviewed = await review(heard)
    assert (reviewed.passed, reviewed.legal_entity) == (True, make.ENTITY)
    plan, client = await store.engagements.plan(make.ENGAGEMENT)
    assert (reviewed.project_code, reviewed.client_name) == (plan.code, client.name)
    found = await store.engagements.engagement(make.ENGAGEMENT)
    assert found.stage is EngagementStage.SETTING_UP


async def test_the_review_names_the_systems_that_serve_the_entity(heard: DealActivities) -> None:
    systems = (await review(heard)).systems
    assert systems is not None
    assert (systems.crm, systems.psa, systems.time) == (make.CRM, make.PSA, make.PSA)
    assert (systems.erp, systems.expenses) == (make.ERP, make.EXPENSES)
    assert systems.expenses_are_pushed


async def test_a_review_that_is_repeated_agrees_once(heard: DealActivities, store: Store) -> None:
    assert await review(heard) == await review(heard)
    assert len(await store.billing.contract_versions(make.ENGAGEMENT)) == 1


async def test_every_finding_is_kept_and_shown_with_its_remedy(
    heard: DealActivities, store: Store, crm: FakeCrm
) -> None:
    account = make.make_account(vat_id="", invoice_email="")
    crm.deals[make.DEAL] = make.make_deal(account=account, currency="", net_days=None)
    reviewed = await review(heard)
    assert not reviewed.passed
    fields = {finding.split(":")[0] for finding in reviewed.findings}
    assert {"account.vat_id", "account.invoice_email", "currency", "net_days"} <= fields
    assert any("Enter the client's VAT id." in finding for finding in reviewed.findings)
    (message,) = await cases(store, "message")
    assert all(field in str(message) for field in fields)


async def test_a_refused_deal_creates_nothing_and_its_correction_goes_on(
    heard: DealActivities, store: Store, crm: FakeCrm
) -> None:
    crm.deals[make.DEAL] = make.make_deal(legal_entity="NOWHERE")
    assert not (await review(heard)).passed
    with pytest.raises(RecordMissing):
        await store.engagements.plan(make.ENGAGEMENT)
    assert await cases(store, "cause") == ["DealInvalid"]
    crm.deals[make.DEAL] = make.make_deal()
    assert (await review(heard)).passed
    assert await cases(store, "cause") == []


async def test_a_client_that_another_account_stands_for_is_a_finding(
    heard: DealActivities, store: Store, crm: FakeCrm
) -> None:
    await review(heard)
    other = ExternalRef(system=make.CRM, kind="Opportunity", id="006000000000002AAA")
    double = ExternalRef(system=make.CRM, kind="Account", id="001000000000002AAA")
    account = make.make_account(reference=double, code="FALK2", name="Falkenstein GmbH")
    crm.deals[other] = make.make_deal(reference=other, account=account)
    await store.events.record_event(make.make_deal_closed("n-2", deal=other), make.RECEIVED_AT)
    second = await perform(heard.review_deal, ReviewDeal(engagement_id=engagement_id(other)))
    assert not second.passed
    assert "has the VAT id DE136695976 already" in second.findings[0]


async def test_a_deal_that_the_crm_does_not_know_is_missing(
    heard: DealActivities, crm: FakeCrm
) -> None:
    crm.deals.clear()
    with pytest.raises(RecordMissing):
        await review(heard)


# -- after set-up ----------------------------------------------------------------------------------


async def test_a_deal_that_still_says_the_same_opens_no_case(
    heard: DealActivities, store: Store, crm: FakeCrm
) -> None:
    await review(heard)
    crm.deals[make.DEAL] = make.make_deal(revision="2026-11-20T10:00:00Z")
    assert not (await perform(heard.compare_deal, REQUEST)).changed
    assert await cases(store, "cause") == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"account": make.make_account(name="Falkenstein AG")}, "client.name"),
        ({"net_days": 60}, "client.net_days"),
        ({"purchase_order": "PO-4712"}, "project.purchase_order"),
        ({"lines": (make.make_deal_line("1", "125.00", make.GO_LIVE),)}, "project.rates"),
        ({"expense_markup_percent": Decimal(7)}, "contract.lines.expenses.markup_percent"),
        ({"expense_markup_percent": None}, "contract.lines.expenses.markup_percent"),
        ({"currency": ""}, "currency"),
    ],
    ids=["name", "terms", "order", "rates", "mark-up", "no mark-up", "no longer valid"],
)
async def test_a_deal_that_says_something_else_opens_a_case_and_changes_nothing(
    heard: DealActivities, store: Store, crm: FakeCrm, change: dict[str, object], field: str
) -> None:
    await review(heard)
    before = await store.engagements.plan(make.ENGAGEMENT)
    crm.deals[make.DEAL] = make.make_deal(**change)
    compared = await perform(heard.compare_deal, REQUEST)
    assert any(each.startswith(f"{field}:") for each in compared.differences)
    assert await cases(store, "cause") == ["DealChanged"]
    assert await store.engagements.plan(make.ENGAGEMENT) == before


async def test_the_same_difference_heard_again_is_the_same_case(
    heard: DealActivities, store: Store, crm: FakeCrm
) -> None:
    await review(heard)
    crm.deals[make.DEAL] = make.make_deal(purchase_order="PO-4712")
    for _ in range(2):
        await perform(heard.compare_deal, REQUEST)
    assert await cases(store, "occurrences") == [2]
