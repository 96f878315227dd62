"""The queries behind `store.why`: the entry, its place, its runs, its documents, open cases."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.errors import Role
from canonical.ids import ExternalRef
from canonical.invoice import InvoiceState
from canonical.money import Money
from canonical.periods import last_day
from canonical.transitions import EngagementStage
from canonical.why.facts import Document, Place, Run, Trouble, WriteDown
from canonical.work import WORK_ITEM, Expense, TimeEntry
from store.books.hearing import ITEMS_OF
from store.processes import engagement_process, invoice_process

NAMED_MAX: Final = 20
UNHEARD_MAX: Final = 100_000


class Entry(NamedTuple):
    """A work item as it stands, with its balance."""

    id: str
    item: TimeEntry | Expense
    revision: int
    stored_at: datetime
    net_billed: Decimal
    recall_pending: Decimal


class Heard(NamedTuple):
    """What the books of a contract were told of it last."""

    revision: int
    effect: str


_NAMED: Final = text(
    """
    SELECT source || '/' || kind || '/' || external_id AS entry FROM work_item
    WHERE source || '/' || kind || '/' || external_id = :name OR external_id = :name
    ORDER BY (external_id = :name), 1 LIMIT :limit
    """
)
_ENTRY: Final = text(
    """
    SELECT w.id::text AS id, w.body, w.revision, w.stored_at, b.billed - b.credited AS net_billed,
           b.recall_pending
    FROM work_item w JOIN work_item_balance b ON b.item_id = w.id
    WHERE (w.source, w.kind, w.external_id) = (:source, :kind, :external_id)
    """
)
_LAST_READ: Final = text("SELECT max(moved_at) FROM feed_cursor WHERE system = :source")
_PLACE: Final = text(
    """
    SELECT e.id, e.stage, coalesce(nullif(e.legal_entity, ''), p.legal_entity) AS legal_entity,
           e.project_code, e.client_name, v.contract_id::text AS contract,
           min(v.effective_from) AS begins
    FROM identity_link l
    JOIN project p ON p.id::text = l.noun_id AND l.noun = 'project'
    JOIN engagement e ON e.id = p.engagement_id
    JOIN contract_version v ON v.engagement_id = e.id
    WHERE (l.system, l.kind, l.external_id) = (:system, :kind, :id)
    GROUP BY e.id, p.legal_entity, v.contract_id
    """
)
_HEARD: Final = text(
    """
    SELECT DISTINCT ON (c.contract_id) c.contract_id::text AS contract, h.revision, h.effect
    FROM book_work h JOIN book_chapter c ON c.id = h.chapter_id
    WHERE h.item_id = CAST(:item AS uuid) AND h.effect <> 'submitted'
    ORDER BY c.contract_id, h.chapter_id DESC
    """
)
# What the next run would hear: of a contract's entries that nobody billed, those that are approved
# and that its books were not told of as they are. It takes what is ready in the order of dates.
_UNHEARD: Final = text(
    f"""
    WITH mine AS (
        SELECT DISTINCT ON (h.item_id) h.item_id, h.revision, h.effect
        FROM book_work h JOIN book_chapter c ON c.id = h.chapter_id
        WHERE c.contract_id = CAST(:contract AS uuid) AND h.effect <> 'submitted'
        ORDER BY h.item_id, h.chapter_id DESC)
    SELECT w.body FROM work_item w
    JOIN work_item_balance b ON b.item_id = w.id
    LEFT JOIN mine ON mine.item_id = w.id
    WHERE {ITEMS_OF} AND w.approved AND w.work_date >= :begins AND b.billed = b.credited
      AND (mine.revision IS DISTINCT FROM w.revision OR mine.effect = 'gone')
    ORDER BY w.work_date, w.id LIMIT :limit
    """
)
_BILLED_BY: Final = text(
    """
    SELECT DISTINCT contract_id::text FROM billing_transaction
    WHERE item_id = CAST(:item AS uuid) AND contract_id::text <> :ours ORDER BY 1
    """
)
_RUN: Final = text(
    """
    SELECT r.period, r.run, r.cutoff, r.state, r.finished_at
    FROM billing_run r LEFT JOIN business_event e ON e.id = r.event_id
    WHERE r.engagement_id = :engagement AND r.state = :state
      AND e.type IS DISTINCT FROM 'retention.released'
    ORDER BY r.cutoff DESC, r.period DESC, r.run DESC LIMIT 1
    """
)
_DOCUMENTS: Final = text(
    """
    SELECT id::text AS id, key, number, state, invoice_date, due_date, currency, paid,
           coalesce(booked_gross, gross) AS gross
    FROM invoice WHERE key = ANY(CAST(:keys AS text[]))
    """
)
_WRITE_DOWNS: Final = text(
    """
    SELECT told_on, decision -> 'write_down' AS told FROM book_chapter
    WHERE contract_id::text = ANY(CAST(:contracts AS text[])) AND kind = 'write_down'
      AND decision -> 'write_down' ->> 'entry' = :entry
    ORDER BY id
    """
)
_PROPOSED: Final = text(
    "SELECT proposed_at FROM credit_proposal WHERE item_id = CAST(:item AS uuid) AND state = 'open'"
)
_TROUBLE: Final = text(
    """
    SELECT owner, message, next_step FROM exception_case
    WHERE process = ANY(CAST(:processes AS text[])) AND state = 'open'
    ORDER BY opened_at LIMIT 1
    """
)


async def entries_named(connection: AsyncConnection, name: str) -> Sequence[str]:
    """The entry of this whole name alone, else those with this external id (the first twenty)."""
    found = await connection.scalars(_NAMED, {"name": name, "limit": NAMED_MAX})
    entries = [str(each) for each in found]
    return [name] if name in entries else entries


async def entry(connection: AsyncConnection, name: str) -> Entry | None:
    source, _, rest = name.partition("/")
    kind, _, external_id = rest.partition("/")
    values = {"source": source, "kind": kind, "external_id": external_id}
    row = (await connection.execute(_ENTRY, values)).one_or_none()
    if row is None:
        return None
    return Entry(
        row.id,
        WORK_ITEM.validate_python(row.body),
        row.revision,
        row.stored_at,
        row.net_billed,
        row.recall_pending,
    )


async def last_read(connection: AsyncConnection, source: str) -> datetime | None:
    """When the source's feed was last read; None for a source that pushes, or is not one."""
    found: datetime | None = await connection.scalar(_LAST_READ, {"source": source})
    return found


