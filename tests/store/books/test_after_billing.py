"""After billing: what the ERP posted is posted here, and what was received is booked, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.engine.story import Credit, Event
from canonical.errors import RecordMissing, RuleViolation
from canonical.events import PeriodLocked
from canonical.ids import EngagementId, ExternalRef, InvoiceId, derive
from canonical.invoice import Invoice
from canonical.landscape import Owner
from canonical.money import Money
from canonical.payment import PaymentSeen
from canonical.terms.policies import Cap
from tests import builders as make
from tests.store.books.deciding import decide
from tests.store.conftest import Store

CONTRACT = make.make_agreement().contract.contract_id
NOVEMBER, DECEMBER = "2026-11", "2026-12"
PAID_ON = date(2026, 12, 20)
LATER = make.CUTOFF + timedelta(days=19)


async def in_december(store: Store) -> dict[str, Decimal]:
    """The sums of the accounts in December."""
    return {
        account: sum_
        for (month, account), sum_ in (await store.sums()).items()
        if month == DECEMBER
    }


def payment(amount: str, number: str = "1", currency: str = "EUR") -> PaymentSeen:
    return PaymentSeen(
        reference=ExternalRef(system=make.ERP, kind="account.move.line", id=number),
        invoice=make.ERP_INVOICE,
        amount=Money(amount=Decimal(amount), currency=currency),
        paid_on=PAID_ON,
    )


async def pay(store: Store, *payments: PaymentSeen) -> None:
    await store.invoices.store_payments(payments, feed=(make.ERP, "payments", "1"))


# -- postings --------------------------------------------------------------------------------------


async def test_an_invoice_is_posted_here_after_the_erp_and_once(
    active: Store, draft: Invoice
) -> None:
    with pytest.raises(RuleViolation, match="not posted in the ERP yet"):
        await active.books.post_invoice(draft.id)
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    await asyncio.gather(*(active.books.post_invoice(draft.id) for _ in range(3)))
    await active.books.post_invoice(draft.id)
    assert (await in_december(active))["1100"] == Decimal("1142.40")
    assert await active.column("SELECT kind FROM book_chapter ORDER BY id") == ["cutoff", "post"]


async def test_an_invoice_that_is_not_there_is_named(store: Store) -> None:
    unknown = InvoiceId(derive("invoice", "unknown"))
    with pytest.raises(RecordMissing, match="check the id"):
        await store.books.post_invoice(unknown)
    with pytest.raises(RecordMissing, match="check the id"):
        await store.books.book_payments(unknown, LATER)


async def test_the_tax_of_the_erp_is_booked_where_the_erp_owns_the_tax(
    active: Store, draft: Invoice
) -> None:
    await active.post(draft.id, tax=make.euro("182.41"), gross=make.euro("1142.41"))
    assert await in_december(active) == {
        "1100": Decimal("1142.41"),
        "1200": Decimal("-960.00"),
        "2300": Decimal("-182.41"),
    }


async def test_our_own_tax_is_booked_where_we_own_it(engine: AsyncEngine) -> None:
    entity = make.make_entity(tax_owner=Owner.ENGINE)
    store = Store.over(engine, make.make_landscape(entity))
    await store.begin()
    await store.work.store_items([make.make_time_entry()])
    draft = await store.draft_of()
    await store.post(draft.id, tax=make.euro("182.41"), gross=make.euro("1142.41"))
    assert (await in_december(store))["2300"] == Decimal("-182.40")


async def test_an_invoice_dated_into_a_later_month_is_booked_there(
    active: Store, draft: Invoice
) -> None:
    await active.post(draft.id, on=date(2027, 1, 4))
    assert ("2027-01", "1100") in await active.sums()


async def test_a_draft_whose_entry_was_recalled_is_booked_when_the_erp_posted_it(
    active: Store, draft: Invoice
) -> None:
    """The ERP's invoice is a fact; what was recalled is credited."""
    entry = make.make_time_entry()
    await active.work.store_items([make.later(entry, approved=False)])
    await active.bill(make.make_run(2))
    await active.post(draft.id)
    credit = Event(on=PAID_ON, credit=Credit(invoice=draft.key, credit_note="CN-1"))
    await decide(active, CONTRACT, "credit", LATER, credit)
    assert await active.balance(entry) == (0, 8, 8, 0)
    assert await active.sums() == {}
    assert await active.is_proven()


# -- payments --------------------------------------------------------------------------------------


