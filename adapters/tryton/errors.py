"""What Tryton's answers mean where they differ from the shared outcome table.

An answer of HTTP 200 may carry an error; its first element is the kind (trytond.exceptions and
trytond.protocols.jsonrpc). Texts are translated, so nothing here branches on them.
"""

from __future__ import annotations

import httpx
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from adapters.http import Effect
from canonical.errors import (
    AnswerUnreadable,
    DataRejected,
    SystemBusy,
    SystemOutcome,
    SystemRefusesUs,
)

MESSAGE_CHARACTERS_MAX = 500
"""A domain violation carries the whole domain, several kilobytes: people need the sentence."""


class Envelope(BaseModel):
    """One JSON-RPC answer: a result or an error."""

    model_config = ConfigDict(extra="allow")

    result: JsonValue = None
    error: list[JsonValue] | None = None


class ConfirmationNeeded(DataRejected):
    """A UserWarning: the server wants `warning` confirmed before it does what was asked."""

    remedy = "Look at the record in the ERP and confirm the warning there, then retry the step."

    def __init__(self, system: str, message: str, *, warning: str) -> None:
        self.warning = warning
        super().__init__(system, message)

    @property
    def kind(self) -> str:
        """The warning's name without the record: `account.invoice.invoice_taxes` or its digest
        form both end in the kind."""
        return self.warning.rpartition(".")[2]


def classify(
    system: str, response: httpx.Response, content: bytes, effect: Effect
) -> SystemOutcome | None:
    """The outcome of an answer whose status does not say it, else None."""
    if response.status_code == httpx.codes.NOT_FOUND:
        return SystemRefusesUs(system, "the server has no such database; correct the address")
    if response.status_code != httpx.codes.OK:
        return None
    try:
        envelope = Envelope.model_validate_json(content)
    except ValidationError:
        return AnswerUnreadable(system, "the answer is not a JSON-RPC envelope")
    return None if envelope.error is None else outcome_of_error(system, envelope.error)


def outcome_of_error(system: str, error: list[JsonValue]) -> SystemOutcome:
    """The outcome of a JSON-RPC error: the transaction was rolled back in every case."""
    kind = error[0] if error else None
    texts = [str(part) for part in _parts(error)]
    message = _shortened(" ".join(filter(None, texts[:2])))
    match kind:
        case "UserError":
            return DataRejected(system, message)
        case "UserWarning" if len(texts) >= 2:
            text = _shortened(" ".join(filter(None, texts[1:3])))
            return ConfirmationNeeded(system, text, warning=texts[0])
        case "ConcurrencyException":
            return SystemBusy(system, "the record was changed by somebody else meanwhile")
        case "LoginException":
            return SystemRefusesUs(system, "the login needs more than a password")
        case _:
            return AnswerUnreadable(
                system, f"the server failed on our request: {_shortened(str(kind))}"
            )


def _parts(error: list[JsonValue]) -> list[JsonValue]:
    details = error[1] if len(error) > 1 else []
    return details if isinstance(details, list) else [details]


def _shortened(text: str) -> str:
    return text if len(text) <= MESSAGE_CHARACTERS_MAX else f"{text[:MESSAGE_CHARACTERS_MAX]}…"
