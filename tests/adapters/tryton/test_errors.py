"""What the server's error kinds mean for us, whatever language their texts are in."""

from __future__ import annotations

import httpx
import pytest
from pydantic import JsonValue

from adapters.http import Effect
from adapters.tryton.errors import (
    MESSAGE_CHARACTERS_MAX,
    ConfirmationNeeded,
    classify,
    outcome_of_error,
)
from canonical.errors import (
    AnswerUnreadable,
    DataRejected,
    SystemBusy,
    SystemOutcome,
    SystemRefusesUs,
)

USER_ERROR: list[JsonValue] = ["UserError", ["Der Code muss eindeutig sein.", "", None]]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        pytest.param(USER_ERROR, DataRejected, id="refused data"),
        pytest.param(["UserWarning", ["abc.late", "Late!", ""]], ConfirmationNeeded, id="warning"),
        pytest.param(["ConcurrencyException", "modified"], SystemBusy, id="changed meanwhile"),
        pytest.param(["LoginException", ["x", "y", "z"]], SystemRefusesUs, id="second factor"),
        pytest.param(["'nme'", ""], AnswerUnreadable, id="field unknown to the server"),
        pytest.param([], AnswerUnreadable, id="empty"),
        pytest.param(["UserWarning", "text"], AnswerUnreadable, id="warning without a name"),
    ],
)
def test_each_kind_of_error_has_its_outcome(
    error: list[JsonValue], outcome: type[SystemOutcome]
) -> None:
    assert type(outcome_of_error("erp", error)) is outcome


def test_a_warning_tells_its_kind_apart_from_its_record() -> None:
    warning = outcome_of_error("erp", ["UserWarning", ["6fd0.invoice_taxes", "No taxes", "why"]])
    assert isinstance(warning, ConfirmationNeeded)
    assert (warning.warning, warning.kind) == ("6fd0.invoice_taxes", "invoice_taxes")
    assert "No taxes why" in str(warning)


def test_a_long_domain_does_not_reach_the_person() -> None:
    outcome = outcome_of_error("erp", ["UserError", ["x" * 5_000, "", None]])
    assert len(str(outcome)) < MESSAGE_CHARACTERS_MAX + 20


def test_an_answer_that_is_no_envelope_is_unreadable() -> None:
    answer = httpx.Response(200, content=b"<html>")
    outcome = classify("erp", answer, answer.content, Effect.READ)
    assert isinstance(outcome, AnswerUnreadable)


def test_an_unknown_database_is_a_mistake_of_address_not_a_missing_record() -> None:
    outcome = classify("erp", httpx.Response(404), b"", Effect.READ)
    assert isinstance(outcome, SystemRefusesUs)


def test_other_statuses_are_left_to_the_shared_table() -> None:
    assert classify("erp", httpx.Response(503), b"", Effect.READ) is None
