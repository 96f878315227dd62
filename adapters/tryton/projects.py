"""Projects: works with a unique number, one task per role."""

from __future__ import annotations

from pydantic import TypeAdapter

from adapters.http import Effect
from adapters.tryton.api import Domain, Tryton, Values
from adapters.tryton.books import Books
from adapters.tryton.mapping import differences, missing_tasks, new_work, work_values
from adapters.tryton.rows import Work
from canonical.errors import DataRejected
from canonical.project import ProjectPlan

MODEL = "project.work"
TASKS_MAX = 1_000

_STATUS = TypeAdapter(dict[str, int])


class Projects:
    """The database refuses a second work with the same number."""

    def __init__(self, tryton: Tryton) -> None:
        self._tryton = tryton

    async def find(self, books: Books, code: str) -> Work | None:
        found = await self._tryton.search_read(
            MODEL, Work, [["number", "=", code]], await books.context(), limit=1
        )
        return found[0] if found else None

    async def ensure(self, books: Books, plan: ProjectPlan, party: int) -> int:
        """The project with the plan's code and its tasks, made or brought up to date; its id."""
        project = await self.find(books, plan.code)
        if project is None:
            created = await self._create(books, plan, party)
            if isinstance(created, int):
                return created
            project = created
        await self._update(books, plan, party, project)
        return project.id

    async def archive(self, books: Books, project: int) -> None:
        """The archived status, for the project and its tasks: works cannot be deactivated."""
        context = await books.context()
        domain: Domain = ["OR", [["id", "=", project]], [["parent", "=", project]]]
        works = await self._tryton.search_read(MODEL, Work, domain, context, limit=TASKS_MAX)
        archived = await books.archived_status()
        open_works = [work.id for work in works if work.status != archived]
        if open_works:
            await self._tryton.write(MODEL, open_works, {"status": archived}, context)

    async def _create(self, books: Books, plan: ProjectPlan, party: int) -> int | Work:
        """The new project's id; or the project that somebody else made in the meantime."""
        company, context = await books.company(), await books.context()
        values = new_work(plan, party, company.id)
        try:
            (project,) = await self._tryton.create(
                MODEL, [values], context, effect=Effect.SAFE_WRITE
            )
        except DataRejected:
            present = await self.find(books, plan.code)
            if present is None:
                raise
            return present
        return project

    async def _update(self, books: Books, plan: ProjectPlan, party: int, project: Work) -> None:
        context = await books.context()
        company = await books.company()
        tasks = await self._tryton.read(MODEL, Work, project.children, context)
        changes = differences(work_values(plan, party), project.model_dump())
        new = [{**task, "company": company.id} for task in missing_tasks(plan, tasks)]
        if new:
            changes["children"] = [["create", new]]
        await self._reopen(books, [project, *tasks])
        if changes:
            await self._tryton.write(MODEL, [project.id], changes, context)

    async def _reopen(self, books: Books, works: list[Work]) -> None:
        """A project that was archived is adopted by a new attempt."""
        archived = await books.archived_status()
        ids = [work.id for work in works if work.status == archived]
        if ids:
            context = await books.context()
            await self._tryton.write(MODEL, ids, await self._default_status(context), context)

    async def _default_status(self, context: Values) -> Values:
        method = f"model.{MODEL}.default_get"
        result = await self._tryton.call(method, [["status"], False, context], Effect.READ)
        return self._tryton.parsed(_STATUS, result, method)
