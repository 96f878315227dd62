"""The reports of finance over one database: pages of rows, and the proofs that tie them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.landscape import Landscape
from canonical.reports.head import ReportKind
from store.books.ledger import Ledger
from store.reports.control import functional_currencies
from store.reports.position import position_pages
from store.reports.receivables import receivable_pages
from store.reports.retention import retention_pages
from store.reports.revenue import revenue_pages
from store.reports.scope import ReportPage, Scope, snapshot
from store.reports.wip import wip_pages


class ReportStore:
    """Read-only; a report sees one moment of the database, however long it takes."""

    def __init__(self, engine: AsyncEngine, landscape: Landscape) -> None:
        self._engine, self._landscape = engine, landscape
        self._ledger = Ledger(landscape)

    async def currencies(self, scope: Scope) -> list[str]:
        """The functional currencies that a report has amounts in."""
        async with snapshot(self._engine) as connection:
            return await functional_currencies(connection, scope)

    async def pages(
        self, kind: ReportKind, scope: Scope, *, detail: bool = False
    ) -> AsyncGenerator[ReportPage]:
        """A report, page by page; the last page has the proofs over all of it. `detail` lists every
        part (of WIP alone). Raises SetupInvalid for an entity that the landscape does not have."""
        if scope.legal_entity:
            self._landscape.entity(scope.legal_entity)
        async with snapshot(self._engine) as connection:
            found = self._found(connection, kind, scope, detail)
            async with aclosing(found):
                async for page in found:
                    yield page

    def _found(
        self, connection: AsyncConnection, kind: ReportKind, scope: Scope, detail: bool
    ) -> AsyncGenerator[ReportPage]:
        match kind:
            case ReportKind.WIP:
                return wip_pages(connection, scope, self._ledger, self._currency, detail=detail)
            case ReportKind.RECEIVABLES:
                return receivable_pages(connection, scope, self._ledger)
            case ReportKind.POSITION:
                return position_pages(connection, scope, self._currency)
            case ReportKind.REVENUE:
                return revenue_pages(connection, scope, self._currency)
            case ReportKind.RETENTION:
                return retention_pages(connection, scope, self._currency)

    def _currency(self, legal_entity: str) -> str:
        return self._landscape.entity(legal_entity).currency
