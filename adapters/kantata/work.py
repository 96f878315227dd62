"""Reads time entries and expenses page by page, with all that their approval needs.

The report of each row is side-loaded; approvers that a page did not bring are looked up once per
walk. What does not fit is set aside and told when the walk ends, so that it holds back nothing
but the cursor.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from adapters.kantata import mapping
from adapters.kantata.api import PER_PAGE, Collection, Kantata, Query
from adapters.kantata.envelope import Page
from adapters.kantata.mapping import Surroundings
from adapters.kantata.rows import (
    ExpenseRow,
    RoleRow,
    StoryRow,
    SubmissionRow,
    TimeEntryRow,
    UserRow,
    WorkRow,
    WorkspaceRow,
)
from canonical.errors import AnswerUnreadable, DataRejected, SystemOutcome
from canonical.work import Expense, TimeEntry

W = TypeVar("W", bound=WorkRow)
Item = TimeEntry | Expense

TIME_INCLUDES = "user,role,story,recent_submission"
EXPENSE_INCLUDES = "user,workspace,recent_submission"
EVERYWHERE = {"from_archived_workspaces": "true"}
"""Archived projects still owe their bills; the default filter would hide their rows."""


@dataclass(frozen=True)
class WorkKind(Generic[W]):
    """How one of the two kinds is listed, and how its reports are named."""

    rows: Collection[W]
    reports: Collection[SubmissionRow]
    includes: str
    reports_key: str
    recent_filter: str
    dates_filter: str
    to_item: Callable[[str, W, Surroundings], Item]

    def query(self, **filters: str) -> Query[W]:
        return Query({**EVERYWHERE, "include": self.includes, **filters})

    def by_ids(self, ids: Sequence[str]) -> Query[W]:
        wanted = set(ids)
        query = self.query(only=",".join(ids))
        return Query(query.params, {"only": lambda row: row.id in wanted})

    def by_reports(self, report_ids: Sequence[str]) -> Query[W]:
        wanted = set(report_ids)
        query = self.query(**{self.recent_filter: ",".join(report_ids)})
        return Query(
            query.params, {self.recent_filter: lambda row: row.recent_submission_id in wanted}
        )


def time_kind(kantata: Kantata) -> WorkKind[TimeEntryRow]:
    return WorkKind(
        rows=kantata.time_entries,
        reports=kantata.timesheets,
        includes=TIME_INCLUDES,
        reports_key="timesheet_submissions",
        recent_filter="with_recent_timesheet_ids",
        dates_filter="date_performed_between",
        to_item=mapping.time_entry,
    )


def expense_kind(kantata: Kantata) -> WorkKind[ExpenseRow]:
    return WorkKind(
        rows=kantata.expenses,
        reports=kantata.expense_reports,
        includes=EXPENSE_INCLUDES,
        reports_key="expense_report_submissions",
        recent_filter="with_recent_expense_report_ids",
        dates_filter="date_expensed_between",
        to_item=mapping.expense,
    )


@dataclass
class Troubles:
    """What a walk could not read or believe. The first of it is raised when the walk ends."""

    first: SystemOutcome | None = None
    count: int = 0

    def add(self, trouble: SystemOutcome) -> None:
        self.first = self.first or trouble
        self.count += 1

    def raise_if_any(self) -> None:
        if self.first is not None:
            if self.count > 1:
                self.first.add_note(f"{self.count} items of this walk could not be taken")
            raise self.first


@dataclass
class WorkReader:
    """Turns pages of rows into items. One reader per walk: it remembers approvers and troubles."""

    kantata: Kantata
    troubles: Troubles = field(default_factory=Troubles)
    _people: dict[str, UserRow | None] = field(default_factory=dict)

    async def items(self, kind: WorkKind[W], page: Page[W], rows: Sequence[W]) -> tuple[Item, ...]:
        """The items of `rows`, which are of `page`."""
        for fault in page.faults:
            self.troubles.add(fault)
        if not rows:
            return ()
        known = await self._surroundings(kind, page)
        found: list[Item] = []
        for row in rows:
            try:
                found.append(kind.to_item(self.kantata.system, row, known))
            except (AnswerUnreadable, DataRejected) as trouble:
                self.troubles.add(trouble)
        return tuple(found)

    async def read_ids(
        self, kind: WorkKind[W], ids: Sequence[str]
    ) -> AsyncIterator[tuple[Item, ...]]:
        """The present state of these rows, in batches; rows that are gone are simply absent."""
        for start in range(0, len(ids), PER_PAGE):
            page = await kind.rows.page(kind.by_ids(ids[start : start + PER_PAGE]))
            yield await self.items(kind, page, page.rows)

    async def read_reports(
        self, kind: WorkKind[W], report_ids: Sequence[str]
    ) -> AsyncIterator[tuple[Item, ...]]:
        """The present state of all rows whose latest report is one of these."""
        for start in range(0, len(report_ids), PER_PAGE):
            query = kind.by_reports(report_ids[start : start + PER_PAGE])
            async for page in kind.rows.pages(query.extended(order="created_at:asc")):
                yield await self.items(kind, page, page.rows)

    async def _surroundings(self, kind: WorkKind[W], page: Page[W]) -> Surroundings:
        faults: list[AnswerUnreadable] = []
        submissions = page.side(kind.reports_key, SubmissionRow, faults)
        for fault in faults:
            self.troubles.add(fault)
        users = page.side("users", UserRow)
        approvers = {
            each.current_resolution_creator_id
            for each in submissions.values()
            if each.current_resolution_creator_id is not None
        }
        await self._meet(approvers - set(users))
        met = {key: person for key, person in self._people.items() if person is not None}
        included = kind.includes.split(",")
        return Surroundings(
            users={**met, **users},
            roles=page.side("roles", RoleRow) if "role" in included else {},
            stories=page.side("stories", StoryRow) if "story" in included else {},
            workspaces=page.side("workspaces", WorkspaceRow) if "workspace" in included else {},
            submissions=submissions,
        )

    async def _meet(self, user_ids: Iterable[str]) -> None:
        """Look up people once; somebody who is hidden from us stays a bare id."""
        strangers = sorted(set(user_ids) - set(self._people), key=int)
        for start in range(0, len(strangers), PER_PAGE):
            asked = strangers[start : start + PER_PAGE]
            page = await self.kantata.users.page(Query({"only": ",".join(asked)}))
            shown = {row.id: row for row in page.rows}
            self._people.update({each: shown.get(each) for each in asked})
