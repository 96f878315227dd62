"""Kantata in its own words: one attribute per resource, typed rows, pages walked inside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote

from adapters.http import Effect, VendorHttp
from adapters.kantata.envelope import Page, R, read_page
from adapters.kantata.rows import (
    EventRow,
    ExpenseRow,
    GroupRow,
    ParticipationRow,
    RateCardRoleRow,
    RateCardRow,
    RateCardSetRow,
    RateCardSetVersionRow,
    RateCardVersionRow,
    ReferenceRow,
    ResourceRow,
    RoleRow,
    Row,
    SubmissionRow,
    TimeEntryRow,
    UserRow,
    WorkspaceRow,
)
from canonical.errors import AnswerUnreadable

PER_PAGE = 200
"""The vendor's maximum; more is clamped without an error."""
PAGES_MAX = 10_000
"""A walk longer than two million rows is a mistake, not a walk."""

Q = TypeVar("Q", bound=Row)


@dataclass(frozen=True)
class Query(Generic[Q]):
    """Parameters of a list, and what must hold on each row.

    The vendor ignores filters that it does not know and then answers everything: so every filter
    is checked on the rows.
    """

    params: Mapping[str, str]
    holds: Mapping[str, Callable[[Q], bool]] = field(default_factory=dict)

    def extended(self, **params: str) -> Query[Q]:
        return Query({**self.params, **params}, self.holds)


class Collection(Generic[R]):
    """One resource: lists, single records, creates, updates."""

    def __init__(self, http: VendorHttp, key: str, singular: str, model: type[R]) -> None:
        self.key = key
        self._http, self._singular, self._model = http, singular, model

    async def page(self, query: Query[R], number: int = 1) -> Page[R]:
        """One page of the list. Raises AnswerUnreadable when a filter did not hold."""
        params = {**query.params, "page": str(number), "per_page": str(PER_PAGE)}
        answer = await self._http.get(self.key, f"list_{self.key}", params=params)
        page = read_page(answer, self.key, self._model)
        for name, holds in query.holds.items():
            if not all(holds(row) for row in page.rows):
                raise AnswerUnreadable(
                    self._http.system, "the filter was ignored", where=f"{self.key}?{name}"
                )
        return page

    async def pages(self, query: Query[R]) -> AsyncIterator[Page[R]]:
        """All pages, for lists that do not change while they are read (or whose repeats and gaps
        are mended by the caller)."""
        for number in range(1, PAGES_MAX + 1):
            page = await self.page(query, number)
            yield page
            if page.is_last:
                return
        raise AnswerUnreadable(self._http.system, "the list has no end", where=self.key)

    async def all(self, query: Query[R]) -> list[R]:
        """All rows of a short list. Raises AnswerUnreadable for a row that does not fit."""
        rows: list[R] = []
        async for page in self.pages(query):
            rows += whole(page)
        return rows

    async def show(self, row_id: str, params: Mapping[str, str] | None = None) -> R:
        """Raises RecordMissing when it is absent, hidden by a default filter, or not ours."""
        answer = await self._http.get(self._path(row_id), f"show_{self.key}", params=params)
        return self._only_row(read_page(answer, self.key, self._model))

    async def create(self, body: Mapping[str, object]) -> R:
        """Not idempotent: a lost answer is OutcomeUnknown."""
        answer = await self._write("POST", self.key, {self._singular: body}, Effect.CREATE)
        return self._only_row(answer)

    async def create_many(self, bodies: Sequence[Mapping[str, object]]) -> Sequence[R]:
        """Bulk create, all or nothing; the vendor allows 100 to 300 per call."""
        return whole(await self._write("POST", self.key, {self.key: list(bodies)}, Effect.CREATE))

    async def update(
        self, row_id: str, body: Mapping[str, object], params: Mapping[str, str] | None = None
    ) -> R:
        """The same values again change nothing, so a lost answer is repeated."""
        path = self._path(row_id)
        answer = await self._write(
            "PUT", path, {self._singular: body}, Effect.SAFE_WRITE, params=params
        )
        return self._only_row(answer)

    async def upsert(self, body: Mapping[str, object]) -> R:
        """`create_or_update`, which the vendor offers for external references."""
        path = f"{self.key}/create_or_update"
        answer = await self._write("POST", path, {self._singular: body}, Effect.SAFE_WRITE)
        return self._only_row(answer)

    async def act(self, row_id: str, action: str) -> None:
        """A state change such as `publish`; safe to repeat after a look at the state."""
        await self._http.call(
            "PUT", f"{self._path(row_id)}/{action}", f"{action}_{self.key}", Effect.SAFE_WRITE
        )

    async def delete(self, row_id: str) -> None:
        await self._http.call("DELETE", self._path(row_id), f"delete_{self.key}", Effect.SAFE_WRITE)

    def _path(self, row_id: str) -> str:
        return f"{self.key}/{quote(row_id, safe='')}"

    async def _write(
        self,
        method: str,
        path: str,
        body: Mapping[str, object],
        effect: Effect,
        params: Mapping[str, str] | None = None,
    ) -> Page[R]:
        operation = f"{'create' if method == 'POST' else 'update'}_{self.key}"
        answer = await self._http.call(
            method, path, operation, effect, params=params, json=dict(body)
        )
        return read_page(answer, self.key, self._model)

    def _only_row(self, page: Page[R]) -> R:
        rows = whole(page)
        if len(rows) != 1:
            raise AnswerUnreadable(
                self._http.system, f"{len(rows)} rows where one is expected", where=self.key
            )
        return rows[0]


def whole(page: Page[R]) -> Sequence[R]:
    """The rows of a page of which every row counts. Raises its first fault."""
    if page.faults:
        raise page.faults[0]
    return page.rows


class Kantata:
    """The vendor. Attributes are its resources, by its names."""

    def __init__(self, http: VendorHttp) -> None:
        self.system = http.system
        self.users = Collection(http, "users", "user", UserRow)
        self.roles = Collection(http, "roles", "role", RoleRow)
        self.workspace_groups = Collection(http, "workspace_groups", "workspace_group", GroupRow)
        self.workspaces = Collection(http, "workspaces", "workspace", WorkspaceRow)
        self.participations = Collection(http, "participations", "participation", ParticipationRow)
        self.workspace_resources = Collection(
            http, "workspace_resources", "workspace_resource", ResourceRow
        )
        self.external_references = Collection(
            http, "external_references", "external_reference", ReferenceRow
        )
        self.time_entries = Collection(http, "time_entries", "time_entry", TimeEntryRow)
        self.expenses = Collection(http, "expenses", "expense", ExpenseRow)
        self.timesheets = Collection(
            http, "timesheet_submissions", "timesheet_submission", SubmissionRow
        )
        self.expense_reports = Collection(
            http, "expense_report_submissions", "expense_report_submission", SubmissionRow
        )
        self.subscribed_events = Collection(http, "subscribed_events", "subscribed_event", EventRow)
        self.rate_card_sets = Collection(http, "rate_card_sets", "rate_card_set", RateCardSetRow)
        self.rate_card_set_versions = Collection(
            http, "rate_card_set_versions", "rate_card_set_version", RateCardSetVersionRow
        )
        self.rate_cards = Collection(http, "rate_cards", "rate_card", RateCardRow)
        self.rate_card_versions = Collection(
            http, "rate_card_versions", "rate_card_version", RateCardVersionRow
        )
        self.rate_card_roles = Collection(
            http, "rate_card_roles", "rate_card_role", RateCardRoleRow
        )
