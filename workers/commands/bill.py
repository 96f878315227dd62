"""Billing, seen before it happens: `c2c bill preview`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from canonical.billing import BillingPreview, HeldPart
from canonical.ids import EngagementId
from canonical.invoice import Invoice
from canonical.periods import first_day
from runtime.settings import Settings
from store.billing import BillingStore
from store.books.ledger import Ledger
from workers.commands.common import as_utc, out, run, settings_with_logs
from workers.wiring import unclaimed_house, utc_now

bill = typer.Typer(help="Billing: what a run would make.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(bill, name="bill")


@bill.callback()
def _group() -> None:
    """Keeps `preview` a command of its own while it is the only one."""


@bill.command()
def preview(
    engagement: Annotated[
        str, typer.Argument(help="The engagement's id, such as salesforce/006Ab0000000003IAA.")
    ],
    period: Annotated[str, typer.Option(help="The month to bill, such as 2026-10.")],
    at: Annotated[
        datetime | None,
        typer.Option(help="Take what was approved up to this moment (UTC); default: now."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show what a billing run would do now, without doing it: the parts it bills, what it holds and
    why, the invoices with their taxes, and the journals that bring revenue up to date.

    Everything is computed as the run does it, in a transaction that is rolled back. Sources are not
    asked: it shows what we have heard of.
    """
    try:
        first_day(period)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--period") from error
    found = run(_preview(settings_with_logs(), EngagementId(engagement), period, as_utc(at)))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    show(found)


async def _preview(
    settings: Settings, engagement: EngagementId, period: str, at: datetime | None
) -> BillingPreview:
    async with unclaimed_house(settings) as house:
        store = BillingStore(house.engine, Ledger(house.landscape))
        now = utc_now()
        return await store.preview(engagement, period, at or now, now)


def show(found: BillingPreview) -> None:
    out.print(
        f"Run {found.run.run} of {found.run.period} for {escape(found.run.engagement_id)}, "
        f"cut off at {found.run.cutoff:%Y-%m-%d %H:%M} UTC: nothing is stored."
    )
    if not (found.billed or found.held):
        out.print("There is nothing to bill and nothing is held.")
    if found.billed:
        out.print(_billed(found))
    if found.held:
        out.print(_held(found.held))
    for invoice in found.invoices:
        out.print(_invoice(invoice))
    if found.journals:
        out.print(_journals(found))


def _billed(found: BillingPreview) -> Table:
    table = Table("entry", "date", "what", "quantity", "rate", "basis", "amount", title="Billed")
    for part in found.billed:
        words = (part.entry, str(part.work_date), part.description)
        figures = (f"{part.quantity:f}", f"{part.rate:f}", part.rate_basis, str(part.amount))
        table.add_row(*(escape(each) for each in (*words, *figures)))
    return table


def _held(held: tuple[HeldPart, ...]) -> Table:
    table = Table("entry", "quantity", "worth", "why", title="Held")
    for part in held:
        why = f"{part.reason} {part.cap_id}".rstrip()
        worth = str(part.amount) if part.amount is not None else ""
        table.add_row(*(escape(each) for each in (part.entry, f"{part.quantity:f}", worth, why)))
    return table


def _invoice(invoice: Invoice) -> Table:
    table = Table("line", "text", "net", "tax code", title=f"{invoice.type.value} {invoice.key}")
    for line in invoice.lines:
        table.add_row(
            str(line.line_no), escape(line.description), str(line.net), escape(line.tax_code)
        )
    table.add_section()
    if invoice.discount:
        table.add_row("", "discount in these nets", str(invoice.discount), "")
    table.add_row("", "net", str(invoice.net), "")
    for row in invoice.taxes:
        rate = f"{row.rate * 100:f}".rstrip("0").rstrip(".")
        label = f"tax {row.category.value} {rate} % on {row.base}"
        table.add_row("", label, str(row.amount), escape(row.tax_code))
    table.add_row("", "gross", str(invoice.gross), "")
    return table


def _journals(found: BillingPreview) -> Table:
    table = Table("entity", "date", "journal", "account", "debit", "credit", title="Journals")
    for journal in found.journals:
        head = (journal.legal_entity, str(journal.on), journal.event)
        for side in journal.sides:
            debit, credit = max(side.amount, Decimal(0)), max(-side.amount, Decimal(0))
            figures = (f"{debit:f}" if debit else "", f"{credit:f}" if credit else "")
            table.add_row(*(escape(each) for each in (*head, side.account, *figures)))
            head = ("", "", "")
    return table
