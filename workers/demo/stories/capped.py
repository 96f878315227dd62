"""Time and materials under a cap, with a labour discount.

Cap of the contract: 2,000.00; discount on labour: 5 %
  Anna   3rd  7.50 h x 180.00 = 1,350.00
  Anna  10th  6.25 h x 180.00 = 1,125.00, of which   650.00 fit (3.6111 h)
                                          and        475.00 wait for the cap (2.6389 h)
                                                   --------
labour                                             2,000.00
discount 5 %                                        -100.00
net                                                1,900.00
VAT 19 %                                             361.00
gross                                              2,261.00
"""

from __future__ import annotations

from decimal import Decimal

from adapters.salesforce.simulator.seed import SeedDeal, SeedLine
from workers.demo.script import ANNA, Month, Worked
from workers.demo.stories.base import Expected, Figures, Say, deal_of
from workers.demo.story import Story

name = "capped"
title = "Time and materials under a cap, with a labour discount"

ENTRIES = (
    Worked(ANNA, "Senior Consultant", 3, 450, "Process interviews"),
    Worked(ANNA, "Senior Consultant", 10, 375, "Target process design"),
)
HELD_HOURS, HELD_WORTH = Decimal("2.6389"), Decimal("475.00")

TERMS = """
caps:
  - {cap_id: order, amount: 2000, currency: EUR}
labour_discount_percent: 5
"""


def deal(month: Month) -> SeedDeal:
    role = SeedLine(
        product="Senior Consultant",
        hours=Decimal(40),
        rate=Decimal(180),
        effective_from=month.day(1),
    )
    return deal_of(
        "Process redesign, capped", "time_and_materials", month.day(1), (role,), terms=TERMS
    )


def expected(month: Month) -> Expected:
    return Expected(
        invoices=(Figures("1900.00", "361.00", "2261.00"),),
        transactions=2,
        crm_status="Paid",
        ledger={"1010": "2261.00", "2300": "-361.00", "4000": "-1900.00"},
    )


async def play(story: Story, say: Say) -> None:
    await story.log(ENTRIES)
    await story.declare_no_expenses()
    say("Kantata", "13.75 hours are logged and approved")
    await story.until_heard(len(ENTRIES))
    preview = await story.preview()
    (held,) = preview.held
    say("Operations", f"a preview holds {held.quantity} h, worth {held.amount}: {held.reason}")
    await story.cut_off()
    invoice = await story.until_next_delivered()
    say("Tryton", f"invoice {invoice.number} over {invoice.gross} is posted: the cap is reached")
    await story.collect()
    await story.close_month()
    say("Finance", f"revenue of {story.month.period} is closed; the journal is in the ERP")
    await story.until_crm_says("Paid")
    say("Operations", "the engagement stays open: held work waits for a change order")
