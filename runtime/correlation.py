"""Ids that belong to a piece of work, put on every log event while it lasts."""

from __future__ import annotations

from contextlib import AbstractContextManager

import structlog


def correlated(**ids: str) -> AbstractContextManager[None]:
    """Put these ids on every event logged inside the `with` block, in this task and its children.

    Usual names: correlation_id, engagement_id, invoice_id, delivery_id.
    """
    return structlog.contextvars.bound_contextvars(**ids)
