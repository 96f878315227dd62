"""Leases: who may do a thing now, across all processes. Short transactions on one small table."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.engine import transaction

# The clock is read after the lane's lock was waited for, so `clock_timestamp` and not `now`.
_DROP_EXPIRED: Final = "DELETE FROM lease WHERE lane = :lane AND expires_at <= clock_timestamp()"

_RENEW: Final = """
UPDATE lease SET expires_at = clock_timestamp() + make_interval(secs => :ttl)
WHERE lane = :lane AND holder = :holder RETURNING fence
"""

_TAKE: Final = """
INSERT INTO lease (lane, holder, fence, expires_at)
SELECT :lane, :holder, nextval('lease_fence'), clock_timestamp() + make_interval(secs => :ttl)
WHERE (SELECT count(*) FROM lease WHERE lane = :lane) < :slots
RETURNING fence
"""


class LeaseLanes:
    """Implements `canonical.ports.Lanes`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def acquire(self, lane: str, holder: str, *, slots: int, ttl_s: float) -> int | None:
        """The fencing number of a slot, for `ttl_s` seconds; None while all slots are taken.

        A holder that asks again renews its lease under the same number. After an expiry the number
        is a greater one: work done under the old number is in doubt.
        """
        values = {"lane": lane, "holder": holder, "ttl": ttl_s, "slots": slots}
        async with transaction(self._engine) as connection:
            await _lock(connection, lane)
            await connection.execute(text(_DROP_EXPIRED), {"lane": lane})
            fence: int | None = await connection.scalar(text(_RENEW), values)
            if fence is None:
                fence = await connection.scalar(text(_TAKE), values)
        return fence

    async def holds(self, lane: str, holder: str, fence: int) -> bool:
        """Whether the lease with this number is still the holder's."""
        async with transaction(self._engine) as connection:
            found = await connection.scalar(
                text(
                    "SELECT true FROM lease WHERE lane = :lane AND holder = :holder"
                    " AND fence = :fence AND expires_at > clock_timestamp()"
                ),
                {"lane": lane, "holder": holder, "fence": fence},
            )
        return bool(found)

    async def release(self, lane: str, holder: str) -> None:
        async with transaction(self._engine) as connection:
            await connection.execute(
                text("DELETE FROM lease WHERE lane = :lane AND holder = :holder"),
                {"lane": lane, "holder": holder},
            )


async def _lock(connection: AsyncConnection, lane: str) -> None:
    """One decision at a time per lane: free slots cannot be locked, because they have no row."""
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:lane, 1))"), {"lane": lane}
    )
