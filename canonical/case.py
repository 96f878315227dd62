"""Exception cases: what cannot go on, who acts, how much is at risk, and what to do."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime

from canonical.base import Noun
from canonical.errors import Role
from canonical.ids import CaseId
from canonical.money import Money


class CaseState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


class Case(Noun):
    """One exception. Equal causes of one process and subject are one case (its id is derived)."""

    id: CaseId
    process: str
    """The workflow id that waits, or the part that noticed it (`relay`, `reconcile/...`)."""
    cause: str
    """A stable word for the cause: the error's name."""
    subject: str
    """The object, in words that its owner knows."""
    owner: Role
    message: str
    next_step: str
    legal_entity: str = ""
    amount: Money | None = None
    state: CaseState = CaseState.OPEN
    opened_at: AwareDatetime | None = None
    occurrences: int = 1
