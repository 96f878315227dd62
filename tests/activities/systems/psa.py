"""A PSA and a time source in memory: upserts by key, and items in pages with cursors."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from canonical.client import Client
from canonical.errors import SystemUnavailable
from canonical.ids import ExternalRef
from canonical.payment import BillingStatus
from canonical.project import ProjectPlan
from canonical.work import ChangePage, WorkItem
from tests.builders import PSA


@dataclass
class FakePsa:
    """`ensured` counts the calls by noun and key: repeats find what is there."""

    ensured: Counter[str] = field(default_factory=Counter)
    owners: dict[str, ExternalRef] = field(default_factory=dict)
    archived: set[ExternalRef] = field(default_factory=set)
    told: list[tuple[ExternalRef, BillingStatus]] = field(default_factory=list)

    async def check(self) -> str:
        return "a PSA in memory"

    async def ensure_client(self, client: Client, *, key: str) -> ExternalRef:
        self.ensured[f"client {key}"] += 1
        return ExternalRef(system=PSA, kind="client", id=f"c-{key}")

    async def ensure_project(
        self, plan: ProjectPlan, client: ExternalRef, *, key: str
    ) -> ExternalRef:
        self.ensured[f"project {key}"] += 1
        self.owners[key] = client
        reference = ExternalRef(system=PSA, kind="workspace", id=f"w-{key}")
        self.archived.discard(reference)
        return reference

    async def ensure_team(self, plan: ProjectPlan, project: ExternalRef, *, key: str) -> None:
        self.ensured[f"team of {project.id}"] += 1

    async def archive_project(self, project: ExternalRef) -> None:
        self.archived.add(project)

    async def tell_status(self, project: ExternalRef, status: BillingStatus) -> None:
        self.told.append((project, status))


@dataclass
class FakeSource:
    """`pages` is the change feed; `items` is what the source holds when it is swept."""

    pages: list[ChangePage] = field(default_factory=list)
    items: list[WorkItem] = field(default_factory=list)
    breaks_after_pages: int | None = None
    asked_from: list[str] = field(default_factory=list)

    async def check(self) -> str:
        return "a time source in memory"

    async def changes_since(self, cursor: str) -> AsyncIterator[ChangePage]:
        self.asked_from.append(cursor)
        ends = [page.cursor for page in self.pages]
        for number, page in enumerate(self.pages[ends.index(cursor) + 1 if cursor else 0 :]):
            if number == self.breaks_after_pages:
                raise SystemUnavailable(PSA, "the connection broke between two pages")
            yield page

    async def items_of(
        self, project: ExternalRef, first: date, last: date
    ) -> AsyncIterator[Sequence[WorkItem]]:
        for item in self.items:
            if item.project == project and first <= item.work_date <= last:
                yield [item]
