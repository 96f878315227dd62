"""What a report looks at: a day, a legal entity, one moment of the database, contracts by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.reports.proofs import Proof
from canonical.reports.rows import ReportRow
from store.engine import transaction

CONTRACTS_PER_PAGE: Final = 200

IN_SCOPE: Final = """
    j.posted_on <= :as_of AND (:legal_entity = '' OR j.legal_entity = :legal_entity)"""
"""Which journals count; the alias is `j`."""

# A contract is billed by the entity of a version of it, or of one of its lines.
_OF_ENTITY: Final = """
    (:legal_entity = '' OR v.body ->> 'legal_entity' = :legal_entity
     OR jsonb_path_exists(v.body, '$.lines[*] ? (@.legal_entity == $entity)',
                          jsonb_build_object('entity', CAST(:legal_entity AS text))))"""
_PAGE: Final = text(
    f"""
    SELECT DISTINCT e.project_code, v.contract_id::text AS contract, e.client_name
    FROM contract_version v JOIN engagement e ON e.id = v.engagement_id
    WHERE (e.project_code, v.contract_id::text) > (:project, :contract) AND {_OF_ENTITY}
    ORDER BY e.project_code, contract LIMIT :limit
    """
)
_LABELS: Final = text(
    """
    SELECT DISTINCT e.project_code, v.contract_id::text AS contract, e.client_name
    FROM contract_version v JOIN engagement e ON e.id = v.engagement_id
    WHERE v.contract_id = ANY(CAST(:contracts AS uuid[]))
    """
)
_COUNT: Final = text(
    f"SELECT count(DISTINCT v.contract_id) FROM contract_version v WHERE {_OF_ENTITY}"
)


class Scope(NamedTuple):
    """Of when and whom."""

    as_of: date
    told_by: date
    """Books are told up to the end of this day."""
    legal_entity: str = ""
    """Empty: every one."""

    def values(self, **others: object) -> dict[str, object]:
        """Parameters of a query that has `IN_SCOPE`."""
        return {"as_of": self.as_of, "legal_entity": self.legal_entity, **others}

    def covers(self, legal_entity: str) -> bool:
        return self.legal_entity in ("", legal_entity)


class ReportPage(NamedTuple):
    """Some rows, what proves them, and how far the report is."""

    rows: Sequence[ReportRow]
    proofs: Sequence[Proof] = ()
    done: int = 0
    """Contracts looked at so far, where that takes time."""
    of: int = 0


class Label(NamedTuple):
    """A contract as people name it."""

    contract: str
    project: str
    client: str


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One moment of the database for all that a report reads; nothing can be written."""
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    async with transaction(reading) as connection:
        yield connection


async def contracts(
    connection: AsyncConnection, legal_entity: str, limit: int = CONTRACTS_PER_PAGE
) -> AsyncIterator[Mapping[str, Label]]:
    """All contracts that an entity bills (empty: all), by their projects' codes, page by page."""
    project, contract = "", ""
    while True:
        values = {"project": project, "contract": contract, "limit": limit}
        found = await connection.execute(_PAGE, {**values, "legal_entity": legal_entity})
        page = [_label(row) for row in found]
        if page:
            yield {each.contract: each for each in page}
        if len(page) < limit:
            return
        project, contract = page[-1].project, page[-1].contract


async def labels_of(connection: AsyncConnection, ids: Iterable[str]) -> Mapping[str, Label]:
    found = await connection.execute(_LABELS, {"contracts": list(ids)})
    return {each.contract: each for each in map(_label, found)}


async def count_contracts(connection: AsyncConnection, legal_entity: str) -> int:
    return int(await connection.scalar(_COUNT, {"legal_entity": legal_entity}) or 0)


def _label(row: Row[tuple[str, str, str]]) -> Label:
    return Label(row.contract, row.project_code, row.client_name)
