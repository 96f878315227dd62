"""Unbilled work: parts of the told books, proven by 1200 and 2200 of the journals."""

from __future__ import annotations

from canonical.reports.head import ReportKind
from canonical.reports.unbilled import UnbilledState
from canonical.reports.wip import WipRow
from store.reports.wip import EQUATION
from tests.store.reports.firm import Firm
from tests.store.reports.reading import fig, plain, proven
from tests.store.reports.sold import (
    Sold,
    expenses,
    fixed_fee,
    hourly,
    milestones,
    retainer,
    write_down,
)

CAP = {"cap_id": "NTE", "amount": "1000"}


async def wip(firm: Firm, as_of: str, told_by: str = "", *, detail: bool = False) -> WipRow:
    (row,) = await rows(firm, as_of, told_by, detail=detail)
    return row


async def rows(firm: Firm, as_of: str, told_by: str = "", *, detail: bool = False) -> list[WipRow]:
    return await proven(firm, ReportKind.WIP, WipRow, as_of, told_by=told_by, detail=detail)


def sides(row: WipRow) -> tuple[str, ...]:
    """Unbilled, in advance, asset, liability; the first two less each other are the last two."""
    assert row.told_later == row.posted_after == 0
    return plain(row.unbilled, row.advance, row.document_asset, row.document_liability)


async def capped(firm: Firm) -> Sold:
    """12 hours, 10 of them within the cap."""
    sold = await firm.sell("A", hourly("100"), caps=[CAP])
    await firm.work(sold, "t1", "2026-10-05", "6")
    await firm.work(sold, "t2", "2026-10-20", "6")
    return sold


async def test_what_is_over_a_cap_stands_beside_what_is_earned(firm: Firm) -> None:
    await firm.close(await capped(firm), "2026-10", "2026-10-31")
    row = await wip(firm, "2026-10-31")
    assert plain(row.ready, row.held) == fig("1000 200")
    assert sides(row) == fig("1000 0 1000 0")
    assert [
        (each.state, each.reason, plain(each.quantity, each.amount)) for each in row.groups
    ] == [
        (UnbilledState.HELD, "over the cap NTE", fig("2 200")),
        (UnbilledState.READY, "", fig("10 1000")),
    ]


async def test_detail_names_every_part_of_an_entry(firm: Firm) -> None:
    await firm.close(await capped(firm), "2026-10", "2026-10-31")
    row = await wip(firm, "2026-10-31", detail=True)
    assert [(part.entry, part.state, plain(part.amount)) for part in row.parts] == [
        ("psa/time/t1", UnbilledState.READY, fig("600")),
        ("psa/time/t2", UnbilledState.HELD, fig("200")),
        ("psa/time/t2", UnbilledState.READY, fig("400")),
    ]
    assert (await wip(firm, "2026-10-31")).parts == ()


async def test_a_draft_is_unbilled_until_it_is_posted(firm: Firm) -> None:
    sold = await capped(firm)
    (invoice,) = await firm.bill(sold, "2026-10", "2026-11-02")
    draft = await wip(firm, "2026-11-02")
    await firm.post(invoice, "2026-11-03")
    assert plain(draft.on_draft, draft.ready) == fig("1000 0")
    assert sides(draft) == fig("1000 0 1000 0")
    assert sides(await wip(firm, "2026-11-03")) == fig("0 0 0 0")  # what is held is left
    assert sides(await wip(firm, "2026-11-02")) == fig("1000 0 1000 0")


async def test_a_contract_with_nothing_unbilled_has_no_row_and_is_proven_all_the_same(
    firm: Firm,
) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6")
    await firm.bill_and_post(sold, "2026-10", "2026-11-03")
    found, proofs = await firm.report(ReportKind.WIP, "2026-11-03")
    assert found == []
    assert EQUATION in {proof.equation for proof in proofs.sums}
    assert proofs.holds


async def test_what_a_later_close_posted_into_the_month_has_its_own_column(firm: Firm) -> None:
    await firm.close(await capped(firm), "2026-10", "2026-11-02")
    row = await wip(firm, "2026-10-31")
    assert plain(row.unbilled, row.told_later, row.document_asset) == fig("0 1000 1000")


async def test_a_month_is_seen_as_its_later_close_knew_it(firm: Firm) -> None:
    """An hour of November was known at the close too; it is posted after October."""
    sold = await capped(firm)
    await firm.sell("B", hourly("100"))
    await firm.close(sold, "2026-10", "2026-11-02")
    late = await firm.sell("C", hourly("100"))
    await firm.work(late, "tC", "2026-11-01", "1")
    await firm.close(late, "2026-10", "2026-11-02")
    first, second = await rows(firm, "2026-10-31", "2026-11-02")
    assert plain(first.ready, first.held) == fig("1000 200")
    assert sides(first) == fig("1000 0 1000 0")
    assert plain(second.ready, second.posted_after, second.document_asset) == fig("100 100 0")


