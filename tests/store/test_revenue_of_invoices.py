"""What is sealed of invoices: our ledger's side less what the ERP booked when it posted them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.events import ExchangeRatesPublished
from canonical.invoice import Invoice
from canonical.landscape import Landscape
from canonical.ledger.transfer import Transfer, transfer
from canonical.periods import Period, last_day
from canonical.revenue import PeriodBooks, Sealing
from store.revenue_closes import RevenueStore
from tests import builders as make
from tests.store.conftest import Store

POSTED_IN = f"{make.POSTED_ON:%Y-%m}"


def landscape() -> Landscape:
    """The ERP credits invoices to 8000, whatever our ledger says."""
    entity = make.make_entity()
    erp = entity.erp.model_copy(update={"accounts": {"time": "8000"}})
    credits_8000 = entity.model_copy(update={"erp": erp})
    return make.make_landscape().model_copy(update={"entities": (credits_8000,)})


@pytest.fixture
def records(engine: AsyncEngine) -> RevenueStore:
    return RevenueStore(engine, landscape())


async def seal(records: RevenueStore, period: Period) -> Sealing:
    (entity,) = landscape().entities

    def make_entry(books: PeriodBooks) -> Transfer:
        on = last_day(period)
        return transfer(entity, period, on, books.journals, books.bookings, sent=books.sent)

    return await records.seal_entry(entity.code, period, make_entry)


def amounts(sealing: Sealing) -> dict[str, str]:
    assert sealing.sealed is not None
    return {line.account: str(line.amount.amount) for line in sealing.sealed.entry.lines}


async def test_of_a_posted_invoice_the_erps_revenue_goes_to_the_contract_asset(
    store: Store, draft: Invoice, records: RevenueStore
) -> None:
    await store.post(draft.id)
    assert amounts(await seal(records, make.PERIOD)) == {"1200": "960.00", "4000": "-960.00"}
    posted = await seal(records, POSTED_IN)
    assert amounts(posted) == {"1200": "-960.00", "8000": "960.00"}
    assert posted.differences == ()


async def test_an_invoice_that_our_ledger_does_not_hold_yet_is_held_back(
    store: Store, draft: Invoice, records: RevenueStore
) -> None:
    await store.invoices.record_posted(draft.id, make.make_posted(draft))
    held = await seal(records, POSTED_IN)
    assert held.sealed is None
    assert {each.about for each in held.differences} == {draft.key}
    await store.books.post_invoice(draft.id)
    assert amounts(await seal(records, POSTED_IN)) == {"1200": "-960.00", "8000": "960.00"}


async def test_an_invoice_in_a_foreign_currency_is_taken_off_at_our_rate(
    store: Store, records: RevenueStore
) -> None:
    dollars = make.make_agreement().contract.model_copy(update={"currency": "USD"})
    await store.begin(dollars)
    await _rate(store, Decimal("0.9137"))
    await store.work.store_items([make.make_time_entry()])
    await store.post((await store.draft_of()).id)
    posted = await seal(records, POSTED_IN)
    assert posted.differences == ()
    assert amounts(posted) == {"1200": "-877.15", "8000": "877.15"}


async def _rate(store: Store, rate: Decimal) -> None:
    event = ExchangeRatesPublished(
        id="rates-1",
        source="treasury",
        occurred_at=make.RECEIVED_AT,
        rate_on=date(2026, 1, 1),
        rates={"USD/EUR": rate},
    )
    await store.events.record_event(event, make.RECEIVED_AT)
