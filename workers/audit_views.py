"""Verdicts and explanations of the audit trail, as people and machines read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from rich import box
from rich.markup import escape
from rich.table import Table

from store.audit.explanation import (
    BilledTransaction,
    BookedJournal,
    Explanation,
    Rate,
    TrailEntry,
)
from store.audit.findings import Verdict
from workers.commands.common import out


def show_verdicts(verdicts: Sequence[Verdict], *, has_keys: bool) -> None:
    table = Table(
        "chain", "rows", "signed up to", "wait for their seal", "slowest seal", "findings"
    )
    for each in verdicts:
        table.add_row(*(escape(text) for text in _verdict(each)))
    out.print(table)
    if not has_keys:
        out.print(
            "[yellow]![/] no audit key is known: no signature is checked, and a tail that was cut "
            "stays unseen"
        )
    if any(each.findings for each in verdicts):
        out.print(_findings(verdicts))
    whole = sum(each.is_whole for each in verdicts)
    colour = "green" if whole == len(verdicts) else "red"
    out.print(f"[{colour}]{whole} of {len(verdicts)} chains are whole[/]")


def _verdict(found: Verdict) -> tuple[str, ...]:
    signed = f"{found.signed_through} ({_minute(found.signed_at)})" if found.signed_at else "-"
    since = f", since {_minute(found.oldest_unsealed)}" if found.oldest_unsealed else ""
    count = len(found.findings) + found.findings_left_out
    waiting = f"{found.unsealed}{since}"
    slowest = f"{found.slowest_seal_s:.0f} s"
    return found.chain, str(found.rows), signed, waiting, slowest, str(count)


def _findings(verdicts: Sequence[Verdict]) -> Table:
    table = Table("chain", "number", "row", "check", "what", title="Findings", title_style="red")
    for verdict in verdicts:
        for each in verdict.findings:
            number, row = (str(n) if n is not None else "" for n in (each.number, each.row_id))
            words = (each.chain, number, row, each.check.value, each.message)
            table.add_row(*(escape(text) for text in words))
        if verdict.findings_left_out:
            table.add_row(verdict.chain, "", "", "", f"and {verdict.findings_left_out} more")
    return table


def verdict_for_machines(found: Verdict) -> dict[str, object]:
    return {
        "chain": found.chain,
        "whole": found.is_whole,
        "rows": found.rows,
        "head": {"number": found.head.number, "hash": found.head.hash.hex()},
        "checkpoints": found.checkpoints,
        "signed_through": found.signed_through,
        "signed_at": found.signed_at.isoformat() if found.signed_at else None,
        "unsealed": found.unsealed,
        "oldest_unsealed": found.oldest_unsealed.isoformat() if found.oldest_unsealed else None,
        "slowest_seal_s": found.slowest_seal_s,
        "findings": [each._asdict() for each in found.findings],
        "findings_left_out": found.findings_left_out,
    }


def show_explanation(found: Explanation) -> None:
    number = f"{found.number} " if found.number else ""
    on = f", dated {found.invoice_date}" if found.invoice_date else ""
    out.print(
        f"{found.type} {escape(number)}({escape(found.invoice)}), {found.state}{on}, "
        f"{escape(found.legal_entity)}, {escape(found.engagement)}"
    )
    out.print(f"[bold]line {found.line_no}[/]: {escape(found.description)}: {found.net}")
    for place, each in enumerate(found.transactions, start=1):
        out.print(_transaction(f"{place} of {len(found.transactions)}", each))
    if found.transactions_left_out:
        out.print(f"and {found.transactions_left_out} transactions more")
    out.print(_document(found))
    for title, journals in (
        ("Journals of the document", found.posted),
        ("Revenue of the contract in these service periods (sums)", found.revenue),
    ):
        if journals:
            out.print(_journals(title, journals))
    if found.trail:
        out.print(_trail(found.trail))


def _grid(title: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _transaction(title: str, found: BilledTransaction) -> Table:
    table = _grid(f"Transaction {title}: {found.kind}, {found.net}")
    for name, value in _facts(found):
        if value:
            table.add_row(name, escape(value))
    return table


def _facts(found: BilledTransaction) -> Iterator[tuple[str, str]]:
    agreed, currency = found.agreed, found.net.currency
    yield from _source(found)
    yield (
        "contract",
        f"{agreed.contract} version {agreed.version}, in force from {agreed.effective_from}, "
        f"kept {_minute(agreed.agreed_at)}, line {agreed.line_id}",
    )
    yield "run", found.run
    yield "rate", _rate(found.rate_row) if found.rate_row else found.rate_basis
    for each in found.beaten:
        yield "beat", _rate(each)
    priced = f"{_plain(found.quantity)} x {_plain(found.rate)} ({found.rate_basis})"
    yield "amount", f"{priced} = {found.amount}"
    yield "discount", str(found.discount) if found.discount else ""
    fixed = f", {_plain(found.fx)} {currency} for one, as agreed" if found.fx else ""
    yield "currency", f"{found.currency_basis}{fixed}"
    for limit, used in found.limits.items():
        yield "cap", f"{_plain(used)} of {limit}"
    yield "credits", found.credits


def _source(found: BilledTransaction) -> Iterator[tuple[str, str]]:
    entry, accepted = found.entry, found.acceptance
    if not entry.system:
        yield "fee", f"{entry.id}, {entry.work_date}, {entry.description}"
    else:
        person = f"{entry.person_name} ({entry.person})" if entry.person_name else entry.person
        words = (person, str(entry.work_date), entry.role, entry.task, entry.description)
        said = ", ".join(each for each in words if each)
        yield "source", f"{entry.system} {entry.id} (revision {entry.revision}): {said}"
        approved = f", {_minute(entry.approved_at)}" if entry.approved_at else ""
        yield "approved", f"{entry.approved_by or 'by the source'}{approved}"
    if accepted is not None:
        yield (
            "accepted",
            f"{accepted.accepted_by}, {accepted.accepted_on}, document {accepted.document_hash}",
        )


def _rate(found: Rate) -> str:
    if found.rate is None:
        return found.row
    until = f" to {found.effective_to}" if found.effective_to else ""
    whose = f"{found.level} {found.subject}".rstrip()
    return f"{found.row}: {whose}, {_plain(found.rate)}, from {found.effective_from}{until}"


def _document(found: Explanation) -> Table:
    table = _grid("Document")
    tax, rate, erp = found.tax, found.spot_rate, found.erp
    if tax is not None:
        percent = _plain(tax.rate * 100)
        reason = f" ({tax.reason})" if tax.reason else ""
        words = f"{tax.tax_code} {tax.category.value} {percent} % on {tax.base} = {tax.amount}"
        table.add_row("tax", escape(f"{words}{reason}"))
    if rate is not None:
        words = f"{rate.pair} {_plain(rate.rate)} of {rate.rate_on} ({rate.source})"
        table.add_row("exchange rate", escape(words))
    if erp is None:
        table.add_row("ERP", "no write to it is recorded")
    else:
        where = erp.reference or erp.system
        when = f"{erp.state} {_minute(erp.changed_at)}, prepared {_minute(erp.prepared_at)}"
        table.add_row("ERP", escape(f"{where}, {when}, attempts: {erp.attempts}"))
    return table


def _journals(title: str, journals: Sequence[BookedJournal]) -> Table:
    table = Table("number", "date", "journal", "account", "debit", "credit", title=title)
    for journal in journals:
        head = (str(journal.number), str(journal.on), f"{journal.event} ({journal.kept_by})")
        for side in journal.sides:
            is_foreign = side.document_currency != side.currency
            foreign = f" ({side.document_amount:f} {side.document_currency})" if is_foreign else ""
            amount = f"{abs(side.amount):f} {side.currency}{foreign}"
            figures = (amount, "") if side.amount > 0 else ("", amount)
            table.add_row(*(escape(each) for each in (*head, side.account, *figures)))
            head = ("", "", "")
    return table


def _trail(rows: Sequence[TrailEntry]) -> Table:
    table = Table("when", "who", "what", "detail", "sealed as", title="Audit trail")
    for row in rows:
        detail = ", ".join(f"{name}: {value}" for name, value in row.detail.items())
        place = f"{row.chain} {row.number}" if row.number else "waits"
        words = (_minute(row.at), row.actor, row.action, detail, place)
        table.add_row(*(escape(each) for each in words))
    return table


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
