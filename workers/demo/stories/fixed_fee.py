"""A fixed fee of 30,000.00 in three instalments, with revenue by cost to cost.

two instalments due in the month        20,000.00   VAT 3,800.00   gross 23,800.00
progress: 9,000.00 of 22,500.00 spent = 40 %
revenue 40 % x 30,000.00                12,000.00
billed beyond revenue                    8,000.00   a contract liability
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from adapters.salesforce.simulator.seed import SeedDeal, SeedLine
from workers.demo.script import Month
from workers.demo.stories.base import Expected, Figures, Say, deal_of
from workers.demo.story import Story

name = "fixed_fee"
title = "A fixed fee in instalments, revenue by progress"

LATER = timedelta(days=90)
"""The last instalment is not due yet."""


def deal(month: Month) -> SeedDeal:
    dues = (month.day(1), month.day(20), month.day(20) + LATER)
    lines = tuple(
        SeedLine(
            product=f"Instalment {number}",
            family="Fixed Fee",
            rate=Decimal(10_000),
            effective_from=due,
            description=f"Instalment {number} of 3",
        )
        for number, due in enumerate(dues, start=1)
    )
    return deal_of("Plant cut-over", "fixed_fee", month.day(1), lines)


def expected(month: Month) -> Expected:
    return Expected(
        invoices=(Figures("20000.00", "3800.00", "23800.00"),),
        transactions=2,
        crm_status="Paid",
        ledger={
            "1010": "23800.00",
            "2200": "-8000.00",
            "2300": "-3800.00",
            "4000": "-12000.00",
        },
    )


async def play(story: Story, say: Say) -> None:
    await story.declare_no_expenses()
    await story.report_progress(story.month.last(), Decimal(9_000), Decimal(22_500))
    say("Project control", "9,000.00 of 22,500.00 EUR are spent: 40 % done")
    await story.cut_off()
    invoice = await story.until_next_delivered()
    say("Tryton", f"invoice {invoice.number} over {invoice.gross}: two instalments were due")
    await story.collect()
    await story.until_crm_says("Paid")
    await story.close_month()
    say("Finance", f"revenue of {story.month.period} is closed; the journal is in the ERP")
