"""Time and materials with expenses; the figures are worked out in `workers.demo.script`."""

from __future__ import annotations

from adapters.salesforce.simulator.seed import SeedDeal
from workers.demo import script
from workers.demo.script import Month
from workers.demo.stories.base import Expected, Figures, Say
from workers.demo.story import Story

name = "time_and_materials"
title = "Time and materials with expenses, paid in two parts"


def deal(month: Month) -> SeedDeal:
    return script.deal(month)


def expected(month: Month) -> Expected:
    return Expected(
        invoices=(Figures(str(script.NET), str(script.TAX), str(script.GROSS)),),
        transactions=script.TRANSACTIONS,
        crm_status="Closed",
        ledger={
            "1010": str(script.GROSS),
            "2300": str(-script.TAX),
            "4000": str(-script.LABOUR),
            "4010": str(-script.EXPENSES),
        },
    )


async def play(story: Story, say: Say) -> None:
    await story.work()
    say("Kantata", "time is logged and approved; the feed repeats, shuffles and loses events")
    story.recall()
    say("Kantata", "one timesheet is recalled")
    await story.spend()
    say("Expense tool", "expenses arrive as signed events, and are declared complete")
    await story.cut_off()
    say("Finance", f"billing cut-off for {story.month.period}")
    invoice = await story.until_next_delivered()
    say("Tryton", f"invoice {invoice.number} over {invoice.gross} posted and mailed")
    await story.until_crm_says("Invoiced")
    await story.pay("BANK-0001", script.FIRST_PAYMENT)
    await story.until_paid(script.FIRST_PAYMENT)
    await story.until_crm_says("Part paid")
    say("Tryton", f"{script.FIRST_PAYMENT:,.2f} EUR received; CRM and PSA are told")
    await story.pay("BANK-0002")
    await story.until_paid(script.GROSS)
    await story.until_crm_says("Paid")
    say("Tryton", "the rest is received; the invoice is paid")
    await story.close()
    await story.until_closed()
    say("Operations", "the engagement is closed")
    await story.close_month()
    say("Finance", f"revenue of {story.month.period} is closed; its journal is in the ERP")
