"""How failures leave an activity: typed for Temporal, told to people, found in the logs."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.failures import (
    ATTEMPTS_BEFORE_CASE,
    MESSAGE_CHARACTERS_MAX,
    FailureInterceptor,
    Refusal,
)
from canonical.errors import (
    DataRejected,
    DomainError,
    OutcomeUnknown,
    Role,
    RuleViolation,
    SystemBusy,
    SystemRefusesUs,
    SystemUnavailable,
)
from store.cases import CaseStore
from store.engine import create_engine
from tests.activities.conftest import NOW, Store

PROCESS = "invoice/42"
REJECTED = DataRejected("tryton", "the period is closed")


class Innermost(ActivityInboundInterceptor):
    """Where Temporal calls the activity itself."""

    def __init__(self) -> None: ...

    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        return await input.fn(*input.args)


class Bench:
    """Runs a step inside the interceptor, as a worker does."""

    def __init__(self, cases: CaseStore) -> None:
        interceptor = FailureInterceptor(cases, lambda: NOW)
        self._inbound = interceptor.intercept_activity(Innermost())

    async def run(self, step: Callable[[], Awaitable[Any]], attempt: int = 1) -> object:
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(
            environment.info,
            workflow_id=PROCESS,
            activity_type="post_invoice",
            attempt=attempt,
            heartbeat_timeout=timedelta(seconds=20),
        )
        call = ExecuteActivityInput(fn=step, args=[], executor=None, headers={})
        return await environment.run(self._inbound.execute_activity, call)

    async def failure(self, error: Exception, attempt: int = 1) -> ApplicationError:
        async def step() -> None:
            raise error

        with pytest.raises(ApplicationError) as raised:
            await self.run(step, attempt)
        return raised.value


async def succeed() -> str:
    return "done"


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store.cases)


async def cases(store: Store, columns: str = "cause", state: str = "open") -> list[object]:
    return await store.column(
        f"SELECT {columns} FROM exception_case WHERE state = :state ORDER BY cause", state=state
    )


async def test_a_result_passes_and_opens_nothing(bench: Bench, store: Store) -> None:
    assert await bench.run(succeed) == "done"
    assert await cases(store) == []


# -- what no retry can mend ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "owner"),
    [
        (REJECTED, Role.FINANCE),
        (RuleViolation("the totals differ"), Role.FINANCE),
        (SystemRefusesUs("kantata", "401"), Role.INTEGRATION_SUPPORT),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_what_no_retry_can_mend_is_final_and_has_an_owner(
    bench: Bench, store: Store, error: DomainError, owner: Role
) -> None:
    failure = await bench.failure(error)
    assert (failure.type, failure.non_retryable) == (type(error).__name__, True)
    (refusal,) = failure.details
    assert isinstance(refusal, Refusal)
    assert (refusal.owner, refusal.remedy) == (owner, error.remedy)
    assert await cases(store, "owner") == [owner.value]
    assert await cases(store, "opened_at") == [NOW]


async def test_the_case_is_open_before_the_workflow_hears_of_it(bench: Bench, store: Store) -> None:
    (refusal,) = (await bench.failure(REJECTED)).details
    assert await cases(store, "id::text") == [refusal.case]
    assert await cases(store, "process") == [PROCESS]


async def refuse() -> None:
    raise REJECTED


async def test_a_refusal_whose_case_cannot_be_opened_is_tried_again() -> None:
    """The workflow never waits for a case that nobody can see."""
    engine = create_engine("postgresql+asyncpg://nobody@/none?host=/nonexistent")
    with pytest.raises(SystemUnavailable, match="the database does not answer"):
        await Bench(CaseStore(engine)).run(refuse)
    await engine.dispose()


async def test_the_same_refusal_again_is_the_same_case(bench: Bench, store: Store) -> None:
    for _ in range(2):
        await bench.failure(REJECTED)
    assert await cases(store, "occurrences") == [2]


# -- what time mends -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [SystemUnavailable("tryton", "502"), OutcomeUnknown("tryton", "no answer")], ids=repr
)
async def test_what_time_mends_is_retried_without_a_case(
    bench: Bench, store: Store, error: DomainError
) -> None:
    failure = await bench.failure(error)
    assert (failure.type, failure.non_retryable) == (type(error).__name__, False)
    assert failure.next_retry_delay is None
    assert await cases(store) == []


@pytest.mark.parametrize(
    ("named_s", "delay_s"), [(7.5, 7.5), (0.0, 0.1), (None, None)], ids=["named", "at once", "none"]
)
async def test_a_system_that_names_a_time_is_asked_again_then(
    bench: Bench, named_s: float | None, delay_s: float | None
) -> None:
    failure = await bench.failure(SystemBusy("tryton", "429", retry_after_s=named_s))
    expected = None if delay_s is None else timedelta(seconds=delay_s)
    assert failure.next_retry_delay == expected


async def test_long_failing_opens_one_case_and_success_resolves_it(
    bench: Bench, store: Store
) -> None:
    down = SystemUnavailable("tryton", "502")
    await bench.failure(down, ATTEMPTS_BEFORE_CASE - 1)
    assert await cases(store) == []
    for attempt in (ATTEMPTS_BEFORE_CASE, ATTEMPTS_BEFORE_CASE + 1):
        await bench.failure(down, attempt)
    assert await cases(store) == ["SystemUnavailable"]
    assert await cases(store, "owner") == [Role.INTEGRATION_SUPPORT.value]
    await bench.run(succeed, ATTEMPTS_BEFORE_CASE + 2)
    assert await cases(store, "resolution", "resolved") == ["the step succeeded"]


async def test_long_failing_that_ends_in_a_refusal_leaves_one_case(
    bench: Bench, store: Store
) -> None:
    await bench.failure(SystemUnavailable("tryton", "502"), ATTEMPTS_BEFORE_CASE)
    await bench.failure(REJECTED, ATTEMPTS_BEFORE_CASE + 1)
    assert await cases(store) == ["DataRejected"]
    assert await cases(store, "cause", "resolved") == ["SystemUnavailable"]


# -- defects and others ----------------------------------------------------------------------------


async def test_a_defect_is_retried_and_told_to_support_after_a_while(
    bench: Bench, store: Store
) -> None:
    failure = await bench.failure(TypeError("None has no len()"), ATTEMPTS_BEFORE_CASE)
    assert (failure.type, failure.non_retryable) == ("TypeError", False)
    assert await cases(store, "owner") == [Role.INTEGRATION_SUPPORT.value]
    (message,) = await cases(store, "message")
    assert message == f"attempt {ATTEMPTS_BEFORE_CASE} failed: None has no len()"


async def test_a_failure_made_for_temporal_passes_as_it_is(bench: Bench, store: Store) -> None:
    made = ApplicationError("as agreed", type="Expected", non_retryable=True)
    assert await bench.failure(made) is made
    assert await cases(store) == []


@pytest.mark.parametrize("kind", [RuleViolation, ValueError], ids=["ours", "defect"])
async def test_an_endless_message_never_exceeds_a_payload(
    bench: Bench, kind: type[Exception]
) -> None:
    failure = await bench.failure(kind("x" * 5_000_000))
    assert len(failure.message) == MESSAGE_CHARACTERS_MAX
    assert failure.__cause__ is None


async def test_the_cause_travels_along_for_engineers(bench: Bench) -> None:
    failure = await bench.failure(REJECTED)
    assert failure.__cause__ is REJECTED


# -- logs ------------------------------------------------------------------------------------------


async def logged(bench: Bench, error: Exception) -> EventDict:
    with capture_logs() as events:
        await bench.failure(error, attempt=3)
    (event,) = events
    return event


async def test_a_failure_is_one_event_with_its_figures(bench: Bench) -> None:
    event = await logged(bench, SystemUnavailable("tryton", "502"))
    assert (event["event"], event["log_level"]) == ("activity.failed", "warning")
    assert (event["error"], event["attempt"]) == ("SystemUnavailable", 3)
    assert (event["retryable"], event["message"]) == (True, "tryton: 502")
    assert event["exc_info"] is None


async def test_a_defect_is_logged_with_its_traceback(bench: Bench) -> None:
    defect = TypeError("None has no len()")
    event = await logged(bench, defect)
    assert (event["retryable"], event["exc_info"]) == (True, defect)


async def test_what_an_activity_logs_carries_its_workflows_id(bench: Bench) -> None:
    seen: dict[str, Any] = {}

    async def step() -> None:
        seen.update(structlog.contextvars.get_contextvars())

    await bench.run(step)
    assert seen == {"correlation_id": PROCESS, "activity": "post_invoice"}
    assert structlog.contextvars.get_contextvars() == {}
