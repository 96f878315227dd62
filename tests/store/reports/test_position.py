"""Contract positions: what the ledger has of each contract on a day, and that it ties."""

from __future__ import annotations

from canonical.reports.head import ReportKind
from canonical.reports.rows import Position, PositionRow
from tests.store.reports.firm import Firm
from tests.store.reports.reading import fig, plain, proven
from tests.store.reports.sold import (
    NORTH,
    WEST,
    expenses,
    fixed_fee,
    hourly,
    milestones,
    retainer,
    write_down,
)


async def position(firm: Firm, as_of: str) -> PositionRow:
    (row,) = await proven(firm, ReportKind.POSITION, PositionRow, as_of)
    return row


def figures(of: Position | None) -> tuple[str, ...]:
    """Asset, retention, liability, revenue, billed."""
    assert of is not None
    assert of.net == of.asset + of.retention - of.liability
    return plain(of.asset, of.retention, of.liability, of.revenue, of.billed)


async def test_work_within_a_cap_is_an_asset_until_it_is_billed(firm: Firm) -> None:
    sold = await firm.sell("A", hourly("100"), caps=[{"cap_id": "NTE", "amount": "1000"}])
    await firm.work(sold, "t1", "2026-10-05", "6")
    await firm.work(sold, "t2", "2026-10-20", "6")
    await firm.bill_and_post(sold, "2026-10", "2026-11-03")
    assert figures((await position(firm, "2026-11-02")).position) == fig("1000 0 0 1000 0")
    assert figures((await position(firm, "2026-11-03")).position) == fig("0 0 0 1000 1000")


async def test_a_fee_in_advance_is_a_liability_for_the_hours_that_are_left(firm: Firm) -> None:
    sold = await firm.sell("R", retainer())
    await firm.bill_and_post(sold, "2026-01", "2026-01-02")
    await firm.work(sold, "t1", "2026-01-10", "4")
    await firm.close(sold, "2026-01", "2026-01-31")
    assert figures((await position(firm, "2026-01-09")).position) == fig("0 0 1000 0 1000")
    assert figures((await position(firm, "2026-01-31")).position) == fig("0 0 600 400 1000")


async def test_a_retention_is_part_of_the_position_until_it_is_released(firm: Firm) -> None:
    sold = await firm.sell("M", milestones("1000"))
    await firm.accept(sold, "M1", "2026-03-10")
    await firm.bill_and_post(sold, "2026-03", "2026-03-31")
    await firm.post(await firm.release(sold, "2026-06", "2026-06-30"), "2026-06-30")
    assert figures((await position(firm, "2026-06-29")).position) == fig("0 100 0 1000 900")
    assert figures((await position(firm, "2026-06-30")).position) == fig("0 0 0 1000 1000")


async def test_a_fixed_fee_billed_ahead_of_its_progress_is_a_liability(firm: Firm) -> None:
    sold = await firm.sell("F", fixed_fee("10000", S1="2026-01-15 4000"))
    await firm.progress(sold, "2026-01-31", "2000", "8000")
    await firm.bill_and_post(sold, "2026-01", "2026-01-20")
    await firm.close(sold, "2026-01", "2026-01-31")
    assert figures((await position(firm, "2026-01-31")).position) == fig("0 0 1500 2500 4000")


async def test_a_disbursement_is_not_billed_revenue(firm: Firm) -> None:
    sold = await firm.sell("D", hourly("100"), expenses())
    await firm.work(sold, "t1", "2026-02-02", "1")
    await firm.expense(sold, "e1", "2026-02-03", "80", disbursement=True)
    await firm.bill_and_post(sold, "2026-02", "2026-02-28")
    assert figures((await position(firm, "2026-02-28")).position) == fig("0 0 0 100 100")


async def test_a_write_down_lowers_revenue_and_asset_alike(firm: Firm) -> None:
    sold = await firm.sell("W", hourly("100"))
    await firm.work(sold, "t1", "2026-02-02", "6")
    await firm.close(sold, "2026-02", "2026-02-20")
    await firm.decide(sold, "2026-02-25", write_down=write_down("t1", "50", approved="2026-02-25"))
    assert figures((await position(firm, "2026-02-24")).position) == fig("600 0 0 600 0")
    assert figures((await position(firm, "2026-02-25")).position) == fig("550 0 0 550 0")


async def test_a_foreign_contract_is_shown_as_carried_and_as_invoiced(firm: Firm) -> None:
    """10 hours for 1,000 USD: earned at 0.80, billed when a dollar is a euro."""
    await firm.rates("2026-01-01", EUR_USD="1.25")
    await firm.rates("2026-02-01", EUR_USD="1.00")
    sold = await firm.sell("X", hourly("100"), currency="USD")
    await firm.work(sold, "t1", "2026-01-15", "10")
    await firm.bill_and_post(sold, "2026-01", "2026-02-03")
    before, after = await position(firm, "2026-02-02"), await position(firm, "2026-02-03")
    assert figures(before.position) == fig("800 0 0 800 0")
    assert figures(before.document) == fig("1000 0 0 1000 0")
    assert figures(after.position) == fig("0 0 0 800 800")
    assert figures(after.document) == fig("0 0 0 1000 1000")
    assert (after.currency, after.document_currency) == ("EUR", "USD")


async def test_revaluation_stands_beside_the_position(firm: Firm) -> None:
    await firm.rates("2026-01-01", EUR_USD="1.25")
    await firm.rates("2026-01-31", EUR_USD="1.00")
    sold = await firm.sell("X", hourly("100"), currency="USD")
    await firm.work(sold, "t1", "2026-01-15", "10")
    await firm.close(sold, "2026-01", "2026-01-20")
    await firm.decide(sold, "2026-01-31", revalue={})
    row = await position(firm, "2026-01-31")
    assert plain(row.position.asset, row.revaluation) == ("800.00", "200.00")


async def test_contracts_of_one_entity_come_alone_and_in_order_of_their_projects(
    firm: Firm,
) -> None:
    for code, entity, currency in (("B", NORTH, "EUR"), ("U", WEST, "USD"), ("A", NORTH, "EUR")):
        sold = await firm.sell(code, hourly("100"), entity=entity, currency=currency)
        await firm.work(sold, f"t{code}", "2026-02-02", "1")
        await firm.close(sold, "2026-02", "2026-02-20")
    every = await proven(firm, ReportKind.POSITION, PositionRow, "2026-02-28")
    north = await proven(firm, ReportKind.POSITION, PositionRow, "2026-02-28", entity=NORTH)
    assert [row.project for row in every] == ["A", "B", "U"]
    assert [(row.project, row.currency) for row in north] == [("A", "EUR"), ("B", "EUR")]
