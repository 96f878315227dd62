"""Nudges: "there is news" for a workflow. Losing one is mended by the next; the store is the
truth."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Noun
from canonical.case import Case
from store import trail
from store.delivery import NUDGE_CHANNEL
from store.engine import transaction
from store.listen import POLL_INTERVAL_S, wake_ups

CLAIM_S: Final = 30.0
"""A relay that died with claimed nudges gives them back after this long."""


class Nudge(Noun):
    """One delivery whose recipient was not told yet."""

    id: int
    recipient: str
    """A workflow id."""
    event_type: str
    event_id: str
    attempts: int
    """Including this one."""


class Nudges:
    """Deliveries without a nudge, claimed for a short while by one relay at a time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def pending(self, limit: int, *, claim_s: float = CLAIM_S) -> list[Nudge]:
        """Claim up to `limit`, oldest first; tell `done`, `failed` or `undeliverable` of each."""
        async with transaction(self._engine) as connection:
            found = await connection.execute(
                text(
                    """
                    UPDATE event_delivery d
                    SET claimed_until = now() + make_interval(secs => :seconds),
                        attempts = d.attempts + 1
                    FROM (
                        SELECT id FROM event_delivery
                        WHERE nudged_at IS NULL
                          AND (claimed_until IS NULL OR claimed_until <= now())
                        ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
                    ) mine, business_event e
                    WHERE d.id = mine.id AND e.id = d.event_id
                    RETURNING d.id, d.recipient, e.type AS event_type, d.event_id::text AS event_id,
                              d.attempts
                    """
                ),
                {"limit": limit, "seconds": claim_s},
            )
            nudges = [Nudge.model_validate(row) for row in found.mappings()]
        return sorted(nudges, key=lambda nudge: nudge.id)

    async def done(self, ids: Sequence[int]) -> None:
        async with transaction(self._engine) as connection:
            await connection.execute(
                text(
                    "UPDATE event_delivery SET nudged_at = now()"
                    " WHERE id = ANY(CAST(:ids AS bigint[])) AND nudged_at IS NULL"
                ),
                {"ids": list(ids)},
            )

    async def failed(self, nudge: int, retry_after_s: float) -> None:
        """Offer it again after a while."""
        async with transaction(self._engine) as connection:
            await connection.execute(
                text(
                    "UPDATE event_delivery"
                    " SET claimed_until = now() + make_interval(secs => :seconds)"
                    " WHERE id = :id AND nudged_at IS NULL"
                ),
                {"id": nudge, "seconds": retry_after_s},
            )

    async def undeliverable(self, nudge: int, case: Case) -> None:
        """The recipient has ended or never was: a case instead of more attempts.

        No case if it had taken the event before it ended: then nothing is lost.
        """
        async with transaction(self._engine) as connection:
            unapplied = await connection.scalar(
                text(
                    "UPDATE event_delivery SET nudged_at = now() WHERE id = :id"
                    " RETURNING applied_by IS NULL"
                ),
                {"id": nudge},
            )
            if unapplied:
                await trail.open_case(connection, case)

    def listen(
        self, channel: str = NUDGE_CHANNEL, *, poll_interval_s: float = POLL_INTERVAL_S
    ) -> AsyncGenerator[None, None]:
        """Yields when there may be nudges; see `store.listen.wake_ups`."""
        return wake_ups(self._engine, channel, poll_interval_s=poll_interval_s)