async def test_hours_of_a_retainer_that_are_left_are_billed_in_advance(firm: Firm) -> None:
    sold = await firm.sell("R", retainer())
    await firm.bill_and_post(sold, "2026-01", "2026-01-02")
    await firm.work(sold, "t1", "2026-01-10", "4")
    await firm.close(sold, "2026-01", "2026-01-31")
    assert sides(await wip(firm, "2026-01-31")) == fig("0 600 0 600")


async def test_overage_of_a_retainer_is_earned_and_ready(firm: Firm) -> None:
    """12 hours of 10: two at 150 are billed in arrears."""
    sold = await firm.sell("R", retainer())
    await firm.bill_and_post(sold, "2026-01", "2026-01-02")
    await firm.work(sold, "t1", "2026-01-10", "12")
    await firm.close(sold, "2026-01", "2026-01-31")
    assert sides(await wip(firm, "2026-01-31")) == fig("300 0 300 0")


async def test_progress_ahead_of_a_schedule_is_earned(firm: Firm) -> None:
    """A quarter of 10,000 is earned, 2,000 are billed."""
    sold = await firm.sell("F", fixed_fee("10000", S1="2026-01-15 2000"))
    await firm.progress(sold, "2026-01-31", "2000", "8000")
    await firm.bill_and_post(sold, "2026-01", "2026-01-20")
    await firm.close(sold, "2026-01", "2026-01-31")
    before, after = await wip(firm, "2026-01-30"), await wip(firm, "2026-01-31")
    assert plain(before.advance, after.earned) == fig("2000 500")
    assert sides(after) == fig("500 0 500 0")


async def test_an_accepted_milestone_is_ready_with_its_retention(firm: Firm) -> None:
    sold = await firm.sell("M", milestones("1000", "500"))
    await firm.accept(sold, "M1", "2026-03-10")
    await firm.close(sold, "2026-03", "2026-03-31")
    row = await wip(firm, "2026-03-31", detail=True)
    assert sides(row) == fig("1000 0 1000 0")
    assert [(part.entry, part.kind) for part in row.parts] == [("build/M1", "milestone")]


async def test_submitted_time_is_accrued_at_the_month_s_end_and_gone_the_day_after(
    firm: Firm,
) -> None:
    sold = await firm.sell("S", hourly("100"), accrue_unapproved=True)
    await firm.work(sold, "t1", "2026-01-20", "3", approved="no", submitted=True)
    await firm.work(sold, "t2", "2026-01-21", "2")
    await firm.close(sold, "2026-01", "2026-01-31")
    last, first = await wip(firm, "2026-01-31"), await wip(firm, "2026-02-01")
    assert plain(last.ready, last.accrued, last.document_asset) == fig("200 300 500")
    assert plain(first.ready, first.accrued, first.document_asset) == fig("200 0 200")


async def test_work_whose_revenue_is_its_invoice_and_disbursements_stand_beside(
    firm: Firm,
) -> None:
    sold = await firm.sell("I", hourly("100", revenue="on_invoice"), expenses())
    await firm.work(sold, "t1", "2026-02-02", "2")
    await firm.expense(sold, "e1", "2026-02-03", "80", disbursement=True)
    await firm.expense(sold, "e2", "2026-02-04", "40")
    await firm.close(sold, "2026-02", "2026-02-28")
    row = await wip(firm, "2026-02-28")
    assert plain(row.with_invoice, row.disbursements, row.ready) == fig("200 80 40")
    assert sides(row) == fig("40 0 40 0")


async def test_work_whose_write_down_waits_stays_earned(firm: Firm) -> None:
    sold = await firm.sell("W", hourly("100"))
    await firm.work(sold, "t1", "2026-02-02", "6")
    await firm.close(sold, "2026-02", "2026-02-20")
    await firm.decide(sold, "2026-02-25", write_down=write_down("t1", "50"))
    row = await wip(firm, "2026-02-25")
    assert plain(row.under_review, row.ready, row.held) == fig("600 0 0")
    assert sides(row) == fig("600 0 600 0")


async def test_contracts_under_one_cap_are_told_together_and_shown_once_each(firm: Firm) -> None:
    """Of 600 each the first takes 600 of the customer's 1,000, the second 400."""
    cap = {"cap_id": "ALL", "scope": "customer", "amount": "1000"}
    for number, code in enumerate(("A", "B"), start=1):
        sold = await firm.sell(code, hourly("100"), caps=[cap])
        await firm.work(sold, f"t{code}", f"2026-02-0{number}", "6")
        await firm.close(sold, "2026-02", "2026-02-28")
    found = [(row.project, plain(row.ready, row.held)) for row in await rows(firm, "2026-02-28")]
    assert found == [("A", fig("600 0")), ("B", fig("400 200"))]


async def test_a_foreign_contract_is_proven_as_invoiced_and_shown_as_carried(firm: Firm) -> None:
    await firm.rates("2026-01-01", EUR_USD="1.25")
    sold = await firm.sell("X", hourly("100"), currency="USD")
    await firm.work(sold, "t1", "2026-01-15", "10")
    await firm.close(sold, "2026-01", "2026-01-31")
    row = await wip(firm, "2026-01-31")
    assert sides(row) == fig("1000 0 1000 0")
    assert (row.document_currency, row.currency, plain(row.asset)) == ("USD", "EUR", fig("800"))
