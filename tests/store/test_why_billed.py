"""Where an entry is billed, whether it is paid, and what of it waits for a credit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from canonical.case import Case
from canonical.engine.story import Credit, CreditedEntry, Event
from canonical.errors import Role
from canonical.ids import ExternalRef, case_id, client_id
from canonical.invoice import Invoice
from canonical.payment import PaymentSeen
from canonical.terms.policies import Payer
from canonical.why.model import WhyLine, WhyState
from tests import builders as make
from tests.store.asking import Desk
from tests.store.books.deciding import decide
from tests.store.books.seeding import set_up
from tests.store.conftest import Store

ENTRY = make.make_time_entry()
NAME = "kantata/time/t-1"
CONTRACT = make.make_agreement().contract
NOBODYS = ExternalRef(system=make.PSA, kind="workspace", id="5502")


def on(store: Store, day: str) -> Desk:
    at = datetime.fromisoformat(f"{day}T15:00:00").replace(tzinfo=UTC)
    return Desk(store.engine, make.make_landscape(), at)


def brief(line: WhyLine) -> tuple[WhyState, str, str, Role | None]:
    """State, quantity, amount and who acts."""
    return line.state, f"{line.quantity.normalize():f}", str(line.amount or ""), line.acts


async def posted(active: Store) -> Invoice:
    """Eight hours, 960.00 EUR net and 1,142.40 EUR gross, posted as 2026/0007."""
    await active.work.store_items([ENTRY])
    draft = await active.draft_of()
    await active.post(draft.id)
    return draft


async def pay(store: Store, amount: str) -> None:
    seen = PaymentSeen(
        reference=ExternalRef(system=make.ERP, kind="account.move.line", id=amount),
        invoice=make.ERP_INVOICE,
        amount=make.euro(amount),
        paid_on=date(2026, 12, 20),
    )
    await store.invoices.store_payments([seen], feed=(make.ERP, "payments/NORTH-DE", "17"))


async def change(store: Store, **changes: object) -> None:
    """The source says something else of the entry."""
    await store.work.store_items([make.later(ENTRY, **changes)])


async def bill_again(store: Store) -> None:
    cutoff = make.CUTOFF + timedelta(days=1)
    await store.bill(make.make_run(2, cutoff=cutoff), cutoff)


async def stop(store: Store, invoice: Invoice, message: str) -> None:
    """The invoice's workflow is parked."""
    process = f"invoice/{invoice.id}"
    await store.cases.open_case(
        Case(
            id=case_id(process, "DataRejected", invoice.id),
            process=process,
            cause="DataRejected",
            subject=invoice.key,
            owner=Role.FINANCE,
            message=message,
            next_step="Open the period, then retry.",
        )
    )


# -- on a draft


async def test_on_a_draft_it_waits_for_its_posting(active: Store, draft: Invoice) -> None:
    line = await on(active, "2026-12-02").line(NAME)
    assert brief(line) == (WhyState.ON_DRAFT, "8", "960.00 EUR", None)
    assert f"8 h, 960.00 EUR: on draft invoice {draft.key}. It waits for its posting" in (
        line.sentence
    )
    assert line.document == draft.key
    assert line.detail["workflow"] == f"invoice/{draft.id}"


async def test_on_a_draft_that_cannot_be_posted_it_waits_for_who_mends_that(
    active: Store, draft: Invoice
) -> None:
    await stop(active, draft, "2026-12 is closed.")
    line = await on(active, "2026-12-02").line(NAME)
    assert brief(line) == (WhyState.ON_DRAFT, "8", "960.00 EUR", Role.FINANCE)
    assert line.sentence == (
        f"8 h, 960.00 EUR: on draft invoice {draft.key}, and stopped: 2026-12 is closed. "
        "It waits for finance: open the period, then retry."
    )


async def test_posted_in_the_erp_and_not_in_our_ledger_yet(active: Store, draft: Invoice) -> None:
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    line = await on(active, "2026-12-02").line(NAME)
    assert brief(line) == (WhyState.ON_DRAFT, "8", "960.00 EUR", None)
    assert "on invoice 2026/0007, posted in the ERP and not in our ledger yet" in line.sentence


# -- billed


async def test_billed_and_not_paid_it_waits_for_the_client(active: Store) -> None:
    await posted(active)
    line = await on(active, "2026-12-03").line(NAME)
    assert brief(line) == (WhyState.BILLED, "8", "960.00 EUR", None)
    assert line.sentence == (
        "8 h, 960.00 EUR: billed on invoice 2026/0007 of 2026-12-02, which is not paid yet, due on "
        "2027-01-01. It waits for the client's payment."
    )


async def test_the_day_after_it_is_due_it_is_due_since_then(active: Store) -> None:
    await posted(active)
    assert "due on 2027-01-01" in (await on(active, "2027-01-01").line(NAME)).sentence
    assert "due since 2027-01-01" in (await on(active, "2027-01-02").line(NAME)).sentence


async def test_paid_in_part_and_in_full(active: Store) -> None:
    await posted(active)
    await pay(active, "142.40")
    line = await on(active, "2026-12-21").line(NAME)
    assert "which is paid by 142.40 EUR of 1,142.40 EUR, due on 2027-01-01" in line.sentence
    await pay(active, "1000.00")
    line = await on(active, "2026-12-21").line(NAME)
    assert line.sentence.endswith("which is paid in full. It waits for nobody.")
    assert (line.document, line.waits_for) == ("2026/0007", "")


