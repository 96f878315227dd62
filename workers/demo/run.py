"""Runs the story on the local stack, tells it as it happens, and proves its figures."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from adapters.tryton.local.figures import PostedFigures, posted_figures
from canonical.records import InvoiceStanding
from store.engine import create_engine
from workers.demo import script
from workers.demo.story import Story
from workers.demo.tally import Tally, tally
from workers.local.stack import LocalStack, StackOptions

PAID, PARTLY = "Paid", "Part paid"


@dataclass(frozen=True)
class Outcome:
    """What the demo proves."""

    invoice: InvoiceStanding
    erp: tuple[PostedFigures, ...]
    transactions: int
    mails: int
    crm_status: str
    elapsed_s: float
    tally: Tally

    def problems(self) -> list[str]:
        """Everything that does not tie out; empty: the demo is right to the cent."""
        found = [
            f"the ERP holds {len(self.erp)} invoices with our key, not 1"
            if len(self.erp) != 1
            else "",
            f"{self.transactions} transactions, not {script.TRANSACTIONS}"
            if self.transactions != script.TRANSACTIONS
            else "",
            f"{self.mails} mails to the client, not 1" if self.mails != 1 else "",
            f"the deal shows {self.crm_status!r}, not 'Closed'"
            if self.crm_status != "Closed"
            else "",
        ]
        for figures in self.erp:
            found += [
                _differs("net in the ERP", figures.net, script.NET),
                _differs("tax in the ERP", figures.tax, script.TAX),
                _differs("receivable in the ERP", figures.receivable, script.GROSS),
                _differs("paid in the ERP", figures.paid, script.GROSS),
            ]
        found.append(_differs("gross with us", self.invoice.gross.amount, script.GROSS))
        found.append(_differs("paid with us", self.invoice.paid.amount, script.GROSS))
        return [problem for problem in found if problem]


def _differs(what: str, found: Decimal, expected: Decimal) -> str:
    return "" if found == expected else f"{what} is {found}, expected {expected}"


class Demo:
    """The demo of one run."""

    def __init__(self, console: Console, directory: Path) -> None:
        self._console, self._directory = console, directory
        self._began = time.monotonic()

    async def start_stack(self) -> LocalStack:
        """Everything started, with progress for people (the first time takes minutes)."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            servers = progress.add_task("Starting", total=None)
            erp = progress.add_task("ERP", total=1.0)

            def told(step: str, fraction: float) -> None:
                if step.startswith("ERP: "):
                    progress.update(erp, description=step, completed=fraction)
                else:
                    progress.update(servers, description=step)

            options = StackOptions(directory=self._directory, with_ui=True)
            stack = LocalStack(options, told)
            await stack.__aenter__()
        return stack

    async def play(self, stack: LocalStack) -> Outcome:
        """The story, step by step. Raises StoryStuck when a step has no effect."""
        engine = create_engine(stack.settings.database_url.get_secret_value())
        try:
            return await self._play(stack, Story(stack, engine, datetime.now(UTC).date()))
        finally:
            await engine.dispose()

    async def _play(self, stack: LocalStack, story: Story) -> Outcome:
        self._say("Salesforce", f"{script.CLIENT} signs; the deal is won")
        story.hire()
        story.sell()
        engagement = await story.until_active()
        code = engagement.project_code
        self._say("Kantata, Tryton", f"client and project {code} exist in both, team and rates set")
        await story.work()
        self._say(
            "Kantata", "time is logged and approved; the feed repeats, shuffles and loses events"
        )
        story.recall()
        self._say("Kantata", "one timesheet is recalled")
        await story.spend()
        self._say("Expense tool", "expenses arrive as signed events, and are declared complete")
        await story.cut_off()
        self._say("Finance", f"billing cut-off for {story.month.period}")
        invoice = await story.until_delivered()
        self._say("Tryton", f"invoice {invoice.number} over {invoice.gross} posted and mailed")
        await story.until_crm_says("Invoiced")
        await story.pay("BANK-0001", script.FIRST_PAYMENT)
        await story.until_paid(script.FIRST_PAYMENT)
        await story.until_crm_says(PARTLY)
        self._say("Tryton", f"{script.FIRST_PAYMENT:,.2f} EUR received; CRM and PSA are told")
        await story.pay("BANK-0002")
        await story.until_paid(script.GROSS)
        await story.until_crm_says(PAID)
        self._say("Tryton", "the rest is received; the invoice is paid")
        await story.close()
        await story.until_closed()
        self._say("Operations", "the engagement is closed")
        return await self._outcome(stack, story)

    async def _outcome(self, stack: LocalStack, story: Story) -> Outcome:
        (invoice,) = await story.overview.invoices(story.engagement_id)
        return Outcome(
            invoice=invoice,
            erp=tuple(await posted_figures(stack.erp_dsn(), invoice.key)),
            transactions=await story.overview.transactions(story.engagement_id),
            mails=len(stack.mail.sent_to("rechnung@falkenstein.example")),
            crm_status=str(story.crm_status("Billing_Status__c")),
            elapsed_s=time.monotonic() - self._began,
            tally=await tally(stack, story.engagement_id),
        )

    def show(self, outcome: Outcome) -> None:
        """The closing table."""
        table = Table(title="From signed deal to cash", show_header=False)
        (figures, *_) = outcome.erp or (None,)
        rows = [
            ("engagement", str(outcome.invoice.engagement_id)),
            ("invoice number", outcome.invoice.number),
            ("net", f"{figures.net:,.2f} EUR" if figures else "-"),
            ("tax", f"{figures.tax:,.2f} EUR" if figures else "-"),
            ("gross", str(outcome.invoice.gross)),
            ("paid", str(outcome.invoice.paid)),
            ("elapsed", f"{outcome.elapsed_s:.1f} s"),
            ("Temporal actions", outcome.tally.actions_in_words()),
            ("vendor calls", outcome.tally.calls_in_words()),
        ]
        for name, value in rows:
            table.add_row(name, value)
        self._console.print(table)
        for problem in outcome.problems():
            self._console.print(f"[bold red]does not tie out:[/] {problem}")
        if not outcome.problems():
            self._console.print(
                "[green]Every figure ties out: read back from the ERP's own tables.[/]"
            )

    def show_addresses(self, stack: LocalStack) -> None:
        """Where to look around."""
        crm, psa = stack.simulator_urls
        table = Table(title="Still running; press Ctrl-C to stop", show_header=False)
        table.add_row("Temporal UI", stack.temporal.ui_url or "-")
        table.add_row("Gateway", f"{stack.gateway_url}/readyz")
        table.add_row("ERP (Tryton, JSON-RPC)", stack.erp.server.url)
        table.add_row("Salesforce, Kantata (simulators)", f"{crm}  {psa}")
        table.add_row("Mail, logs, landscape", str(stack.directory))
        table.add_row("To use c2c on it", f". {stack.environment_file}")
        self._console.print(table)

    def _say(self, who: str, what: str) -> None:
        elapsed = time.monotonic() - self._began
        self._console.print(f"[dim]{elapsed:6.1f} s[/]  [bold]{who:<16}[/] {what}")


def wants_exit() -> bool:
    """`DEMO_EXIT=1`: leave at the end instead of staying up."""
    return os.environ.get("DEMO_EXIT", "") not in ("", "0")
