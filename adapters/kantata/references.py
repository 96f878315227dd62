"""Creates that happen once: look up by our reference, create, look again, bind.

Kantata has no idempotency key, and two records may carry the same reference. So a record is
created with the reference status `pending`; the one that is used is bound by `successful`; what is
found `pending` beside a bound one is a late twin that nobody was told of, and is retired.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import JsonValue

from adapters.kantata.api import Collection, Kantata, Query, whole
from adapters.kantata.rows import ReferencedRow, ReferenceRow, ReferenceStatus
from adapters.kantata.settings import KantataSettings
from canonical.errors import AnswerUnreadable, OutcomeUnknown

R = TypeVar("R", bound=ReferencedRow)
Sleep = Callable[[float], Awaitable[None]]
DIGITS = 18


@dataclass(frozen=True)
class Reference:
    """Our name for one of Kantata's records; `key` is the whole business key."""

    service_name: str
    service_model: str
    key: str

    @property
    def digits(self) -> str:
        """Digits only: the vendor types this filter as a number although the value is text."""
        if self.key.isascii() and self.key.isdigit() and len(self.key) <= DIGITS:
            return self.key
        digest = hashlib.sha256(self.key.encode()).digest()
        return str(int.from_bytes(digest, "big") % 10**DIGITS)

    def body(self, status: ReferenceStatus) -> dict[str, JsonValue]:
        return {
            "service_name": self.service_name,
            "service_model": self.service_model,
            "service_model_ref": self.digits,
            "status": status.value,
            "external_message": self.key,
        }

    def names(self, row: ReferenceRow) -> bool:
        """Whether a reference is ours; the whole key settles what equal digits leave open."""
        wanted = (self.service_name, self.service_model, self.digits)
        return (row.service_name, row.service_model, row.service_model_ref) == wanted


@dataclass(frozen=True)
class _Found:
    row_id: str
    bound: bool


class Binder:
    """Finds or creates records under our references."""

    def __init__(
        self, kantata: Kantata, settings: KantataSettings, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._kantata, self._settings, self._sleep = kantata, settings, sleep

    async def ensure(
        self,
        collection: Collection[R],
        subject_type: str,
        reference: Reference,
        body: Mapping[str, JsonValue],
        retire: Callable[[str], Awaitable[object]],
    ) -> tuple[str, bool]:
        """The id of the one record under `reference`, and whether it was there before.

        Raises OutcomeUnknown when a create was not answered and nothing is to be seen yet.
        """
        found = await self._look(collection, reference)
        existed = bool(found)
        if not found:
            found = await self._create(collection, reference, body)
        chosen, *others = found
        if not chosen.bound:
            await self._bind(subject_type, chosen.row_id, reference)
        for twin in others:
            if not twin.bound:
                await retire(twin.row_id)
        return chosen.row_id, existed

    async def _create(
        self, collection: Collection[R], reference: Reference, body: Mapping[str, JsonValue]
    ) -> list[_Found]:
        new = {**body, "external_reference": reference.body(ReferenceStatus.PENDING)}
        try:
            created = await collection.create(new)
        except OutcomeUnknown:
            return await self._look_after_lost_answer(collection, reference)
        return await self._look(collection, reference) or [_Found(created.id, bound=False)]

    async def _look_after_lost_answer(
        self, collection: Collection[R], reference: Reference
    ) -> list[_Found]:
        """Give the vendor time to settle, then look; only called while OutcomeUnknown is raised."""
        for _ in range(self._settings.settle_looks):
            await self._sleep(self._settings.settle_s)
            found = await self._look(collection, reference)
            if found:
                return found
        raise OutcomeUnknown(
            self._kantata.system, f"creating {reference.service_model} {reference.key}: no answer"
        )

    async def _look(self, collection: Collection[R], reference: Reference) -> list[_Found]:
        """All records under the reference: the bound one first, then the oldest."""
        page = await collection.page(_by_reference(reference))
        if not page.rows and not page.faults:
            return []
        references = page.side("external_references", ReferenceRow)
        found: list[_Found] = []
        for row in whole(page):
            ours = [
                references[each]
                for each in row.external_reference_ids
                if each in references and reference.names(references[each])
            ]
            if not ours:
                raise AnswerUnreadable(
                    self._kantata.system,
                    "the filter was ignored",
                    where=f"{collection.key}?external_reference_service_model_refs",
                )
            if ours[0].external_message == reference.key:
                found.append(_Found(row.id, ours[0].status is ReferenceStatus.SUCCESSFUL))
        return sorted(found, key=lambda each: (not each.bound, int(each.row_id)))

    async def _bind(self, subject_type: str, row_id: str, reference: Reference) -> None:
        await self._kantata.external_references.upsert(
            {
                "subject_type": subject_type,
                "subject_id": row_id,
                **reference.body(ReferenceStatus.SUCCESSFUL),
            }
        )


def _by_reference(reference: Reference) -> Query[R]:
    """The list filter that takes text; default filters that hide archived records are lifted."""
    return Query(
        {
            "external_reference_service_name": reference.service_name,
            "external_reference_service_model": reference.service_model,
            "external_reference_service_model_refs": reference.digits,
            "include": "external_references",
            "include_archived": "true",
        }
    )
