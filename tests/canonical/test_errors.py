"""Errors: each tells the thing and the reason, who acts, and whether time mends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from canonical.errors import (
    AnswerUnreadable,
    ChangeNotAllowed,
    CurrencyMismatch,
    DataRejected,
    DomainError,
    OutcomeUnknown,
    RateMissing,
    RecordExists,
    Role,
    SystemBusy,
    SystemOutcome,
    SystemUnavailable,
    TransitionForbidden,
)
from tests.canonical.builders import day


def kinds(root: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    yield root
    for kind in root.__subclasses__():
        if kind.__module__ == "canonical.errors":
            yield from kinds(kind)


def test_time_mends_only_what_is_down_busy_or_in_doubt() -> None:
    assert {kind for kind in kinds() if kind.retryable} == {
        SystemUnavailable,
        SystemBusy,
        OutcomeUnknown,
    }


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_every_error_has_an_owner_a_remedy_and_a_meaning(kind: type[DomainError]) -> None:
    assert kind.owner in Role
    assert kind.remedy.endswith(".")
    assert kind.__doc__


SENTENCES: list[tuple[DomainError, str]] = [
    (CurrencyMismatch(expected="EUR", found="USD"), "an amount is in USD, but EUR is needed"),
    (
        RateMissing(line_id="time", role="", work_date=day("2026-03-01"), item="psa/1"),
        "contract line time has no rate for role '' on 2026-03-01 (item psa/1)",
    ),
    (
        TransitionForbidden(noun="invoice", before="paid", after="draft"),
        "invoice cannot change from 'paid' to 'draft'",
    ),
    (
        ChangeNotAllowed(field="payment", owner="erp", writer="crm"),
        "payment belongs to the erp; a change from the crm is a proposal",
    ),
    (SystemOutcome("erp", "HTTP 500", request_id="r-1"), "erp: HTTP 500 (request r-1)"),
    (SystemBusy("erp", "HTTP 429", retry_after_s=7), "erp: HTTP 429"),
    (RecordExists("psa", "HTTP 409", reference="12"), "psa: HTTP 409"),
    (DataRejected("erp", "closed", fields=("date",)), "erp: closed"),
    (AnswerUnreadable("crm", "not a date", where="Account.Id"), "crm: not a date at Account.Id"),
]


@pytest.mark.parametrize(
    ("error", "sentence"), SENTENCES, ids=[type(error).__name__ for error, _ in SENTENCES]
)
def test_an_error_is_a_sentence_for_people(error: DomainError, sentence: str) -> None:
    assert str(error) == sentence
