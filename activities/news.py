"""What every long-lived workflow asks of the store: news, cases resolved, operators' orders
noted."""

from __future__ import annotations

from temporalio import activity

from canonical.base import Noun
from canonical.events import News
from canonical.ids import CaseId
from canonical.records import CaseRecords, EngagementRecords


class TakeNews(Noun):
    """`token` names this taking: asking again with it gives the same news."""

    process: str
    token: str


class Resolution(Noun):
    case: CaseId
    resolution: str


class OrderNote(Noun):
    """An order of an operator, obeyed or refused, for the audit trail."""

    process: str
    order: str
    actor: str
    detail: str
    accepted: bool


class NewsActivities:
    """Runs on the main queue."""

    def __init__(self, records: EngagementRecords, cases: CaseRecords) -> None:
        self._records, self._cases = records, cases

    @activity.defn
    async def take_news(self, request: TakeNews) -> tuple[News, ...]:
        return tuple(await self._records.take_news(request.process, request.token))

    @activity.defn
    async def resolve_case(self, request: Resolution) -> None:
        await self._cases.resolve_case(request.case, request.resolution)

    @activity.defn
    async def note_orders(self, notes: tuple[OrderNote, ...]) -> None:
        """Keep in the audit trail what operators ordered, and what was refused and why."""
        for note in notes:
            action = f"order.{note.order}" + ("" if note.accepted else ".refused")
            await self._cases.audit(note.process, action, note.actor, {"detail": note.detail})
