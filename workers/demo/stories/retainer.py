"""A retainer over two months: 20 hours a month in advance, roll-over, overage.

Fee 3,000.00 a month for 20 h (150.00 an hour); up to 5 h roll over, for one month; overage 180.00
first month   18 h used                      invoice 3,000.00   revenue 2,700.00
              2 h roll over
second month  25 h used: 2 h rolled, 20 h,   invoice 3,000.00   revenue   300.00 + 3,000.00
              3 h overage x 180.00                 +   540.00           +   540.00
                                                    ---------            ---------
                                                     6,540.00             6,540.00
VAT 19 %: 570.00 and 672.60; gross 3,570.00 and 4,212.60
"""

from __future__ import annotations

from decimal import Decimal

from adapters.salesforce.simulator.seed import SeedDeal, SeedLine
from workers.demo.script import ANNA, Month, Worked
from workers.demo.stories.base import Expected, Figures, Say, deal_of
from workers.demo.story import Story

name = "retainer"
title = "A retainer over two months, with roll-over and overage"

FIRST = tuple(Worked(ANNA, "Senior Consultant", day, 540, "Advice") for day in (3, 17))
SECOND = tuple(
    Worked(ANNA, "Senior Consultant", day, minutes, "Advice")
    for day, minutes in ((4, 480), (12, 480), (26, 540))
)


def deal(month: Month) -> SeedDeal:
    retainer = SeedLine(
        product="Advisory retainer",
        family="Retainer",
        hours=Decimal(20),
        rate=Decimal(3000),
        period="month",
        overage_rate=Decimal(180),
        rollover_hours_max=Decimal(5),
        rollover_periods=1,
    )
    starts, ends = month.before_it().day(1), month.last()
    return deal_of("Advisory retainer", "retainer", starts, (retainer,), ends=ends)


def expected(month: Month) -> Expected:
    return Expected(
        invoices=(
            Figures("3000.00", "570.00", "3570.00"),
            Figures("3540.00", "672.60", "4212.60"),
        ),
        transactions=3,
        crm_status="Closed",
        ledger={"1010": "7782.60", "2300": "-1242.60", "4000": "-6540.00"},
    )


async def play(story: Story, say: Say) -> None:
    last = story.month
    for month, entries in ((last.before_it(), FIRST), (last, SECOND)):
        story.month = month
        await story.log(entries)
        await story.declare_no_expenses()
        hours = sum(Decimal(each.minutes) for each in entries) / 60
        say("Kantata", f"{month.period}: {hours:f} hours of the retainer are used")
        await story.cut_off()
        invoice = await story.until_next_delivered()
        say("Tryton", f"invoice {invoice.number} over {invoice.gross} is posted")
        await story.collect()
        await story.close_month()
        say("Finance", f"revenue of {month.period} is closed; the journal is in the ERP")
    await story.finish()
