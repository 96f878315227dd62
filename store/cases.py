"""Exception cases and the audit trail, as the activities write them."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.case import Case
from canonical.ids import CaseId
from store import trail
from store.engine import transaction


class CaseStore:
    """Implements `canonical.records.CaseRecords`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open_case(self, case: Case) -> None:
        async with transaction(self._engine) as connection:
            await trail.open_case(connection, case)

    async def resolve_case(
        self, case: CaseId, resolution: str, by: str = trail.SYSTEM_ACTOR
    ) -> bool:
        async with transaction(self._engine) as connection:
            return await trail.resolve_case(connection, case, resolution, by)

    async def audit(self, process: str, action: str, actor: str, detail: dict[str, str]) -> None:
        async with transaction(self._engine) as connection:
            await trail.note_detail(connection, process, action, actor, detail)
