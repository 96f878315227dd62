"""Engagements: reviewed, agreed once, moved by their table, told to others in order."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from canonical.deal import Deal
from canonical.errors import RecordExists, RecordMissing, TransitionForbidden
from canonical.ids import EngagementId, ExternalRef, engagement_id
from canonical.payment import BillingStage
from canonical.transitions import EngagementStage
from canonical.validation import Finding, ValidationReport
from tests import builders as make
from tests.store.conftest import Store

REFUSED = ValidationReport(
    findings=(
        Finding(code="x", field="currency", message="is missing", remedy="Set the currency."),
        Finding(code="y", field="account", message="has no VAT id", remedy="Enter the VAT id."),
    )
)


async def refuse(store: Store, deal: Deal | None = None) -> None:
    await store.engagements.record_review(make.ENGAGEMENT, deal or make.make_deal(), REFUSED, None)


async def test_a_refused_deal_is_one_case_with_every_finding(store: Store) -> None:
    await store.hear_deal()
    await refuse(store)
    await refuse(store)
    (message,) = await store.column("SELECT message FROM exception_case")
    assert message == "currency: is missing; account: has no VAT id"
    assert await store.column("SELECT occurrences FROM exception_case") == [2]
    record = await store.engagements.engagement(make.ENGAGEMENT)
    assert record.stage is EngagementStage.IN_VALIDATION
    assert record.client_name == "Falkenstein Maschinenbau GmbH"


async def test_a_corrected_deal_resolves_its_case_and_is_agreed(store: Store) -> None:
    await store.hear_deal()
    await refuse(store)
    await store.agree()
    assert await store.column("SELECT state FROM exception_case") == ["resolved"]
    record = await store.engagements.engagement(make.ENGAGEMENT)
    assert (record.stage, record.legal_entity) == (EngagementStage.SETTING_UP, make.ENTITY)
    assert record.project_code == make.make_agreement().plan.code


async def test_an_agreement_comes_back_as_it_was_made(store: Store) -> None:
    await store.hear_deal()
    await store.agree()
    agreement = make.make_agreement()
    assert await store.engagements.plan(make.ENGAGEMENT) == (agreement.plan, agreement.client)
    assert await store.billing.contract_versions(make.ENGAGEMENT) == (agreement.contract,)
    assert await store.invoices.client(agreement.client.id) == agreement.client
    client = await store.engagements.reference(agreement.client.id, make.CRM)
    assert client == make.ACCOUNT


async def test_a_contract_version_that_exists_is_not_changed_by_another_review(
    store: Store,
) -> None:
    await store.hear_deal()
    await store.agree()
    dearer = make.make_deal(lines=(make.make_deal_line("1", "999.00", make.GO_LIVE),))
    await store.agree(make.make_agreement(dearer))
    assert await store.billing.contract_versions(make.ENGAGEMENT) == (
        make.make_agreement().contract,
    )
    assert await store.column(
        "SELECT count(*) FROM audit_event WHERE action = 'agreement.saved'"
    ) == [1]


async def test_a_review_repeated_after_set_up_does_not_go_back(active: Store) -> None:
    await active.agree()
    record = await active.engagements.engagement(make.ENGAGEMENT)
    assert record.stage is EngagementStage.ACTIVE


async def test_two_reviews_at_once_agree_once(store: Store) -> None:
    await store.hear_deal()
    await asyncio.gather(store.agree(), store.agree())
    assert await store.column("SELECT count(*) FROM contract_version") == [1]
    assert await store.column("SELECT count(*) FROM project") == [1]


async def test_a_client_code_that_another_client_has_is_refused_by_name(store: Store) -> None:
    await store.hear_deal()
    await store.agree()
    account = make.make_account(
        reference=ExternalRef(system=make.CRM, kind="Account", id="001000000000002AAA")
    )
    reference = ExternalRef(system=make.CRM, kind="Opportunity", id="006000000000002AAA")
    deal = make.make_deal(reference=reference, account=account)
    event = make.make_deal_closed("n-2", deal=reference)
    await store.events.record_event(event, make.RECEIVED_AT)
    with pytest.raises(RecordExists, match=r"client FALK.*another client has this code"):
        await store.engagements.record_review(
            engagement_id(reference), deal, ValidationReport(), make.make_agreement(deal)
        )


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        pytest.param({"vat_id": "de 136 695 976", "name": "x", "code": ""}, 1, id="VAT id"),
        pytest.param({"vat_id": "", "name": "x", "code": "FALK"}, 1, id="code"),
        pytest.param(
            {"vat_id": "", "name": "FALKENSTEIN maschinenbau GMBH", "code": ""}, 1, id="name"
        ),
        pytest.param({"vat_id": "", "name": "Falkenberg GmbH", "code": ""}, 0, id="nothing"),
    ],
)
async def test_a_known_client_is_found_by_what_it_shares(
    store: Store, changes: dict[str, str], known: int
) -> None:
    await store.hear_deal()
    await store.agree()
    found = await store.engagements.known_clients(make.make_account(**changes))
    assert [client.reference for client in found] == [make.ACCOUNT] * known


async def test_stages_follow_their_table_and_leave_a_trail(active: Store) -> None:
    with pytest.raises(TransitionForbidden):
        await active.engagements.set_stage(make.ENGAGEMENT, EngagementStage.SETTING_UP)
    for _ in range(2):
        await active.engagements.set_stage(make.ENGAGEMENT, EngagementStage.CLOSED)
    after = "SELECT detail ->> 'after' FROM audit_event WHERE action = 'stage.changed' ORDER BY id"
    assert await active.column(after) == ["in_validation", "setting_up", "active", "closed"]
    assert await active.column("SELECT state FROM process WHERE kind = 'engagement'") == ["closed"]


async def test_an_unknown_engagement_is_said_to_be_missing(store: Store) -> None:
    with pytest.raises(RecordMissing, match="check the id"):
        await store.engagements.engagement(EngagementId("salesforce/nobody"))
    with pytest.raises(RecordMissing, match="check the id"):
        await store.engagements.plan(EngagementId("salesforce/nobody"))


async def test_each_status_is_newer_than_the_one_before_also_when_asked_at_once(
    active: Store,
) -> None:
    ask = active.engagements.billing_status
    told = await asyncio.gather(
        *(ask(make.ENGAGEMENT, None, BillingStage.PROJECT_READY) for _ in range(5))
    )
    assert sorted(status.version for status in told) == [1, 2, 3, 4, 5]
    assert told[0].project_code == make.make_agreement().plan.code


async def test_a_late_status_of_an_invoice_does_not_reopen_what_people_see_as_closed(
    active: Store,
) -> None:
    await active.engagements.set_stage(make.ENGAGEMENT, EngagementStage.CLOSED)
    late = await active.engagements.billing_status(make.ENGAGEMENT, None, BillingStage.PAID)
    assert late.stage is BillingStage.CLOSED


async def test_reconciliation_sees_the_projects_of_active_engagements_with_their_erp_records(
    active: Store,
) -> None:
    agreement = make.make_agreement()
    project = ExternalRef(system=make.ERP, kind="project.work", id="3")
    await active.engagements.link("project", agreement.plan.id, project)
    (linked,) = await active.reconcile.entity_projects(make.ENTITY)
    assert (linked.code, linked.client_code) == (agreement.plan.code, "FALK")
    assert (linked.project, linked.client) == (project, None)
    await active.engagements.set_stage(make.ENGAGEMENT, EngagementStage.CLOSED)
    assert await active.reconcile.entity_projects(make.ENTITY) == []


async def test_the_deal_as_read_is_kept_with_unknown_fields(store: Store) -> None:
    await store.hear_deal()
    await refuse(store, make.make_deal(amount=Decimal("120000.50"), probability=100))
    assert await store.column("SELECT deal ->> 'amount' FROM engagement") == ["120000.50"]
    assert await store.column("SELECT deal ->> 'probability' FROM engagement") == ["100"]
