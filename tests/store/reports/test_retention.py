"""Retentions: what customers keep of milestones, tied to 1250."""

from __future__ import annotations

from datetime import date

from canonical.reports.head import ReportKind
from canonical.reports.rows import RetentionRow
from tests.store.reports.firm import Firm
from tests.store.reports.reading import fig, plain, proven
from tests.store.reports.sold import Sold, milestones


async def retentions(firm: Firm, as_of: str) -> list[RetentionRow]:
    return await proven(firm, ReportKind.RETENTION, RetentionRow, as_of)


async def built(firm: Firm, currency: str = "EUR") -> Sold:
    """Two milestones of 1,000 and 500, billed in March and in April, a tenth of each retained."""
    sold = await firm.sell("M", milestones("1000", "500"), currency=currency)
    for milestone, month in (("M1", "2026-03"), ("M2", "2026-04")):
        await firm.accept(sold, milestone, f"{month}-10")
        await firm.bill_and_post(sold, month, f"{month}-30")
    return sold


async def test_each_milestone_has_what_is_kept_of_it_and_since_when(firm: Firm) -> None:
    await built(firm)
    (first,) = await retentions(firm, "2026-04-29")
    _, second = await retentions(firm, "2026-04-30")
    assert (first.milestone, first.since) == ("M1", date(2026, 3, 30))
    assert (second.milestone, second.since) == ("M2", date(2026, 4, 30))
    assert plain(first.open, second.open) == fig("100 50")


async def test_a_release_closes_its_milestones_alone(firm: Firm) -> None:
    sold = await built(firm)
    await firm.post(await firm.release(sold, "2026-06", "2026-06-30", "M1"), "2026-06-30")
    first, second = await retentions(firm, "2026-06-30")
    assert plain(first.document_retained, first.document_released, first.open) == fig("100 100 0")
    assert plain(second.document_retained, second.document_released, second.open) == fig("50 0 50")
    assert plain(*(row.open for row in await retentions(firm, "2026-06-29"))) == fig("100 50")


async def test_foreign_retentions_share_what_the_ledger_carries_of_them(firm: Firm) -> None:
    """100 USD at 0.80 and 50 USD at 1.00 are 130 EUR: two thirds and one third of it."""
    await firm.rates("2026-01-01", EUR_USD="1.25")
    await firm.rates("2026-04-01", EUR_USD="1.00")
    await built(firm, "USD")
    first, second = await retentions(firm, "2026-04-30")
    assert plain(first.document_open, second.document_open) == fig("100 50")
    assert plain(first.open, second.open) == fig("86.67 43.33")
