"""In which currencies projects are billed, to refuse costs in another one at the door."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.events import Event, ExpenseApproved
from canonical.ids import ExternalRef
from canonical.work import Expense
from gateway.problems import EventProblem, EventsInvalid
from store.engine import transaction
from store.references import PROJECT

_CURRENCIES = """
SELECT asked.system, asked.kind, asked.id, array_agg(DISTINCT version.body ->> 'currency')
FROM unnest(CAST(:systems AS text[]), CAST(:kinds AS text[]), CAST(:ids AS text[]))
    AS asked (system, kind, id)
JOIN identity_link link ON (link.system, link.kind, link.external_id)
    = (asked.system, asked.kind, asked.id) AND link.noun = :noun
JOIN project ON project.id = CAST(link.noun_id AS uuid)
JOIN contract_version version ON version.engagement_id = project.engagement_id
GROUP BY asked.system, asked.kind, asked.id
"""


class BillingCurrencies:
    """Reads the currencies of the contracts of projects that are known by now."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def require(self, events: Sequence[Event]) -> None:
        """Raises EventsInvalid for costs that no contract of their project is billed in.

        A project that is not known yet is not judged here, but when its items are rated.
        """
        costs = list(_costs(events))
        if not costs:
            return
        known = await self._of({item.project for _, _, item in costs})
        problems = [
            _problem(index, place, item, billed)
            for index, place, item in costs
            if (billed := known.get(item.project)) and item.cost.currency not in billed
        ]
        if problems:
            raise EventsInvalid(problems)

    async def _of(self, projects: Iterable[ExternalRef]) -> dict[ExternalRef, tuple[str, ...]]:
        asked = list(projects)
        async with transaction(self._engine) as connection:
            found = await connection.execute(
                text(_CURRENCIES),
                {
                    "systems": [project.system for project in asked],
                    "kinds": [project.kind for project in asked],
                    "ids": [project.id for project in asked],
                    "noun": PROJECT,
                },
            )
            return {
                ExternalRef(system=system, kind=kind, id=identity): tuple(currencies)
                for system, kind, identity, currencies in found
            }


def _costs(events: Sequence[Event]) -> Iterator[tuple[int, int, Expense]]:
    """Recalled costs are not judged: taking back must always be possible."""
    for index, event in enumerate(events):
        if isinstance(event, ExpenseApproved):
            for place, item in enumerate(event.items):
                yield index, place, item


def _problem(index: int, place: int, item: Expense, billed: Sequence[str]) -> EventProblem:
    currencies = " or ".join(billed)
    return EventProblem(
        event=index,
        field=f"items.{place}.cost.currency",
        reason=f"the cost of {item.external_id} is in {item.cost.currency}, "
        f"and project {item.project} is billed in {currencies}",
        remedy=f"Send the cost in {currencies}.",
    )
