"""Explains an invoice line, from the ledger back to the source: who, when, by which terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.errors import RuleViolation
from canonical.invoice import TaxRow
from canonical.money import Money
from store import references
from store.audit.billed import billed_of
from store.audit.booked import journals_of, revenue_of, spot_rate_of
from store.audit.chain import AuditRow
from store.audit.database import snapshot
from store.audit.explanation import ErpPosting, Explanation, TrailEntry
from store.audit.personal import revealed
from store.audit.rows import row_of
from store.engagements import missing
from store.processes import engagement_process, invoice_process
from store.tables import invoice, invoice_line, posting

TRANSACTIONS_MAX: Final = 1_000
"""Shown of one line; more are counted."""
TRAIL_MAX: Final = 1_000


async def explain(engine: AsyncEngine, line: str) -> Explanation:
    """Explain `<invoice>/<line>`, where the invoice is named by our key or by the ERP's number.

    Raises RecordMissing for a line that is not there, RuleViolation for a number that two invoices
    have.
    """
    async with snapshot(engine) as connection:
        head, row = await _find(connection, line)
        total = await _count(connection, row)
        transactions = await billed_of(
            connection, row["invoice_id"], row["line_no"], TRANSACTIONS_MAX
        )
        versions = sorted({each.agreed.version for each in transactions})
        currency = head["currency"]
        posted = await journals_of(connection, head["key"], head["contract_id"])
        return Explanation(
            invoice=head["key"],
            number=head["number"],
            type=head["type"],
            state=head["state"],
            legal_entity=head["legal_entity"],
            engagement=head["engagement_id"],
            period=head["period"],
            invoice_date=head["invoice_date"],
            line_no=row["line_no"],
            description=row["description"],
            net=Money(amount=row["net"], currency=currency),
            quantity=row["quantity"],
            tax=_tax(head, row["tax_code"]),
            transactions=tuple(transactions),
            transactions_left_out=total - len(transactions),
            posted=tuple(posted),
            revenue=tuple(await revenue_of(connection, row["invoice_id"], row["line_no"])),
            spot_rate=await spot_rate_of(connection, head["key"]),
            erp=await _posting(connection, head["key"]),
            trail=tuple(await _trail(connection, head, versions)),
        )


async def _find(connection: AsyncConnection, line: str) -> tuple[RowMapping, RowMapping]:
    name, _, number = line.rpartition("/")
    columns = invoice.c
    found = await connection.execute(
        select(invoice).where((columns.key == name) | ((columns.number == name) & (name != "")))
    )
    heads = found.mappings().all()
    if len(heads) > 1:
        keys = ", ".join(sorted(head["key"] for head in heads))
        raise RuleViolation(f"several invoices have the number {name}: name one by its key, {keys}")
    if not heads or not number.isdecimal():
        raise missing("invoice line", f"{line} (write it as INVOICE/LINE, such as RE-7/3)")
    row = await connection.execute(
        select(invoice_line).where(
            invoice_line.c.invoice_id == heads[0]["id"], invoice_line.c.line_no == int(number)
        )
    )
    found_line = row.mappings().one_or_none()
    if found_line is None:
        raise missing(f"line {number} of invoice", heads[0]["key"])
    return heads[0], found_line


async def _count(connection: AsyncConnection, row: RowMapping) -> int:
    query = (
        "SELECT count(*) FROM invoice_transaction WHERE invoice_id = :invoice AND line_no = :line"
    )
    values = {"invoice": row["invoice_id"], "line": row["line_no"]}
    return int(await connection.scalar(text(query), values) or 0)


def _tax(head: RowMapping, tax_code: str) -> TaxRow | None:
    rows = [TaxRow.model_validate(each) for each in head["body"]["taxes"]]
    return next((each for each in rows if each.tax_code == tax_code), None)


async def _posting(connection: AsyncConnection, key: str) -> ErpPosting | None:
    found = await connection.execute(select(posting).where(posting.c.key == key))
    row = found.mappings().one_or_none()
    if row is None:
        return None
    reference = references.read("reference", row)
    return ErpPosting(
        system=row["system"],
        reference=str(reference) if reference is not None else "",
        state=row["state"],
        attempts=row["attempts"],
        prepared_at=row["prepared_at"],
        changed_at=row["changed_at"],
    )


# Of the invoice; and who agreed to the contract versions by which it was billed.
_TRAIL: Final = text(
    """
    SELECT e.id, e.at, e.process, e.action, e.actor, e.legal_entity, e.detail, e.personal,
           s.number, coalesce(nullif(e.legal_entity, ''), 'platform') AS chain
    FROM audit_event e LEFT JOIN audit_seal s ON s.event_id = e.id
    WHERE e.process = :invoice
       OR (e.process = :engagement AND e.action = 'agreement.saved'
           AND e.detail ->> 'version' = ANY(CAST(:versions AS text[])))
    ORDER BY e.id LIMIT :limit
    """
)


async def _trail(
    connection: AsyncConnection, head: RowMapping, versions: Sequence[int]
) -> list[TrailEntry]:
    values = {
        "invoice": invoice_process(head["id"]),
        "engagement": engagement_process(head["engagement_id"]),
        "versions": [str(each) for each in versions],
        "limit": TRAIL_MAX,
    }
    rows = (await connection.execute(_TRAIL, values)).mappings().all()
    shown = await revealed(connection, [row_of(row) for row in rows])
    return [_shown(row, each) for row, each in zip(rows, shown, strict=True)]


def _shown(row: RowMapping, plain: AuditRow) -> TrailEntry:
    return TrailEntry(
        id=plain.id,
        at=plain.at,
        actor=plain.actor,
        action=plain.action,
        detail=dict(plain.detail),
        chain=row["chain"],
        number=row["number"],
    )
