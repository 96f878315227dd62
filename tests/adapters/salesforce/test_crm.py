"""The port Crm over Salesforce: what is read, what is told, and what is never overwritten."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from adapters.platforms.salesforce.simulator.faults import Fault, FaultKind
from adapters.salesforce import build
from canonical.errors import (
    AnswerUnreadable,
    DataRejected,
    RecordMissing,
    SetupInvalid,
    SystemBusy,
    SystemRefusesUs,
    SystemUnavailable,
)
from canonical.money import Money
from canonical.payment import BillingStage
from tests.adapters.salesforce.bench import SalesforceBench, make_status, opportunity
from tests.adapters.salesforce.organisation import make_app, make_context, make_deal


async def test_a_deal_is_read_whole_in_one_call(bench: SalesforceBench) -> None:
    deal = await bench.crm.read_deal(bench.deal)
    assert bench.simulator.rest.requests == 1
    assert (deal.is_won, deal.currency, deal.amount) == (True, "EUR", Decimal(24_600))
    assert (deal.legal_entity, deal.purchase_order, deal.net_days) == ("NF-DE", "4500017", 30)
    assert deal.expense_markup_percent == 5
    assert [person.email for person in deal.team] == ["ada@northfield.example"]


async def test_a_role_whose_rate_changes_has_two_lines(bench: SalesforceBench) -> None:
    lines = (await bench.crm.read_deal(bench.deal)).lines
    assert [(line.kind, line.role, line.unit_price, line.effective_from) for line in lines] == [
        ("role", "Senior Consultant", Decimal("150.00"), None),
        ("role", "Senior Consultant", Decimal("157.50"), date(2026, 11, 16)),
        ("expenses", "", Decimal(0), None),
    ]


async def test_the_account_comes_with_its_parent(bench: SalesforceBench) -> None:
    account = (await bench.crm.read_deal(bench.deal)).account
    assert account is not None
    assert account.legal_name == "Falkenstein Maschinenbau GmbH"
    assert (account.code, account.vat_id) == ("C-1042", "DE136695976")
    assert (account.address.city, account.address.country) == ("Plauen", "DE")
    assert account.parent is not None
    assert account.parent_name == "Falkenstein Holding AG"


async def test_an_id_of_15_characters_names_the_same_deal(bench: SalesforceBench) -> None:
    short = await bench.crm.read_deal(opportunity(bench.deal_id[:15]))
    assert short == await bench.crm.read_deal(bench.deal)
    assert short.reference.id == bench.deal_id


async def test_a_deal_without_account_is_read_as_such(bench: SalesforceBench) -> None:
    seeded = bench.simulator.seed(make_deal(account=None))
    assert (await bench.crm.read_deal(opportunity(seeded.opportunity))).account is None


async def test_a_merged_account_is_followed_to_the_one_that_survived(
    bench: SalesforceBench,
) -> None:
    organisation = bench.simulator.organisation
    winner = organisation.create("Account", {"Name": "Falkenstein Group"})
    middle = organisation.create("Account", {"Name": "Falkenstein"})
    bench.simulator.merge_accounts(bench.account_id, middle)
    bench.simulator.merge_accounts(middle, winner)
    account = (await bench.crm.read_deal(bench.deal)).account
    assert account is not None
    assert (account.reference.id, account.name) == (winner, "Falkenstein Group")


async def test_accounts_merged_in_a_circle_are_missing_and_not_an_endless_walk(
    bench: SalesforceBench,
) -> None:
    other = bench.simulator.organisation.create("Account", {"Name": "x"})
    bench.simulator.merge_accounts(bench.account_id, other)
    bench.simulator.merge_accounts(other, bench.account_id)
    with pytest.raises(RecordMissing, match="merges"):
        await bench.crm.read_deal(bench.deal)


async def test_a_text_that_is_no_id_is_a_missing_deal_and_no_call(bench: SalesforceBench) -> None:
    with pytest.raises(RecordMissing):
        await bench.crm.read_deal(opportunity("006' OR Id != '"))
    assert bench.simulator.rest.requests == 0


async def test_the_list_and_the_reading_agree_on_the_revision(bench: SalesforceBench) -> None:
    listed = [deal async for page, _ in bench.crm.deals_won_since("") for deal in page]
    for won in listed:
        assert (await bench.crm.read_deal(won.reference)).revision == won.revision


async def test_our_own_status_is_no_new_revision_and_an_edit_is(bench: SalesforceBench) -> None:
    before = await bench.crm.read_deal(bench.deal)
    await bench.crm.tell_status(bench.deal, make_status())
    told = await bench.crm.read_deal(bench.deal)
    bench.simulator.organisation.update("Account", bench.account_id, {"VAT_Id__c": "DE1"})
    edited = await bench.crm.read_deal(bench.deal)
    assert before.revision == told.revision != edited.revision


async def test_the_feed_begins_a_little_before_its_cursor(bench: SalesforceBench) -> None:
    pages = [page async for page in bench.crm.deals_won_since("")]
    last, cursor = pages[-1][0][-1], pages[-1][1]
    again = [deal async for page, _ in bench.crm.deals_won_since(cursor) for deal in page]
    assert last in again
    assert len(again) < 6


async def test_a_cursor_that_is_no_moment_is_told(bench: SalesforceBench) -> None:
    with pytest.raises(AnswerUnreadable, match="cursor"):
        await anext(bench.crm.deals_won_since("yesterday"))


async def test_the_status_is_shown_in_the_organisations_words(bench: SalesforceBench) -> None:
    await bench.crm.tell_status(bench.deal, make_status())
    record = bench.simulator.organisation.get("Opportunity", bench.deal_id)
    assert record["Billing_Status__c"] == "Invoiced"
    assert record["Last_Invoice_Number__c"] == "INV-2026-00317"
    assert record["Last_Invoice_Amount__c"] == Decimal("61500.00")
    assert record["Last_Invoice_Date__c"] == "2026-11-30"
    assert record["Paid_Amount__c"] is None


async def test_an_older_status_never_overwrites_a_newer_one(bench: SalesforceBench) -> None:
    await bench.crm.tell_status(bench.deal, make_status(version=8, invoice_number="new"))
    await bench.crm.tell_status(bench.deal, make_status(version=7, invoice_number="old"))
    record = bench.simulator.organisation.get("Opportunity", bench.deal_id)
    assert record["Last_Invoice_Number__c"] == "new"


async def test_an_older_status_that_lands_late_is_refused_by_the_platform(
    bench: SalesforceBench,
) -> None:
    await bench.faults.delay_next_write()
    with pytest.raises(SystemUnavailable, match="answer was lost"):
        await bench.crm.tell_status(bench.deal, make_status(version=7, invoice_number="old"))
    await bench.crm.tell_status(bench.deal, make_status(version=8, invoice_number="new"))
    await bench.faults.land()
    record = bench.simulator.organisation.get("Opportunity", bench.deal_id)
    assert record["Last_Invoice_Number__c"] == "new"


async def test_a_status_told_again_writes_nothing(bench: SalesforceBench) -> None:
    await bench.crm.tell_status(bench.deal, make_status())
    stamp = bench.simulator.organisation.get("Opportunity", bench.deal_id)["SystemModstamp"]
    await bench.crm.tell_status(bench.deal, make_status())
    record = bench.simulator.organisation.get("Opportunity", bench.deal_id)
    assert record["SystemModstamp"] == stamp


async def test_a_status_in_another_currency_is_refused(bench: SalesforceBench) -> None:
    dollars = Money(amount=Decimal(1), currency="USD")
    status = make_status().model_copy(update={"paid": dollars, "stage": BillingStage.PAID})
    with pytest.raises(DataRejected, match="USD") as refused:
        await bench.crm.tell_status(bench.deal, status)
    assert refused.value.fields == ("CurrencyIsoCode",)


async def test_a_status_of_a_field_that_we_may_not_write_is_a_matter_of_rights(
    bench: SalesforceBench,
) -> None:
    bench.simulator.organisation.types["Opportunity"].hide("Last_Invoice_Number__c")
    with pytest.raises(SystemRefusesUs, match="Last_Invoice_Number__c"):
        await bench.crm.tell_status(bench.deal, make_status())


async def test_a_locked_row_is_busy(bench: SalesforceBench) -> None:
    bench.simulator.faults.arm(Fault(FaultKind.LOCKED, writes_only=True))
    with pytest.raises(SystemBusy, match="UNABLE_TO_LOCK_ROW"):
        await bench.crm.tell_status(bench.deal, make_status())


async def test_a_spent_daily_allowance_is_busy_for_minutes(bench: SalesforceBench) -> None:
    bench.simulator.faults.arm(Fault(FaultKind.OVER_LIMIT))
    with pytest.raises(SystemBusy) as busy:
        await bench.crm.read_deal(bench.deal)
    assert busy.value.retry_after_s == 900


async def test_the_check_names_every_field_that_is_missing(bench: SalesforceBench) -> None:
    assert "every field" in await bench.crm.check()
    organisation = bench.simulator.organisation
    organisation.rename_field("Opportunity", "PO_Number__c", "PO_No__c")
    organisation.types["Account"].hide("VAT_Id__c")
    with pytest.raises(SetupInvalid) as invalid:
        await bench.crm.check()
    assert "Opportunity has no field PO_Number__c" in str(invalid.value)
    assert "Account has no field VAT_Id__c" in str(invalid.value)


async def test_another_name_for_a_field_is_a_setting() -> None:
    app, simulator = make_app()
    simulator.organisation.rename_field("Opportunity", "PO_Number__c", "Kunden_Bestellnr__c")
    seeded = simulator.seed(make_deal().model_copy(update={"purchase_order": ""}))
    edit = {"Kunden_Bestellnr__c": "B-9"}
    simulator.organisation.update("Opportunity", seeded.opportunity, edit)
    names = {"purchase_order": "Kunden_Bestellnr__c"}
    ports = build(make_context(app, opportunity=dict(names)))
    assert ports.crm is not None
    deal = await ports.crm.read_deal(opportunity(seeded.opportunity))
    await ports.close()
    assert deal.purchase_order == "B-9"


async def test_the_team_can_come_from_opportunity_teams() -> None:
    app, simulator = make_app()
    deal = simulator.seed(make_deal()).opportunity
    organisation = simulator.organisation
    user = organisation.create("User", {"Name": "Bo Lind", "Email": "bo@northfield.example"})
    member = {"OpportunityId": deal, "UserId": user, "TeamMemberRole": "Architect"}
    organisation.create("OpportunityTeamMember", member)
    ports = build(
        make_context(
            app,
            team={
                "relationship": "OpportunityTeamMembers",
                "name": "User.Name",
                "email": "User.Email",
                "role": "TeamMemberRole",
            },
        )
    )
    assert ports.crm is not None
    team = (await ports.crm.read_deal(opportunity(deal))).team
    await ports.close()
    assert [(each.name, each.email, each.role) for each in team] == [
        ("Bo Lind", "bo@northfield.example", "Architect")
    ]


async def test_deals_that_closed_before_the_start_are_not_told() -> None:
    app, simulator = make_app()
    simulator.win(simulator.seed(make_deal()).opportunity)
    before, after = (
        build(make_context(app, deals_from=day)) for day in ("2026-10-30", "2026-10-31")
    )
    counts = []
    for ports in (before, after):
        assert ports.crm is not None
        counts.append(len([page async for page in ports.crm.deals_won_since("")]))
        await ports.close()
    assert counts == [1, 0]
