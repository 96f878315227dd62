"""Between our journal entries and Tryton's moves. Pure: no calls, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from adapters.tryton.api import Values
from adapters.tryton.mapping import external_ref
from adapters.tryton.rows import Move, MoveState, MoveWithLines, NestedMoveLine
from adapters.tryton.wire import Wire
from canonical.journal_entry import DraftEntry, JournalEntry, JournalEntryLine, PostedEntry
from canonical.money import Currency, Money

ENTRY = "entry"
SEPARATOR = " | "
"""Between our key and the text for people, in the one description that an entry has."""

LINE_TEXT_MAX = 200
NOTHING = Decimal(0)


def new_move(
    entry: JournalEntry, records: Mapping[str, int], accounts: Mapping[str, int]
) -> Values:
    """A draft with all its lines: it is there whole, or not at all."""
    lines: list[Wire] = [_line_values(line, accounts[line.account]) for line in entry.lines]
    return {
        **records,
        "date": entry.on,
        "description": f"{entry.key}{SEPARATOR}{entry.description}",
        "lines": [["create", lines]],
    }


def _line_values(line: JournalEntryLine, account: int) -> Values:
    amount = line.amount.amount
    return {
        "account": account,
        "debit": max(amount, NOTHING),
        "credit": max(-amount, NOTHING),
        "description": line.description or None,
    }


def key_domain(key: str) -> Wire:
    """Entries whose description is the key, or the key and a text."""
    escaped = key.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    with_text: Wire = [["description", "like", f"{escaped}{SEPARATOR}%"]]
    return ["OR", [["description", "=", key]], with_text]


def carries(row: Move, key: str) -> bool:
    """Whether an entry is the one of our key; the server's `like` may see more than is meant."""
    text = row.description or ""
    return text == key or text.startswith(f"{key}{SEPARATOR}")


def to_draft_entry(system: str, row: Move, key: str) -> DraftEntry:
    return DraftEntry(reference=external_ref(system, ENTRY, row.id), key=key)


def to_posted_entry(system: str, row: MoveWithLines) -> PostedEntry:
    currency = row.company.currency.code
    in_order = sorted(row.lines, key=lambda line: line.id)
    return PostedEntry(
        reference=external_ref(system, ENTRY, row.id),
        key=(row.description or "").partition(SEPARATOR)[0],
        number=row.number or "",
        posted=row.state is MoveState.POSTED,
        on=row.date,
        lines=tuple(_to_line(line, currency) for line in in_order),
    )


def _to_line(line: NestedMoveLine, currency: Currency) -> JournalEntryLine:
    return JournalEntryLine(
        account=line.account.code or f"without a code, record {line.account.id}",
        amount=Money(amount=line.debit - line.credit, currency=currency),
        description=(line.description or "")[:LINE_TEXT_MAX],
    )
