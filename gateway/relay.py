"""From the inbox to business events: each row translated, judged and recorded in one transaction.

Many relays may run: rows are claimed, so each is handled by one. What cannot be translated becomes
a dead letter with a case, and can be replayed; no row stops the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from adapters.webhooks import Notification
from canonical.case import Case
from canonical.errors import DomainError, Role, SystemUnavailable
from canonical.events import Event
from canonical.ids import case_id
from canonical.landscape import Landscape
from gateway.authority import require_authority
from gateway.hooks import VendorHooks
from gateway.intake import signed_event
from gateway.loops import Backoff
from gateway.metrics import GatewayMetrics
from store.engine import sqlstate
from store.events import EventStore
from store.inbox import Claimed, Inbox, InboxRow

PROCESS: Final = "relay"
"""Under which name the relay opens cases."""
ROWS_PER_STEP: Final = 50
ATTEMPTS_MAX: Final = 10
_BAD_DATA: Final = "22"
"""The SQLSTATE class of values that the database cannot hold."""

log = structlog.get_logger(__name__)


class Translator:
    """Inbox rows to canonical events that their source may assert."""

    def __init__(self, landscape: Landscape, hooks: VendorHooks) -> None:
        self._landscape, self._hooks = landscape, hooks

    def events(self, row: InboxRow) -> Sequence[Event]:
        """None when the row says nothing to us. Raises DomainError or ValidationError."""
        events = self._translated(row)
        for event in events:
            require_authority(self._landscape, row.source, event)
        return events

    def _translated(self, row: InboxRow) -> Sequence[Event]:
        signed = signed_event(row.payload)
        if signed is not None:
            return (signed,)
        notification = Notification(row.notification_id, row.payload)
        return self._hooks.of(row.source).translate(notification, row.received_at)


class InboxRelay:
    """One step handles a batch of rows."""

    def __init__(
        self,
        inbox: Inbox,
        events: EventStore,
        translator: Translator,
        metrics: GatewayMetrics,
        *,
        rows_per_step: int = ROWS_PER_STEP,
        backoff: Backoff | None = None,
    ) -> None:
        self._inbox, self._events, self._translator = inbox, events, translator
        self._metrics, self._rows_per_step = metrics, rows_per_step
        self._backoff = backoff or Backoff(first_s=1, most_s=60)

    async def step(self) -> int:
        """How many rows were handled. Raises SystemUnavailable; then none was."""
        outcomes: Counter[tuple[str, str]] = Counter()
        async with self._inbox.claim(self._rows_per_step) as claimed:
            for row in claimed.rows:
                outcomes[row.source, await self._handle(claimed, row)] += 1
        for (source, outcome), times in outcomes.items():
            self._metrics.relayed.labels(source, outcome).inc(times)
        return outcomes.total()

    async def _handle(self, claimed: Claimed, row: InboxRow) -> str:
        try:
            async with claimed.attempt(row) as connection:
                for event in self._translator.events(row):
                    await self._events.record(connection, event, row.received_at)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one row, the others go on
            return await self._set_aside(claimed, row, error)
        await claimed.done(row)
        return "done"

    async def _set_aside(self, claimed: Claimed, row: InboxRow, error: Exception) -> str:
        if _connection_is_lost(error):
            raise error
        fields = {"row": row.id, "source": row.source, "error": type(error).__name__}
        if _may_pass(error) and row.attempts + 1 < ATTEMPTS_MAX:
            log.warning("relay.row_failed", **fields)
            await claimed.failed(row, reason_of(error), self._backoff.after(row.attempts + 1))
            return "failed"
        unexpected = not isinstance(error, DomainError | ValidationError)
        log.error("relay.dead_letter", **fields, exc_info=error if unexpected else None)
        await claimed.dead(row, reason_of(error), dead_letter_case(row, error))
        return "dead"


def reason_of(error: Exception) -> str:
    """Why a row was set aside; of an unforeseen error the name only, its text may hold data."""
    if isinstance(error, DomainError):
        return str(error)
    if isinstance(error, ValidationError):
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in problems)
    return type(error).__name__


def dead_letter_case(row: InboxRow, error: Exception) -> Case:
    """One case per source and kind of error: a thousand equal dead letters are one problem."""
    cause, subject = type(error).__name__, f"notifications of {row.source}"
    remedy = error.remedy if isinstance(error, DomainError) else "Mend the cause named above."
    return Case(
        id=case_id(PROCESS, cause, subject),
        process=PROCESS,
        cause=cause,
        subject=subject,
        owner=Role.INTEGRATION_SUPPORT,
        message=f"notification {row.notification_id} (inbox row {row.id}) of {row.source} "
        f"was set aside: {reason_of(error)}",
        next_step=f"{remedy} Then replay the dead letters of {row.source}.",
    )


def _connection_is_lost(error: Exception) -> bool:
    """Nothing more can be done in this transaction; all of its rows are offered again."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or sqlstate(error).startswith(("08", "57P"))
    return isinstance(error, SystemUnavailable | OSError)


def _may_pass(error: Exception) -> bool:
    """Whether time may mend it: a deadlock, a lock that was held too long, a busy system."""
    if isinstance(error, DBAPIError):
        return not sqlstate(error).startswith(_BAD_DATA)
    return isinstance(error, DomainError) and error.retryable
