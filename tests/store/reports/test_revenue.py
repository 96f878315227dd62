"""Revenue by contract and account, and what was posted later than it was earned."""

from __future__ import annotations

from decimal import Decimal

from canonical.reports.head import ReportKind
from canonical.reports.rows import LateRow, RevenueRow, ScheduleRow
from tests.store.reports.firm import Firm
from tests.store.reports.reading import fig, plain, proven
from tests.store.reports.sold import expenses, fixed_fee, hourly, write_down


async def revenue(firm: Firm, as_of: str) -> dict[str, RevenueRow]:
    """By account, of the only contract."""
    rows = await proven(firm, ReportKind.REVENUE, RevenueRow, as_of)
    assert len({row.contract for row in rows}) <= 1
    return {row.account: row for row in rows}


async def test_each_account_has_its_row_income_above_zero(firm: Firm) -> None:
    """8 hours, an expense of 100 with a mark-up of 10 %, and 50 written down."""
    sold = await firm.sell("A", hourly("100"), expenses(markup_percent="10"))
    await firm.work(sold, "t1", "2026-02-02", "8")
    await firm.expense(sold, "e1", "2026-02-03", "100")
    await firm.close(sold, "2026-02", "2026-02-20")
    await firm.decide(sold, "2026-02-25", write_down=write_down("t1", "50", approved="2026-02-25"))
    rows = await revenue(firm, "2026-02-28")
    assert {account: plain(row.to_date) for account, row in rows.items()} == {
        "4000": fig("800"),
        "4010": fig("110"),
        "4900": fig("-50"),
    }


async def test_month_year_and_to_date_are_by_posting_date(firm: Firm) -> None:
    sold = await firm.sell("A", hourly("100"))
    for number, day in enumerate(("2026-11-05", "2026-12-10", "2027-01-07"), start=1):
        await firm.work(sold, f"t{number}", day, str(number))
        await firm.close(sold, day[:7], f"{day[:8]}28")
    november = (await revenue(firm, "2026-12-09"))["4000"]
    december = (await revenue(firm, "2026-12-31"))["4000"]
    january = (await revenue(firm, "2027-01-31"))["4000"]
    assert plain(november.month, november.year, november.to_date) == fig("0 100 100")
    assert plain(december.month, december.year, december.to_date) == fig("200 300 300")
    assert plain(january.month, january.year, january.to_date) == fig("300 300 600")


async def test_service_of_a_locked_month_is_late_in_the_first_open_one(firm: Firm) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-01-20", "5", approved="2026-02-03")
    await firm.work(sold, "t2", "2026-02-02", "1")
    await firm.lock("2026-01")
    await firm.close(sold, "2026-02", "2026-02-04")
    row = (await revenue(firm, "2026-02-28"))["4000"]
    (late,) = await proven(firm, ReportKind.REVENUE, LateRow, "2026-02-28")
    assert plain(row.month, row.late_month, row.late_year) == fig("600 500 500")
    assert (late.service_period, late.posting_period) == ("2026-01", "2026-02")
    assert plain(late.amount) == fig("500")


async def test_a_loss_is_a_cost_of_its_contract_and_the_schedule_says_where_it_stands(
    firm: Firm,
) -> None:
    """Half of 1,000 is earned; (1,200 - 1,000) x a half is provided for."""
    sold = await firm.sell("F", fixed_fee("1000"))
    await firm.progress(sold, "2026-01-31", "600", "1200")
    await firm.close(sold, "2026-01", "2026-01-31")
    rows = await revenue(firm, "2026-01-31")
    (line,) = await proven(firm, ReportKind.REVENUE, ScheduleRow, "2026-01-31")
    assert plain(rows["4000"].to_date, rows["5900"].to_date) == fig("500 -100")
    assert (line.line, line.document_currency, line.legal_entity) == ("fixed", "EUR", "NORTH-DE")
    assert plain(line.document_revenue, line.document_provision) == fig("500 100")
    assert (line.progress, line.estimate) == (Decimal(600), Decimal(1200))


async def test_the_schedule_is_that_of_the_last_close_by_the_day(firm: Firm) -> None:
    sold = await firm.sell("F", fixed_fee("1000"))
    for day, cost in (("2026-01-31", "100"), ("2026-02-28", "400")):
        await firm.progress(sold, day, cost, "800")
        await firm.close(sold, day[:7], day)
    for day, earned in (("2026-02-27", "125 125"), ("2026-03-01", "500 375")):
        (line,) = await proven(firm, ReportKind.REVENUE, ScheduleRow, day)
        assert plain(line.document_revenue, line.document_change) == fig(earned)
