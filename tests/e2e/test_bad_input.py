"""Data that cannot be right: the workflow parks with a case for the right people, nothing is
created or lost, and after the correction it goes on to the right end."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.salesforce.simulator.seed import SeedDeal
from adapters.tryton.api import Domain, Row
from adapters.tryton.local.northfield import API_USER
from canonical.case import Case
from canonical.errors import Role
from tests.e2e.books import QUIET, books_of, unpaid
from tests.e2e.firm import (
    Firm,
    until_case,
    until_page_says,
    until_psa_says,
    until_resolved,
    workflow_of,
)
from workers.demo import script
from workers.demo.story import Story
from workers.local.landscape import ERP
from workflows import names


@dataclass(frozen=True)
class Made:
    """How much there is in the systems that set-up writes to."""

    psa_projects: int
    psa_clients: int
    erp_creates: int


def made(firm: Firm) -> Made:
    office, calls = firm.stack.kantata.office, firm.stack.erp.proxy.calls
    return Made(
        psa_projects=len(office.rows("workspaces")),
        psa_clients=len(office.rows("workspace_groups")),
        erp_creates=calls["model.party.party.create"] + calls["model.project.work.create"],
    )


def deal_of(firm: Firm) -> SeedDeal:
    return script.deal(firm.month, number=firm.next_number())


async def sold_badly(firm: Firm, deal: SeedDeal, what_is_wrong: str) -> tuple[Story, Case]:
    """The deal is won and refused; nothing was created for it anywhere."""
    before, story = made(firm), firm.story()
    story.sell(deal=deal)
    case = await until_case(story, "DealInvalid", workflow_of(story))
    assert what_is_wrong in case.message
    assert case.owner is Role.PROJECT_OPERATIONS
    remedy = "Correct the deal in the CRM"
    await until_page_says(firm, story, workflow_of(story), what_is_wrong, remedy)
    assert made(firm) == before
    return story, case


async def until_mended(story: Story, case: Case) -> None:
    await story.until_active()
    await until_resolved(story, case)


async def test_an_unknown_legal_entity_is_corrected_in_the_crm(firm: Firm) -> None:
    deal = deal_of(firm).model_copy(update={"legal_entity": "NORTH-XX"})
    story, case = await sold_badly(firm, deal, "NORTH-XX")
    organisation = firm.stack.salesforce.organisation
    good = {"Legal_Entity__c": "NORTH-DE"}
    organisation.update("Opportunity", story.opportunity, good, as_admin=True)
    await until_mended(story, case)


async def test_a_missing_vat_id_is_entered_and_the_operator_retries(firm: Firm) -> None:
    deal = deal_of(firm)
    assert deal.account is not None
    number = firm.next_number()
    stranger = {"name": f"Lindau {number} AG", "client_key": f"LINDAU-{number}", "vat_id": ""}
    account = deal.account.model_copy(update={**stranger, "legal_name": "", "parent_name": ""})
    deal = deal.model_copy(update={"account": account})
    story, case = await sold_badly(firm, deal, "needs a VAT id")
    organisation = firm.stack.salesforce.organisation
    account_id = str(organisation.get("Opportunity", story.opportunity)["AccountId"])
    organisation.update("Account", account_id, {"VAT_Id__c": "DE129273398"}, as_admin=True)
    await firm.order(workflow_of(story), names.RETRY_NOW, "the client sent its VAT id")
    await until_mended(story, case)


async def test_an_unmapped_role_is_corrected_on_the_deals_line(firm: Firm) -> None:
    deal = deal_of(firm)
    odd = deal.lines[-1].model_copy(update={"product": "Astrologer"})
    deal = deal.model_copy(update={"lines": (*deal.lines[:-1], odd)})
    story, case = await sold_badly(firm, deal, "'Astrologer' is not mapped")
    organisation = firm.stack.salesforce.organisation
    (product,) = (row for row in organisation.records("Product2") if row["Name"] == "Astrologer")
    organisation.update("Product2", str(product["Id"]), {"Name": "Consultant"}, as_admin=True)
    await firm.order(workflow_of(story), names.RETRY_NOW, "the line says what was meant")
    await until_mended(story, case)


async def test_a_closed_accounting_period_waits_for_finance(firm: Firm) -> None:
    story = await firm.ready_to_bill()
    async with firm.stack.erp.accountant() as accountant:
        await accountant.close_period(firm.today)
        await story.cut_off()
        case = await parked_invoice(story, "DataRejected")
        assert (case.owner, case.subject) == (Role.FINANCE, "post_invoice")
        parked = "Post the invoice in the ERP cannot go on"
        await until_page_says(firm, story, case.process, parked, "Who acts:** finance")
        books = await books_of(firm, story)
        assert (books.erp.documents, books.ours.invoices, books.mails) == (
            ("draft",),
            ("draft",),
            0,
        )
        await accountant.reopen_period(firm.today)
    await firm.order(case.process, names.RETRY_NOW, "the period is open again")
    await until_resolved(story, case)
    await until_billed(firm, story)


async def parked_invoice(story: Story, cause: str) -> Case:
    async def there() -> str | None:
        invoices = await story.overview.invoices(story.engagement_id)
        return names.invoice_to_cash(invoices[0].id) if invoices else None

    return await until_case(story, cause, await story.until(there, "an invoice"))


async def until_billed(firm: Firm, story: Story) -> None:
    """The invoice went out and everybody knows; the books are those of the quiet story."""
    await story.until_delivered()
    await story.until_crm_says("Invoiced")
    await until_psa_says(story, "invoiced")
    assert await books_of(firm, story) == unpaid(QUIET)


async def test_a_refused_login_to_the_erp_waits_for_support(firm: Firm) -> None:
    story = await firm.ready_to_bill()
    await may_log_in(firm, False)
    try:
        await story.cut_off()
        cases = [await parked_invoice(story, "SystemRefusesUs"), await parked_intake(story)]
        assert {case.owner for case in cases} == {Role.INTEGRATION_SUPPORT}
        assert (await books_of(firm, story)).erp.documents == ()
    finally:
        await may_log_in(firm, True)
    await firm.stack.stop_worker()  # a refused login is not tried again for a minute
    await firm.stack.start_worker()
    for case in cases:
        await firm.order(case.process, names.RETRY_NOW, "the user may log in again")
        await until_resolved(story, case)
    await until_billed(firm, story)


async def may_log_in(firm: Firm, allowed: bool) -> None:
    """The ERP's administrator locks our user out, or lets it in."""
    async with firm.stack.erp.admin() as admin:
        context = await admin.preferences()
        ours: Domain = [["login", "=", API_USER], ["active", "in", [True, False]]]
        (user,) = await admin.search_read("res.user", Row, ours, context, limit=1)
        await admin.write("res.user", [user.id], {"active": allowed}, context)


