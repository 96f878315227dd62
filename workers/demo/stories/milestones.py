"""Two milestones, of which the client keeps 10 % until the release.

Design  10,000.00 - 1,000.00 kept =  9,000.00   VAT 1,710.00   gross 10,710.00
Build   20,000.00 - 2,000.00 kept = 18,000.00   VAT 3,420.00   gross 21,420.00
release of what was kept             3,000.00   VAT   570.00   gross  3,570.00   (two lines)
                                    ---------       --------        ---------
                                    30,000.00       5,700.00        35,700.00
"""

from __future__ import annotations

from decimal import Decimal

from adapters.salesforce.simulator.seed import SeedDeal, SeedLine
from workers.demo.script import Month
from workers.demo.stories.base import Expected, Figures, Say, deal_of
from workers.demo.story import Story

name = "milestones"
title = "Milestones with acceptance and retention"

DESIGN, BUILD = "M-DESIGN", "M-BUILD"

TERMS = """
lines:
  - {line_id: milestones, retention_percent: 10}
"""


def deal(month: Month) -> SeedDeal:
    lines = tuple(
        SeedLine(
            product=text,
            family="Milestone",
            item_id=milestone,
            rate=Decimal(amount),
            description=text,
        )
        for milestone, text, amount in (
            (DESIGN, "Design accepted", 10_000),
            (BUILD, "Build accepted", 20_000),
        )
    )
    return deal_of("Plant portal", "milestones", month.day(1), lines, terms=TERMS)


def expected(month: Month) -> Expected:
    return Expected(
        invoices=(
            Figures("9000.00", "1710.00", "10710.00"),
            Figures("18000.00", "3420.00", "21420.00"),
            Figures("3000.00", "570.00", "3570.00"),
        ),
        transactions=6,
        crm_status="Closed",
        ledger={"1010": "35700.00", "2300": "-5700.00", "4000": "-30000.00"},
    )


async def play(story: Story, say: Say) -> None:
    for milestone, text, day in ((DESIGN, "design", 10), (BUILD, "build", 28)):
        await story.accept(milestone, story.month.day(day))
        await story.declare_no_expenses(milestone)
        say("Client", f"accepts the {text}, with the signed protocol's hash")
        await story.cut_off(ordered_by=milestone)
        invoice = await story.until_next_delivered()
        say("Tryton", f"invoice {invoice.number} over {invoice.gross}: 10 % are kept back")
        await story.collect()
    await story.release("the warranty ended without a defect")
    invoice = await story.until_next_delivered()
    say("Tryton", f"invoice {invoice.number} over {invoice.gross} releases the retention")
    await story.collect()
    await story.close_month()
    say("Finance", f"revenue of {story.month.period} is closed; the journal is in the ERP")
    await story.finish()
