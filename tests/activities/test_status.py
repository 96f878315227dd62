"""CRM and PSA are told where billing stands; each telling is newer than the one before."""

from __future__ import annotations

import pytest

from activities.status import CrmStatusActivities, PsaStatusActivities, TellStatus
from canonical.invoice import Invoice
from canonical.payment import BillingStage
from tests import builders as make
from tests.activities.conftest import Store, perform
from tests.activities.systems.crm import FakeCrm
from tests.activities.systems.psa import FakePsa


def status(stage: BillingStage, invoice: Invoice | None = None) -> TellStatus:
    return TellStatus(
        engagement_id=make.ENGAGEMENT,
        stage=stage,
        invoice_id=None if invoice is None else invoice.id,
    )


@pytest.fixture
def to_crm(store: Store, crm: FakeCrm) -> CrmStatusActivities:
    return CrmStatusActivities(crm, store.engagements)


@pytest.fixture
def to_psa(store: Store, psa: FakePsa) -> PsaStatusActivities:
    return PsaStatusActivities(make.PSA, psa, store.engagements)


async def test_both_see_stage_project_and_the_figures_of_the_invoice(
    to_crm: CrmStatusActivities,
    to_psa: PsaStatusActivities,
    crm: FakeCrm,
    psa: FakePsa,
    draft: Invoice,
) -> None:
    told = status(BillingStage.INVOICED, draft)
    await perform(to_crm.tell_crm, told)
    await perform(to_psa.tell_psa, told)
    [(project, in_psa)] = psa.told
    assert project == make.PSA_PROJECT
    for seen in (crm.told[0], in_psa):
        assert (seen.stage, seen.project_code) == (BillingStage.INVOICED, draft.project_code)
        assert (seen.invoice_gross, seen.paid) == (draft.gross, make.euro("0.00"))


async def test_each_telling_is_newer_so_that_an_older_one_never_overwrites_it(
    to_crm: CrmStatusActivities,
    to_psa: PsaStatusActivities,
    crm: FakeCrm,
    psa: FakePsa,
    active: Store,
) -> None:
    for stage in (BillingStage.PROJECT_READY, BillingStage.PAID, BillingStage.PAID):
        await perform(to_crm.tell_crm, status(stage))
    await perform(to_psa.tell_psa, status(BillingStage.CLOSED))
    versions = [each.version for each in crm.told] + [each.version for _, each in psa.told]
    assert versions == sorted(set(versions))


async def test_a_stage_without_an_invoice_has_no_figures(
    to_crm: CrmStatusActivities, crm: FakeCrm, active: Store
) -> None:
    await perform(to_crm.tell_crm, status(BillingStage.PROJECT_READY))
    assert (crm.told[0].invoice_number, crm.told[0].invoice_gross) == ("", None)


async def test_a_project_that_was_never_set_up_has_nobody_to_tell(
    to_psa: PsaStatusActivities, psa: FakePsa, store: Store
) -> None:
    await store.hear_deal()
    await store.agree()
    await perform(to_psa.tell_psa, status(BillingStage.CLOSED))
    assert psa.told == []
