"""Logs: one JSON object per event, whoever logged it, with its ids and without secrets."""

import io
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from runtime.logs import QUIET_LOGGERS, configure_logs, correlated
from runtime.settings import Settings


class Log:
    """What was logged since the start of a test."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def configure(self, log_format: Literal["json", "console"] = "json") -> None:
        configure_logs(Settings(log_format=log_format), stream=self.stream)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    """JSON logs in memory; the logging of the test run itself is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    log = Log()
    log.configure()
    yield log
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_an_event_is_one_line_of_json_with_time_level_and_logger(log: Log) -> None:
    structlog.get_logger("billing").info("invoice.posted", net=Decimal("12.50"), client="Käfer")
    [event] = log.events()
    assert event["event"] == "invoice.posted"
    assert (event["level"], event["logger"]) == ("info", "billing")
    assert (event["net"], event["client"]) == ("12.50", "Käfer")
    assert str(event["timestamp"]).endswith("Z")


def test_records_of_the_standard_library_have_the_same_form(log: Log) -> None:
    logging.getLogger("uvicorn.error").warning("started %s", "server")
    [event] = log.events()
    assert (event["event"], event["logger"]) == ("started server", "uvicorn.error")


def test_correlation_ids_are_on_every_event_inside_the_block_only(log: Log) -> None:
    with correlated(correlation_id="c-1"):
        structlog.get_logger().info("inside")
        logging.getLogger("library").warning("inside too")
    structlog.get_logger().info("outside")
    assert [event.get("correlation_id") for event in log.events()] == ["c-1", "c-1", None]


def test_what_temporal_attaches_becomes_fields(log: Log) -> None:
    extra = {"temporal_workflow": {"workflow_id": "engagement/1", "run_id": "r"}}
    logging.getLogger("temporalio.workflow").info("parked", extra=extra)
    [event] = log.events()
    assert (event["workflow_id"], event["run_id"]) == ("engagement/1", "r")


def test_secrets_in_fields_and_in_tracebacks_are_redacted(log: Log) -> None:
    try:
        raise ValueError("cannot reach postgresql://u:hidden@h/d")
    except ValueError:
        structlog.get_logger().exception("failed", api_key="hidden")
    assert "hidden" not in log.text
    assert "ValueError: cannot reach" in str(log.events()[0]["exception"])


def test_people_can_have_a_readable_form_without_secrets_too(log: Log) -> None:
    log.configure("console")
    structlog.get_logger().info("invoice.posted", invoice_id="42", token="hidden")
    assert "invoice.posted" in log.text
    assert "invoice_id" in log.text
    assert "hidden" not in log.text


def test_events_below_the_configured_level_are_left_out(log: Log) -> None:
    structlog.get_logger().debug("detail")
    assert log.events() == []


@pytest.mark.parametrize("name", QUIET_LOGGERS)
def test_loggers_that_print_whole_addresses_are_quiet(log: Log, name: str) -> None:
    logging.getLogger(name).info("POST /hooks/salesforce/the-secret-path")
    assert log.events() == []


def test_an_event_inside_a_span_carries_the_traces_ids(log: Log) -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("posting") as span:
        structlog.get_logger().info("invoice.posted")
    [event] = log.events()
    assert event["trace_id"] == f"{span.get_span_context().trace_id:032x}"
