"""Deals of each billing method, from the organisation's rows to a contract that can be billed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from adapters.salesforce import build
from adapters.salesforce.simulator.seed import SeedDeal, SeedLine
from canonical.agreement import agree
from canonical.contract import ContractVersion, ExpensesLine, TimeAndMaterialsLine
from canonical.deal import Deal, LineKind, RetainerTerms
from canonical.errors import SetupInvalid
from canonical.terms.lines import (
    FixedFeeLine,
    MilestonesLine,
    Progress,
    RetainerLine,
    RetainerPeriod,
    Rollover,
    UnusedAtClose,
)
from canonical.terms.policies import ChargeKind, RevenueTiming
from tests.adapters.salesforce import sold
from tests.adapters.salesforce.bench import SalesforceBench, opportunity
from tests.adapters.salesforce.organisation import make_app, make_context
from tests.canonical.deals import findings_of, make_entity


async def told(bench: SalesforceBench, deal: SeedDeal) -> Deal:
    seeded = bench.simulator.seed(deal)
    bench.simulator.win(seeded.opportunity)
    return await bench.crm.read_deal(opportunity(seeded.opportunity))


async def agreed(bench: SalesforceBench, deal: SeedDeal) -> ContractVersion:
    heard = await told(bench, deal)
    assert findings_of(heard) == ()
    return agree(heard, make_entity()).contract


async def test_a_retainer_with_overage_and_roll_over(bench: SalesforceBench) -> None:
    contract = await agreed(bench, sold.retainer())
    retainer, expenses = contract.lines
    assert isinstance(retainer, RetainerLine)
    assert (retainer.period, retainer.fee) == (RetainerPeriod.MONTH, Decimal(3000))
    assert (retainer.included_hours, retainer.overage_rate) == (Decimal(20), Decimal(180))
    assert retainer.rollover == Rollover(max_hours=Decimal(10), expires_after_periods=2)
    assert (retainer.starts, retainer.ends) == (date(2026, 11, 1), date(2027, 10, 31))
    assert retainer.unused_at_close is UnusedAtClose.REFUND
    assert isinstance(expenses, ExpensesLine)


async def test_milestones_with_retention_and_changes_by_the_hour(bench: SalesforceBench) -> None:
    contract = await agreed(bench, sold.milestones())
    milestones, time = contract.lines
    assert isinstance(milestones, MilestonesLine)
    assert isinstance(time, TimeAndMaterialsLine)
    assert milestones.retention_percent == 10
    assert [(each.milestone_id, each.name, each.amount) for each in milestones.milestones] == [
        ("Design accepted", "Design accepted", Decimal(40_000)),
        ("M2", "Go-live", Decimal(60_000)),
    ]
    assert [(row.role, row.rate) for row in time.rates] == [("Consultant", Decimal(150))]


async def test_a_fixed_fee_in_instalments_whose_revenue_follows_the_hours(
    bench: SalesforceBench,
) -> None:
    contract = await agreed(bench, sold.fixed_fee())
    (fee,) = contract.lines
    assert isinstance(fee, FixedFeeLine)
    assert (fee.price, fee.progress) == (Decimal(90_000), Progress.HOURS)
    assert fee.revenue is RevenueTiming.PERCENT_COMPLETE
    assert [(str(item.due_on), item.amount, item.description) for item in fee.schedule] == [
        ("2026-11-30", Decimal(30_000), "Instalment"),
        ("2027-03-31", Decimal(30_000), "Instalment"),
        ("2027-10-31", Decimal(30_000), "Instalment"),
    ]


async def test_time_with_a_cap_and_a_labour_discount(bench: SalesforceBench) -> None:
    contract = await agreed(bench, sold.capped_time())
    (cap,) = contract.caps
    assert contract.labour_discount_percent == 5
    assert (cap.cap_id, cap.amount, cap.kinds) == ("NTE", Decimal(50_000), (ChargeKind.TIME,))


async def test_a_sheet_that_cannot_be_read_is_a_finding_and_no_failure(
    bench: SalesforceBench,
) -> None:
    deal = sold.capped_time().model_copy(update={"contract_terms": "caps:\n  - [\n"})
    (finding,) = findings_of(await told(bench, deal))
    assert (finding.code, finding.field) == ("terms_unreadable", "terms")
    assert "line 3" in finding.message


async def test_an_edit_of_the_sheet_is_a_new_revision(bench: SalesforceBench) -> None:
    before = await told(bench, sold.capped_time())
    edit = {"Contract_Terms__c": "labour_discount_percent: 7"}
    bench.simulator.organisation.update("Opportunity", before.reference.id, edit, as_admin=True)
    after = await bench.crm.read_deal(before.reference)
    assert after.revision != before.revision
    assert after.terms == {"labour_discount_percent": "7"}


FAMILIES = {
    "retainer": LineKind.RETAINER,
    "MILESTONE": LineKind.MILESTONE,
    "fixed fee": LineKind.FEE,
    "Expenses": LineKind.EXPENSES,
    "Licences": "Licences",
}


@pytest.mark.parametrize(("family", "kind"), FAMILIES.items(), ids=FAMILIES.keys())
async def test_the_products_family_says_what_a_line_is(
    bench: SalesforceBench, family: str, kind: str
) -> None:
    line = SeedLine(product="x", family=family, rate=Decimal(1))
    (told_line,) = (await told(bench, sold.sold_by("retainer", line))).lines
    assert (told_line.kind, told_line.role) == (kind, "")


async def test_a_line_of_an_unknown_family_with_a_price_is_refused(bench: SalesforceBench) -> None:
    deal = sold.capped_time()
    licence = SeedLine(product="Licence", family="Licences", rate=Decimal(99))
    heard = await told(bench, deal.model_copy(update={"lines": (*deal.lines, licence)}))
    assert [each.code for each in findings_of(heard)] == ["line_kind_unknown"]


async def test_families_have_other_names_where_the_settings_say_so() -> None:
    app, simulator = make_app()
    lines = (
        SeedLine(product="x", family="Abruf", rate=Decimal(1)),
        SeedLine(product="y", family="Lizenz", rate=Decimal(1)),
    )
    seeded = simulator.seed(sold.sold_by("retainer", *lines))
    ports = build(make_context(app, retainer_family="Abruf", other_families=["Lizenz"]))
    assert ports.crm is not None
    deal = await ports.crm.read_deal(opportunity(seeded.opportunity))
    await ports.close()
    assert [line.kind for line in deal.lines] == [LineKind.RETAINER, LineKind.OTHER]


OPTIONAL = ("Billing_Item_Id__c", "Retainer_Period__c", "Overage_Rate__c", "Deficit_Rolls__c")


async def test_an_organisation_without_the_optional_fields_works() -> None:
    app, simulator = make_app()
    simulator.organisation.types["Opportunity"].hide("Contract_Terms__c")
    for name in OPTIONAL:
        simulator.organisation.types["OpportunityLineItem"].hide(name)
    line = SeedLine(product="Advisory", family="Retainer", hours=Decimal(20), rate=Decimal(3000))
    seeded = simulator.seed(sold.sold_by("retainer", line))
    simulator.win(seeded.opportunity)
    ports = build(
        make_context(app, opportunity={"contract_terms": ""}, line={"item_id": ""}, retainer=None)
    )
    assert ports.crm is not None
    assert "every field" in await ports.crm.check()
    deal = await ports.crm.read_deal(opportunity(seeded.opportunity))
    await ports.close()
    assert (deal.terms, deal.lines[0].retainer) == ({}, RetainerTerms())
    assert [each.code for each in findings_of(deal)] == ["period_missing", "overage_rate_missing"]


async def test_the_check_names_fields_of_line_items_that_are_missing(
    bench: SalesforceBench,
) -> None:
    organisation = bench.simulator.organisation
    organisation.types["Opportunity"].hide("Contract_Terms__c")
    organisation.types["OpportunityLineItem"].hide("Retainer_Period__c")
    with pytest.raises(SetupInvalid) as invalid:
        await bench.crm.check()
    assert "Opportunity has no field Contract_Terms__c" in str(invalid.value)
    assert "OpportunityLineItem has no field Retainer_Period__c" in str(invalid.value)