async def place(connection: AsyncConnection, project: ExternalRef) -> Place | None:
    """Whose the project is; None while nobody linked it."""
    row = (await connection.execute(_PLACE, project.model_dump())).one_or_none()
    if row is None:
        return None
    return Place(
        engagement=row.id,
        stage=EngagementStage(row.stage),
        legal_entity=row.legal_entity,
        project_code=row.project_code,
        client=row.client_name,
        contract=row.contract,
        begins=row.begins,
        trouble=await trouble(connection, engagement_process(row.id), f"project-setup/{row.id}"),
    )


async def heard(connection: AsyncConnection, item: str) -> Mapping[str, Heard]:
    """By contract."""
    found = await connection.execute(_HEARD, {"item": item})
    return {row.contract: Heard(row.revision, row.effect) for row in found}


async def unheard(connection: AsyncConnection, of: Place) -> Sequence[TimeEntry | Expense]:
    """Approved entries of a contract that the next run hears of, oldest first."""
    values = {
        "engagement": of.engagement,
        "contract": of.contract,
        "begins": of.begins,
        "limit": UNHEARD_MAX,
    }
    bodies = await connection.scalars(_UNHEARD, values)
    return [WORK_ITEM.validate_python(body) for body in bodies]


async def contracts_that_billed(connection: AsyncConnection, item: str, ours: str) -> Sequence[str]:
    """Contracts other than the one that it belongs to now."""
    return list(await connection.scalars(_BILLED_BY, {"item": item, "ours": ours}))


async def run(connection: AsyncConnection, of: Place | None, *, is_open: bool) -> Run | None:
    """The last run after a cut-off that is finished, or that is not."""
    if of is None:
        return None
    values = {"engagement": of.engagement, "state": "open" if is_open else "finished"}
    row = (await connection.execute(_RUN, values)).one_or_none()
    if row is None:
        return None
    process = f"billing/{of.engagement}/{row.period}/{row.run}"
    return Run(
        row.period,
        row.run,
        row.cutoff,
        last_day(row.period),
        await trouble(connection, process) if is_open else None,
    )


async def documents(connection: AsyncConnection, keys: Collection[str]) -> Mapping[str, Document]:
    """By key."""
    found = (await connection.execute(_DOCUMENTS, {"keys": sorted(keys)})).all()
    return {row.key: await _document(connection, row) for row in found}


async def _document(connection: AsyncConnection, row: Row[tuple[object, ...]]) -> Document:
    process = invoice_process(row.id)
    return Document(
        key=row.key,
        number=row.number,
        state=InvoiceState(row.state),
        invoice_date=row.invoice_date,
        due_date=row.due_date,
        gross=Money(amount=row.gross, currency=row.currency),
        paid=Money(amount=row.paid, currency=row.currency),
        process=process,
        trouble=await trouble(connection, process),
    )


async def write_downs(
    connection: AsyncConnection, contracts: Collection[str], name: str
) -> Sequence[WriteDown]:
    """Decided ones and those that wait, oldest first."""
    values = {"contracts": sorted(contracts), "entry": name}
    found = await connection.execute(_WRITE_DOWNS, values)
    return [_write_down(row.told_on.date(), row.told) for row in found]


def _write_down(on: date, told: Mapping[str, str | list[dict[str, str]]]) -> WriteDown:
    approvals = told.get("approvals") or []
    if not isinstance(approvals, list):
        raise AssertionError("a write-down was kept that is none")
    return WriteDown(
        by=str(told["by"]),
        reason=str(told["reason"]),
        on=on,
        approved_by=tuple(each["by"] for each in approvals),
    )


async def credit_since(connection: AsyncConnection, item: str) -> datetime | None:
    """When the credit of what is billed of an item was proposed."""
    found: datetime | None = await connection.scalar(_PROPOSED, {"item": item})
    return found


async def trouble(connection: AsyncConnection, *processes: str) -> Trouble | None:
    """The oldest open case of some processes."""
    row = (await connection.execute(_TROUBLE, {"processes": processes})).one_or_none()
    if row is None:
        return None
    return Trouble.of(Role(row.owner), row.message, row.next_step)
