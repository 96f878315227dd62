"""Making a report: pages from the store, translated and counted, shown to every view."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import date, datetime
from typing import Final, NamedTuple

from canonical.reports.group import GroupCurrency
from canonical.reports.head import ReportKind, head_of
from canonical.reports.proofs import ProofSheet
from canonical.reports.totals import Totals, translated
from store.reports.reports import ReportStore
from store.reports.scope import ReportPage, Scope
from workers.reports.views import Ending, View

PROGRESS_EVERY_S: Final = 5.0


class Request(NamedTuple):
    """What is asked for."""

    kind: ReportKind
    as_of: date
    told_by: date
    legal_entity: str = ""
    group: GroupCurrency | None = None
    detail: bool = False

    @property
    def scope(self) -> Scope:
        return Scope(self.as_of, self.told_by, self.legal_entity)


async def make(
    reports: ReportStore,
    request: Request,
    views: Sequence[View],
    made_at: datetime,
    progress: Callable[[str], None],
) -> bool:
    """Show a report; whether all of it is proven. Raises RateNotStated before anything is shown."""
    if request.group is not None:
        request.group.require(await reports.currencies(request.scope))
    head = head_of(
        request.kind,
        request.as_of,
        request.told_by,
        made_at,
        request.legal_entity,
        request.group,
    )
    for view in views:
        view.begin(head)
    totals, proofs = Totals(request.group), ProofSheet()
    pages = reports.pages(request.kind, request.scope, detail=request.detail)
    async with aclosing(pages):
        async for page in _watched(pages, progress):
            proofs.add(page.proofs)
            for each in page.rows:
                row = translated(each, request.group)
                totals.add(row)
                for view in views:
                    view.row(row)
    for view in views:
        view.end(Ending(totals.totals(), proofs))
    return proofs.holds


async def _watched(
    pages: AsyncIterator[ReportPage], progress: Callable[[str], None]
) -> AsyncIterator[ReportPage]:
    """The same pages; says every few seconds how far a long report is."""
    said = time.monotonic()
    async for page in pages:
        if page.of and time.monotonic() - said >= PROGRESS_EVERY_S:
            progress(f"{page.done} of {page.of} contracts")
            said = time.monotonic()
        yield page
