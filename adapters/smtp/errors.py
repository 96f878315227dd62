"""What a mail server's reply or silence means: the outcome table of SMTP (RFC 5321, RFC 4954)."""

from __future__ import annotations

from enum import Enum

from aiosmtplib import SMTPException, SMTPResponseException

from canonical.errors import (
    AnswerUnreadable,
    DataRejected,
    OutcomeUnknown,
    SystemBusy,
    SystemOutcome,
    SystemRefusesUs,
    SystemUnavailable,
)

CLOSING = 421
LOGIN_NEEDED = frozenset({530, 534, 535, 538})
"""Authentication required, mechanism too weak, credentials invalid, encryption required."""
REPLY_CHARACTERS_MAX = 300


class Step(Enum):
    """How far the dialogue is; it decides what a refusal concerns and what a lost reply means."""

    CONNECT = "the connection"
    LOGIN = "the login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "the message"


def outcome_of(system: str, error: Exception, step: Step, subject: str = "") -> SystemOutcome:
    """The outcome of a failed step; `subject` is the address that the step concerns."""
    if isinstance(error, SMTPResponseException):
        return _refused(system, error.code, str(error.message), step, subject)
    if isinstance(error, OSError):  # the library's disconnects and time-outs are of this kind
        return _lost(system, error, step)
    if isinstance(error, SMTPException) and step in (Step.CONNECT, Step.LOGIN):
        # The server lacks what we ask for, such as a login mechanism: no reply code tells it.
        return SystemRefusesUs(system, f"{step.value}: {_shortened(str(error.message))}")
    return AnswerUnreadable(system, f"{step.value}: {_shortened(str(error))}")


def _refused(system: str, code: int, text: str, step: Step, subject: str) -> SystemOutcome:
    concerns = f"{step.value} {subject}".strip()
    message = f"{concerns}: {code} {_shortened(text)}"
    if code == CLOSING:
        return SystemUnavailable(system, message)
    if 400 <= code < 500:
        return SystemBusy(system, message)
    if code < 500:
        if step is Step.CONTENT:
            return OutcomeUnknown(system, message)
        return AnswerUnreadable(system, message)
    if code in LOGIN_NEEDED or step in (Step.CONNECT, Step.LOGIN):
        return SystemRefusesUs(system, message)
    field = step.value if step is not Step.CONTENT else "message"
    return DataRejected(system, message, fields=(field,))


def _lost(system: str, error: Exception, step: Step) -> SystemOutcome:
    what = f"{step.value}: {type(error).__name__} {_shortened(str(error))}".strip()
    if step is Step.CONTENT:
        return OutcomeUnknown(system, f"no reply to the message, it may be on its way ({what})")
    return SystemUnavailable(system, what)


def _shortened(text: str) -> str:
    return " ".join(text.split())[:REPLY_CHARACTERS_MAX]