async def test_a_payment_is_booked_once_however_often_it_is_looked_for(
    active: Store, draft: Invoice
) -> None:
    await active.post(draft.id)
    await pay(active, payment("142.40"), payment("1000.00", "2"))
    await asyncio.gather(*(active.books.book_payments(draft.id, LATER) for _ in range(3)))
    await active.books.book_payments(draft.id, LATER)
    assert await in_december(active) == {
        "1010": Decimal("1142.40"),
        "1200": Decimal("-960.00"),
        "2300": Decimal("-182.40"),
    }
    assert await active.is_proven()


async def test_a_payment_that_came_before_its_invoice_was_posted_is_booked_after(
    active: Store, draft: Invoice
) -> None:
    await pay(active, payment("1142.40"))
    await active.books.book_payments(draft.id, LATER)
    assert await active.count("book_fact") == 0
    await active.post(draft.id)
    await active.books.book_payments(draft.id, LATER)
    assert (await in_december(active))["1010"] == Decimal("1142.40")


async def test_a_payment_is_heard_by_whatever_is_decided_next(
    active: Store, draft: Invoice
) -> None:
    await active.post(draft.id)
    await pay(active, payment("1142.40"))
    await active.bill(make.make_run(2))
    assert (await in_december(active))["1010"] == Decimal("1142.40")
    await active.books.book_payments(draft.id, LATER)
    assert await active.count("book_fact") == 1


async def test_what_is_paid_too_much_is_a_liability(active: Store, draft: Invoice) -> None:
    await active.post(draft.id)
    await pay(active, payment("1200.00"))
    await active.books.book_payments(draft.id, LATER)
    booked = await in_december(active)
    assert (booked["1010"], booked["2400"]) == (Decimal(1200), Decimal("-57.60"))
    assert "1100" not in booked


async def test_what_is_paid_in_part_leaves_the_rest_open(active: Store, draft: Invoice) -> None:
    await active.post(draft.id)
    await pay(active, payment("142.40"))
    await active.books.book_payments(draft.id, LATER)
    assert (await in_december(active))["1100"] == Decimal(1000)


async def test_a_payment_in_another_currency_is_left_to_its_case(
    active: Store, draft: Invoice
) -> None:
    await active.post(draft.id)
    await pay(active, payment("1142.40", currency="USD"))
    await active.books.book_payments(draft.id, LATER)
    assert await active.count("book_fact") == 0
    assert await active.column("SELECT cause FROM exception_case") == ["PaymentCurrency"]


async def test_a_payment_of_a_day_in_a_locked_period_is_booked_in_the_next(
    active: Store, draft: Invoice
) -> None:
    await active.post(draft.id)
    await pay(active, payment("1142.40"))
    locked = PeriodLocked(
        id="l-1",
        source=make.ERP,
        occurred_at=LATER,
        legal_entity=make.ENTITY,
        period=DECEMBER,
    )
    await active.events.record_event(locked, LATER)
    await active.books.book_payments(draft.id, LATER)
    assert (await active.sums())["2027-01", "1010"] == Decimal("1142.40")


# -- what is left ----------------------------------------------------------------------------------


async def test_what_no_run_took_yet_and_what_a_cap_holds_is_said(store: Store) -> None:
    cap = Cap(cap_id="budget", hours=Decimal(10))
    await store.begin(make.make_agreement().contract.model_copy(update={"caps": (cap,)}))
    assert await store.books.unbilled(make.ENGAGEMENT, LATER) == ()
    await store.work.store_items([make.make_time_entry(f"t-{n}") for n in range(2)])
    assert await store.books.unbilled(make.ENGAGEMENT, LATER) == (
        "2 approved entries were not taken by a billing run yet",
    )
    await store.bill()
    assert await store.books.unbilled(make.ENGAGEMENT, LATER) == (
        "1 approved entries are not billed",
    )


async def test_nothing_is_left_of_what_is_billed(active: Store, draft: Invoice) -> None:
    assert await active.books.unbilled(make.ENGAGEMENT, LATER) == ()
    assert await active.books.unbilled(EngagementId("nobody"), LATER) == ()


async def test_contracts_to_close_are_those_that_an_entity_bills_and_that_have_begun(
    active: Store,
) -> None:
    async def to_close(entity: str, period: str, after: str = "") -> Sequence[str]:
        return await active.books.contracts_to_close(entity, period, after, 10)

    assert await to_close(make.ENTITY, NOVEMBER) == [CONTRACT]
    assert await to_close(make.ENTITY, "2026-10") == []
    assert await to_close("SOUTH-DE", NOVEMBER) == []
    assert await to_close(make.ENTITY, NOVEMBER, CONTRACT) == []
