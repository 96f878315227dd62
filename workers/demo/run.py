"""Runs the story on the local stack, tells it as it happens, and proves its figures."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.tryton.local.figures import PostedFigures, account_totals, posted_figures
from canonical.ledger.accounts import Account
from canonical.ledger.entity import entity_terms
from canonical.periods import period_of
from canonical.records import InvoiceStanding
from runtime.landscape import load_landscape
from store.engine import create_engine
from store.overview import account_balances
from workers.demo import script
from workers.demo.stories.base import DemoStory, Expected, Figures
from workers.demo.story import Story
from workers.demo.tally import Tally, tally
from workers.local.landscape import ENTITY
from workers.local.stack import LocalStack, StackOptions

ZERO = Decimal(0)


@dataclass(frozen=True)
class Outcome:
    """What the demo proves."""

    invoices: Sequence[InvoiceStanding]
    erp: Sequence[Sequence[PostedFigures]]
    """For each invoice, all documents of the ERP that carry its key."""
    ledger: Mapping[str, Decimal]
    """Balances of our ledger, by account."""
    erp_ledger: Mapping[str, Decimal]
    """What the ERP's own books show for the same accounts."""
    transactions: int
    mails: int
    crm_status: str
    elapsed_s: float
    tally: Tally


def problems(outcome: Outcome, expected: Expected) -> list[str]:
    """Everything that does not tie out; empty: the demo is right to the cent."""
    found = [
        _differs("invoices", len(outcome.invoices), len(expected.invoices)),
        _differs("transactions", outcome.transactions, expected.transactions),
        _differs("mails to the client", outcome.mails, len(expected.invoices)),
        _differs("the status on the deal", outcome.crm_status, expected.crm_status),
    ]
    for invoice, figures, documents in zip(
        outcome.invoices, expected.invoices, outcome.erp, strict=False
    ):
        found += _invoice_problems(invoice, figures, documents)
    told = {account: Decimal(amount) for account, amount in expected.ledger.items()}
    for account in sorted({*told, *outcome.ledger}):
        wanted = told.get(account, ZERO)
        found += [
            _differs(f"account {account} with us", outcome.ledger.get(account, ZERO), wanted),
            _differs(
                f"account {account} in the ERP", outcome.erp_ledger.get(account, ZERO), wanted
            ),
        ]
    return [problem for problem in found if problem]


def _invoice_problems(
    invoice: InvoiceStanding, figures: Figures, documents: Sequence[PostedFigures]
) -> list[str]:
    net, tax, gross = figures.amounts()
    found = [
        _differs(f"documents in the ERP with the key {invoice.key}", len(documents), 1),
        _differs(f"gross of {invoice.number} with us", invoice.gross.amount, gross),
        _differs(f"paid of {invoice.number} with us", invoice.paid.amount, gross),
    ]
    for document in documents:
        found += [
            _differs(f"net of {document.number} in the ERP", document.net, net),
            _differs(f"tax of {document.number} in the ERP", document.tax, tax),
            _differs(f"receivable of {document.number} in the ERP", document.receivable, gross),
            _differs(f"paid of {document.number} in the ERP", document.paid, gross),
        ]
    return found


def _differs(what: str, found: object, expected: object) -> str:
    return "" if found == expected else f"{what}: {found}, expected {expected}"


class Demo:
    """The demo of one run."""

    def __init__(self, console: Console, directory: Path, *, encrypted: bool = False) -> None:
        self._console, self._directory, self._encrypted = console, directory, encrypted
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

            options = StackOptions(
                directory=self._directory, with_ui=True, encrypted=self._encrypted
            )
            stack = LocalStack(options, told)
            await stack.__aenter__()
        return stack

    async def play(self, stack: LocalStack, told: DemoStory) -> Outcome:
        """The story, step by step. Raises StoryStuck when a step has no effect."""
        engine = create_engine(stack.settings.database_url.get_secret_value())
        try:
            story = Story(stack, engine, datetime.now(UTC).date())
            self._say("Salesforce", f"{script.CLIENT} signs; the deal is won: {told.title}")
            story.hire()
            story.sell(deal=told.deal(story.month))
            engagement = await story.until_active()
            code = engagement.project_code
            self._say("Kantata, Tryton", f"client and project {code} exist in both")
            await told.play(story, self._say)
            this_month = period_of(story.today)
            await story.close_revenue(this_month)
            self._say("Finance", f"{this_month}, when the invoices were posted, is closed too")
            return await self._outcome(stack, story, engine)
        finally:
            await engine.dispose()

    async def _outcome(self, stack: LocalStack, story: Story, engine: AsyncEngine) -> Outcome:
        invoices = await story.overview.invoices(story.engagement_id)
        ledger = await account_balances(engine, ENTITY)
        landscape = load_landscape(stack.settings.landscape_path)
        numbers = entity_terms(landscape.entity(ENTITY))
        erp = await account_totals(stack.erp_dsn())
        return Outcome(
            invoices=invoices,
            erp=[await posted_figures(stack.erp_dsn(), each.key) for each in invoices],
            ledger=ledger,
            erp_ledger={
                account.value: erp.get(numbers.number(account), ZERO)
                for account in Account
                if account.value in ledger
            },
            transactions=await story.overview.transactions(story.engagement_id),
            mails=len(stack.mail.sent_to("rechnung@falkenstein.example")),
            crm_status=str(story.crm_status("Billing_Status__c")),
            elapsed_s=time.monotonic() - self._began,
            tally=await tally(stack, story.engagement_id),
        )

    def show(self, outcome: Outcome, found: Sequence[str]) -> None:
        """The closing tables."""
        table = Table("invoice", "net", "tax", "gross", "paid", title="From signed deal to cash")
        for invoice, documents in zip(outcome.invoices, outcome.erp, strict=True):
            for document in documents:
                figures = (document.net, document.tax, document.receivable, document.paid)
                table.add_row(invoice.number, *(f"{each:,.2f}" for each in figures))
        self._console.print(table)
        ledger = Table("account", "our ledger", "the ERP", title="Ledger, all periods, in EUR")
        for account, balance in sorted(outcome.ledger.items()):
            name = Account(account).name.lower().replace("_", " ")
            theirs = outcome.erp_ledger.get(account, ZERO)
            ledger.add_row(f"{account} {name}", f"{balance:,.2f}", f"{theirs:,.2f}")
        self._console.print(ledger)
        costs = Table(show_header=False)
        costs.add_row("elapsed", f"{outcome.elapsed_s:.1f} s")
        costs.add_row("Temporal actions", outcome.tally.actions_in_words())
        costs.add_row("vendor calls", outcome.tally.calls_in_words())
        self._console.print(costs)
        for problem in found:
            self._console.print(f"[bold red]does not tie out:[/] {problem}")
        if not found:
            self._console.print(
                "[green]Every figure ties out: read back from the ERP's own tables.[/]"
            )

    def show_addresses(self, stack: LocalStack) -> None:
        """Where to look around."""
        crm, psa = stack.simulator_urls
        table = Table(title="Still running; press Ctrl-C to stop", show_header=False)
        table.add_row("Temporal UI", stack.temporal.ui_url or "-")
        if self._encrypted:
            table.add_row("Sign in to read payloads", f"{stack.codec_url}/sign-in")
            table.add_row("The token for it is in", str(stack.secrets.codec_token_file))
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
