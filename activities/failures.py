"""Our errors become Temporal's here and nowhere else; what cannot go on becomes a case.

The interceptor surrounds every activity: it beats, logs what fails, translates `DomainError` into
`ApplicationError` (type, retryable or not, the time that a system named), and opens the case in the
store before the workflow hears of it. An activity that keeps failing for a reason that time should
mend opens a case too, after `ATTEMPTS_BEFORE_CASE` attempts; it is resolved when the failing ends.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from activities.heartbeats import beating
from canonical.base import Noun
from canonical.case import Case
from canonical.errors import DomainError, Role, SystemBusy, SystemOutcome
from canonical.ids import CaseId, case_id
from canonical.records import CaseRecords
from runtime.correlation import correlated

log = structlog.get_logger(__name__)

ATTEMPTS_BEFORE_CASE = 8
"""With the policies' intervals this is one to four minutes of trying."""

MESSAGE_CHARACTERS_MAX = 2_000
"""An error must never exceed a payload's limit."""


class Refusal(Noun):
    """What the workflow learns of a step that no retry can mend."""

    case: CaseId
    cause: str
    owner: Role
    message: str
    remedy: str


class FailureInterceptor(Interceptor):
    """Installed on every worker."""

    def __init__(self, cases: CaseRecords, clock: Callable[[], datetime]) -> None:
        self._cases, self._clock = cases, clock

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Translating(next, self._cases, self._clock)


class _Translating(ActivityInboundInterceptor):
    def __init__(
        self,
        next: ActivityInboundInterceptor,
        cases: CaseRecords,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(next)
        self._cases, self._clock = cases, clock

    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        info = activity.info()
        with correlated(correlation_id=_process(), activity=info.activity_type):
            try:
                async with beating():
                    result: object = await super().execute_activity(input)
            except DomainError as error:
                _tell(error)
                raise await self._translated(error) from _told_whole(error)
            except ApplicationError:
                raise
            except Exception as error:  # noqa: BLE001 - the edge of our code: translated and raised
                _tell(error)
                await self._note_long_failure(error)
                raise _defect(error) from _told_whole(error)
            await self._end_long_failure("the step succeeded")
            return result

    async def _translated(self, error: DomainError) -> ApplicationError:
        if error.retryable:
            await self._note_long_failure(error)
            return _retryable(error)
        refusal = _refusal(error)
        await self._cases.open_case(_case(refusal, self._clock()))
        await self._end_long_failure(f"the step is refused now: {refusal.cause}")
        return ApplicationError(refusal.message, refusal, type=refusal.cause, non_retryable=True)

    async def _note_long_failure(self, error: Exception) -> None:
        if activity.info().attempt < ATTEMPTS_BEFORE_CASE:
            return
        owner = error.owner if isinstance(error, DomainError) else Role.INTEGRATION_SUPPORT
        refusal = Refusal(
            case=_repeated_case_id(),
            cause=type(error).__name__,
            owner=owner,
            message=_bounded(f"attempt {activity.info().attempt} failed: {error}"),
            remedy="The step is retried until it succeeds; see what keeps it from that.",
        )
        await self._cases.open_case(_case(refusal, self._clock()))

    async def _end_long_failure(self, how: str) -> None:
        if activity.info().attempt > ATTEMPTS_BEFORE_CASE:
            await self._cases.resolve_case(_repeated_case_id(), how)


def _tell(error: Exception) -> None:
    """Our own errors explain themselves; any other is a defect, logged with its traceback."""
    known = isinstance(error, DomainError)
    log.warning(
        "activity.failed",
        attempt=activity.info().attempt,
        error=type(error).__name__,
        retryable=error.retryable if isinstance(error, DomainError) else True,
        message=_bounded(str(error)),
        exc_info=None if known else _told_whole(error),
    )


def _told_whole(error: Exception) -> Exception | None:
    """The error to send along or to log whole, unless it or a cause of its own is too long."""
    each: BaseException | None = error
    while each is not None:
        if len(str(each)) > MESSAGE_CHARACTERS_MAX:
            return None
        each = each.__cause__
    return error


def _defect(error: Exception) -> ApplicationError:
    """Retried for as long as it takes: a fix may be deployed meanwhile."""
    return ApplicationError(_bounded(str(error)), type=type(error).__name__)


def _retryable(error: DomainError) -> ApplicationError:
    wait_s = error.retry_after_s if isinstance(error, SystemBusy) else None
    return ApplicationError(
        _bounded(str(error)),
        type=type(error).__name__,
        next_retry_delay=None if wait_s is None else timedelta(seconds=max(wait_s, 0.1)),
    )


def _refusal(error: DomainError) -> Refusal:
    cause = type(error).__name__
    subject = error.system if isinstance(error, SystemOutcome) else ""
    return Refusal(
        case=case_id(_process(), cause, f"{activity.info().activity_type}/{subject}"),
        cause=cause,
        owner=error.owner,
        message=_bounded(str(error)),
        remedy=error.remedy,
    )


def _case(refusal: Refusal, now: datetime) -> Case:
    return Case(
        id=refusal.case,
        process=_process(),
        cause=refusal.cause,
        subject=activity.info().activity_type,
        owner=refusal.owner,
        message=refusal.message,
        next_step=refusal.remedy,
        opened_at=now,
    )


def _repeated_case_id() -> CaseId:
    return case_id(_process(), "repeated failure", activity.info().activity_type)


def _process() -> str:
    return activity.info().workflow_id or activity.info().activity_id


def _bounded(text: str) -> str:
    return text[:MESSAGE_CHARACTERS_MAX]