async def test_an_entry_that_two_clients_fund_is_on_two_invoices(store: Store) -> None:
    other = client_id(ExternalRef(system=make.CRM, kind="Account", id="other"))
    shares = {CONTRACT.bill_to: "0.75", other: "0.25"}
    payers = tuple(Payer(customer=who, share=Decimal(share)) for who, share in shares.items())
    await set_up(store.engine, CONTRACT.model_copy(update={"payers": payers}))
    await store.work.store_items([ENTRY])
    await store.bill()
    lines = await on(store, "2026-12-02").lines(NAME)
    assert sorted(brief(line)[1:3] for line in lines) == [("2", "240.00 EUR"), ("6", "720.00 EUR")]
    assert len({line.document for line in lines}) == 2


# -- credits


async def credit(store: Store, invoice: Invoice, hours: str, **terms: object) -> None:
    moment = make.CUTOFF + timedelta(hours=2)
    entries = (CreditedEntry(entry=NAME, quantity=Decimal(hours)),)
    told = Credit.model_validate(
        {"invoice": invoice.key, "credit_note": "CN-1", "entries": entries, **terms}
    )
    event = Event(on=moment.date(), credit=told)
    await decide(store, CONTRACT.contract_id, f"credit/{invoice.key}", moment, event)


async def test_a_concession_never_comes_back(active: Store) -> None:
    await credit(active, await posted(active), "3", kind="concession")
    billed, conceded = await on(active, "2026-12-04").lines(NAME)
    assert brief(billed) == (WhyState.BILLED, "5", "600.00 EUR", None)
    assert brief(conceded) == (WhyState.CONCEDED, "3", "360.00 EUR", None)
    assert "conceded by credit note CN-1, never billed again. It waits for nobody" in (
        conceded.sentence
    )


async def test_a_credit_that_comes_back_is_ready_again(active: Store) -> None:
    await credit(active, await posted(active), "3")
    billed, ready = await on(active, "2026-12-04").lines(NAME)
    assert brief(billed) == (WhyState.BILLED, "5", "600.00 EUR", None)
    assert brief(ready) == (WhyState.READY, "3", "360.00 EUR", Role.FINANCE)
    assert "ready since the last run" in ready.sentence
    assert "a credit" in ready.sentence


@pytest.mark.parametrize("is_heard", [False, True], ids=["no run since", "a run has heard"])
async def test_recalled_after_billing_it_waits_for_its_credit(
    active: Store, is_heard: bool
) -> None:
    await posted(active)
    await change(active, approved=False)
    if is_heard:
        await bill_again(active)
    line = await on(active, "2026-12-04").line(NAME)
    assert brief(line) == (WhyState.AWAITS_CREDIT, "8", "960.00 EUR", Role.FINANCE)
    assert "billed on invoice 2026/0007, and since then recalled (kantata, 2026-11-10" in (
        line.sentence
    )
    assert "decide on its credit (proposed on 2" in line.next_step


@pytest.mark.parametrize("is_heard", [False, True], ids=["no run since", "a run has heard"])
async def test_fewer_hours_than_billed_let_the_difference_wait_for_its_credit(
    active: Store, is_heard: bool
) -> None:
    await posted(active)
    await change(active, hours=Decimal(6))
    if is_heard:
        await bill_again(active)
    billed, awaiting = await on(active, "2026-12-04").lines(NAME)
    assert brief(billed) == (WhyState.BILLED, "6", "720.00 EUR", None)
    assert brief(awaiting) == (WhyState.AWAITS_CREDIT, "2", "240.00 EUR", Role.FINANCE)
    assert "and since then approved for less" in awaiting.sentence


async def test_on_a_draft_a_recalled_entry_waits_for_the_draft_to_go(
    active: Store, draft: Invoice
) -> None:
    await change(active, approved=False)
    line = await on(active, "2026-12-04").line(NAME)
    assert brief(line) == (WhyState.AWAITS_CREDIT, "8", "960.00 EUR", Role.FINANCE)
    assert f"on draft invoice {draft.key}, and since then recalled" in line.sentence
    assert line.next_step.startswith("discard the draft")


async def test_more_hours_than_billed_wait_for_the_next_run(active: Store) -> None:
    await posted(active)
    await change(active, hours=Decimal(10))
    billed, more = await on(active, "2026-12-04").lines(NAME)
    assert brief(billed) == (WhyState.BILLED, "8", "960.00 EUR", None)
    assert brief(more) == (WhyState.CHANGED, "2", "", Role.FINANCE)
    assert "no run has heard of it. It waits for the next cut-off" in more.sentence
    await bill_again(active)
    first, second = await on(active, "2026-12-04").lines(NAME)
    assert [brief(each)[:3] for each in (first, second)] == [
        (WhyState.BILLED, "8", "960.00 EUR"),
        (WhyState.ON_DRAFT, "2", "240.00 EUR"),
    ]


async def test_another_role_than_billed_waits_for_a_credit_of_all(active: Store) -> None:
    await posted(active)
    await change(active, role="Architect")
    await bill_again(active)
    line = await on(active, "2026-12-04").line(NAME)
    assert brief(line) == (WhyState.AWAITS_CREDIT, "8", "960.00 EUR", Role.FINANCE)
    assert "and since then changed (kantata" in line.sentence


async def test_moved_to_another_project_it_waits_for_a_credit(active: Store) -> None:
    await posted(active)
    await change(active, project=NOBODYS)
    line = await on(active, "2026-12-04").line(NAME)
    assert brief(line) == (WhyState.AWAITS_CREDIT, "8", "960.00 EUR", Role.FINANCE)
    assert "and since then moved to another project" in line.sentence
