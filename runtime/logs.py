"""One log format for everything: our events, Temporal's loggers, uvicorn, libraries.

An event has a name and fields (`log.info("invoice.posted", invoice_id=...)`). Fields bound with
`correlated(...)` are on every event of that task, whoever logs it.
"""

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Final, TextIO

import structlog
from opentelemetry import trace
from structlog.types import Processor
from temporalio import activity, workflow

from runtime.correlation import correlated as correlated
from runtime.redaction import redact_event
from runtime.settings import Settings

# Their lines contain full addresses, and a webhook's address can be its secret.
QUIET_LOGGERS: Final = ("uvicorn.access", "httpx", "httpcore", "aiosmtplib", "mail.log")
TEMPORAL_EXTRAS: Final = ("temporal_workflow", "temporal_activity")


def configure_logs(settings: Settings, *, stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (standard error) in the configured format."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=TEMPORAL_EXTRAS), *_shared()],
            processors=_final(settings),
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    _tame_libraries()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _shared() -> list[Processor]:
    """What every event passes, wherever it comes from."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _flatten_temporal_extras,
        _add_trace_ids,
    ]


def _final(settings: Settings) -> list[Processor]:
    """Formatting; redaction comes after everything that could add a secret."""
    common: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact_event,
    ]
    if settings.log_format == "json":
        return [*common, structlog.processors.JSONRenderer(serializer=_json)]
    plain = structlog.dev.plain_traceback
    colors = sys.stderr.isatty()
    return [*common, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]


def _tame_libraries() -> None:
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
        logging.getLogger(name).setLevel(logging.NOTSET)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    # The same facts arrive as fields; see _flatten_temporal_extras.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False


def _flatten_temporal_extras(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    """Temporal's loggers attach one dictionary; its entries become fields of the event."""
    for extra in TEMPORAL_EXTRAS:
        details = event.pop(extra, None)
        if isinstance(details, dict):
            for name, value in details.items():
                event.setdefault(str(name), value)
    return event


def _add_trace_ids(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _json(event: object, **_options: object) -> str:
    return json.dumps(event, default=str, ensure_ascii=False)