async def parked_intake(story: Story) -> Case:
    return await until_case(story, "SystemRefusesUs", names.intake(ERP))


async def test_a_cost_in_another_currency_is_sent_again_in_the_right_one(firm: Firm) -> None:
    story = firm.story()
    seeded = firm.stack.salesforce.seed(deal_of(firm))
    story.opportunity = seeded.opportunity
    code = f"FALK-{seeded.opportunity[-12:].upper()}"
    await story.spend(code, currency="USD")
    firm.stack.salesforce.win(seeded.opportunity)
    await story.until_active()
    await story.work()
    story.recall()
    await story.cut_off()
    case = await until_billing_case(story)
    assert "USD" in case.message
    assert case.owner is Role.FINANCE
    books = await books_of(firm, story)
    assert (books.ours.transactions, books.ours.invoices, books.erp.documents) == (0, (), ())
    await story.spend(code, currency="EUR")
    await firm.order(case.process, names.RETRY_NOW, "sent again in euros")
    await until_resolved(story, case)
    await story.cut_off(ordered_by="correction")  # approved after the first
    await until_billed(firm, story)


async def until_billing_case(story: Story) -> Case:
    process = names.billing_cycle(story.engagement_id, story.month.period, 1)
    return await until_case(story, "CurrencyMismatch", process)
