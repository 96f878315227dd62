"""Loading: the chapters of contracts as the engine is told them, from the rows that keep them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Final

from sqlalchemy import RowMapping, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.engine.retelling import Chapter
from canonical.engine.story import Event, SpotRates
from canonical.rules.pricing import ExpenseCost, Work
from canonical.terms.policies import ChargeKind
from store.tables import book_chapter, book_fact, exchange_rate

CHAPTERS_MAX: Final = 100_000

_WORKS: Final = text(
    """
    SELECT h.chapter_id, h.effect,
           w.source || '/' || w.kind || '/' || w.external_id AS id,
           c.contract_id::text AS contract, w.kind,
           coalesce(v.body ->> 'person', '') AS person, h.role,
           coalesce(v.body ->> 'task', '') AS task, coalesce(v.body ->> 'line', '') AS line,
           coalesce(v.body ->> 'legal_entity', '') AS entity,
           coalesce(v.body ->> 'billable', '') <> 'false' AS billable,
           coalesce(v.body ->> 'outside_caps', '') <> 'true' AS in_caps,
           coalesce(v.body ->> 'description', '') AS description,
           CAST(v.body ->> 'work_date' AS date) AS day,
           CAST(v.body ->> 'approved_at' AS timestamptz) AT TIME ZONE :zone AS approved_at,
           CAST(coalesce(v.body ->> 'hours', '1') AS numeric) AS quantity,
           CASE w.kind WHEN 'expense' THEN v.body END AS expense
    FROM book_work h
    JOIN book_chapter c ON c.id = h.chapter_id
    JOIN work_item w ON w.id = h.item_id
    LEFT JOIN work_item_archive a ON (a.item_id, a.revision) = (h.item_id, h.revision)
    CROSS JOIN LATERAL (SELECT coalesce(a.body, w.body) AS body) v
    WHERE h.chapter_id = ANY(:chapters)
    ORDER BY h.chapter_id, h.item_id
    """
).bindparams(bindparam("chapters", type_=ARRAY(BIGINT)))


async def chapters_of(
    connection: AsyncConnection, contracts: Sequence[str], zone: str, after: int = 0
) -> list[Chapter]:
    """The chapters of contracts that share their books, in the order in which they were told."""
    columns = book_chapter.c
    found = await connection.execute(
        select(book_chapter)
        .where(columns.contract_id.in_(contracts), columns.id > after)
        .order_by(columns.id)
        .limit(CHAPTERS_MAX)
    )
    rows = found.mappings().all()
    if not rows:
        return []
    ids = [row["id"] for row in rows]
    works = await _works(connection, ids, zone)
    facts = await _facts(connection, ids)
    rates = await _rates(connection, await _rates_before(connection, contracts, after), rows)
    return [
        Chapter(
            number=row["id"],
            on=row["told_on"],
            contract=row["contract_id"],
            decision=None if row["decision"] is None else Event.model_validate(row["decision"]),
            works=works["approved"].get(row["id"], ()),
            gone=[each.id for each in works["gone"].get(row["id"], ())],
            submitted=works["submitted"].get(row["id"], ()),
            facts=[*rates[row["id"]], *facts.get(row["id"], ())],
            locked=row["locked"],
        )
        for row in rows
    ]


async def _works(
    connection: AsyncConnection, chapters: Sequence[int], zone: str
) -> Mapping[str, Mapping[int, Sequence[Work]]]:
    """Entries by what became of them, and by chapter."""
    found: dict[str, dict[int, list[Work]]] = {
        effect: defaultdict(list) for effect in ("approved", "gone", "submitted")
    }
    rows = await connection.execute(_WORKS, {"chapters": list(chapters), "zone": zone})
    for chapter, effect, *said, day, approved_at, quantity, body in rows:
        entry, contract, kind, person, role, task, line, entity, billable, in_caps, text_of = said
        work = Work(
            entry,
            contract,
            _KINDS[kind],
            day,
            approved_at or datetime.combine(day, time.max),
            quantity,
            person,
            role,
            task,
            line,
            entity,
            billable,
            in_caps,
            text_of,
            # an expense's exchange rate is found when it is told
            None if body is None else _cost(body),
        )
        found[effect][chapter].append(work)
    return found


_KINDS: Final = {kind.value: kind for kind in ChargeKind}


def _cost(body: Mapping[str, str | dict[str, str] | bool]) -> ExpenseCost:
    cost = body["cost"]
    if not isinstance(cost, dict):
        raise AssertionError("an expense without its cost was stored")
    return ExpenseCost(
        category=str(body.get("category") or ""),
        net=Decimal(cost["amount"]),
        vat=Decimal(str(body.get("vat") or 0)),
        recoverable_vat=Decimal(str(body.get("recoverable_vat") or 0)),
        currency=cost["currency"],
        units=Decimal(str(body.get("units") or 1)),
        disbursement=body.get("disbursement") is True,
        rate=Decimal(0),
    )


async def _facts(
    connection: AsyncConnection, chapters: Sequence[int]
) -> Mapping[int, Sequence[Event]]:
    facts: dict[int, list[Event]] = defaultdict(list)
    found = await connection.execute(
        select(book_fact.c.chapter_id, book_fact.c.body)
        .where(book_fact.c.chapter_id.in_(chapters))
        .order_by(book_fact.c.chapter_id, book_fact.c.number)
    )
    for row in found:
        facts[row.chapter_id].append(Event.model_validate(row.body))
    return facts


async def _rates_before(connection: AsyncConnection, contracts: Sequence[str], after: int) -> int:
    found = await connection.scalar(
        text(
            "SELECT coalesce(max(rates_through), 0) FROM book_chapter"
            " WHERE contract_id = ANY(CAST(:contracts AS uuid[])) AND id <= :after"
        ),
        {"contracts": list(contracts), "after": after},
    )
    return int(found or 0)


async def _rates(
    connection: AsyncConnection, known: int, rows: Sequence[RowMapping]
) -> Mapping[int, Sequence[Event]]:
    """The exchange rates that each chapter was the first to know."""
    columns = exchange_rate.c
    most = max(row["rates_through"] for row in rows)
    told: dict[int, list[Event]] = {}
    rates = []
    if most > known:
        found = await connection.execute(
            select(columns.id, columns.base, columns.quote, columns.rate_on, columns.rate)
            .where(columns.id > known, columns.id <= most)
            .order_by(columns.id)
        )
        rates = list(found)
    for row in rows:
        through = row["rates_through"]
        new = [each for each in rates if known < each.id <= through]
        told[row["id"]] = [
            Event(on=each.rate_on, rates=SpotRates(rates={f"{each.base}/{each.quote}": each.rate}))
            for each in new
        ]
        known = max(known, through)
    return told
