"""Every error of the product's language, as one tree.

DomainError
├── RuleViolation            a rule of the contract or of accounting refuses the data
│   ├── CurrencyMismatch     two currencies where one is needed
│   ├── RateMissing          no rate row covers a role on a work date
│   ├── TransitionForbidden  a status change that the noun's table does not know
│   └── SourceIncomplete     a source of time or expenses is not proven complete
├── SetupInvalid             landscape or settings cannot be right
├── ChangeNotAllowed         a write from a system that does not own the field
└── SystemOutcome            what an outside system did with our call
    ├── SystemUnavailable    no connection, time-out on a read, 408, 5xx     retry
    ├── SystemBusy           429, 503 with "retry after"                     retry at the named time
    ├── OutcomeUnknown       a write whose effect nobody knows               look first, then decide
    ├── SystemRefusesUs      401, 403: credentials or rights                 a person mends
    ├── RecordMissing        404                                             the caller decides
    ├── RecordExists         409, duplicate key                              adopt what is there
    ├── DataRejected         400, 422, closed period: our data is refused    a person corrects
    └── AnswerUnreadable     an answer that does not fit the model           support looks at it

`retryable` says whether time alone can mend it; `owner` names the queue that acts when it cannot.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar


class Role(StrEnum):
    """The queues of people who mend what no retry can."""

    PROJECT_OPERATIONS = "project_operations"
    FINANCE = "finance"
    INTEGRATION_SUPPORT = "integration_support"

    @property
    def words(self) -> str:
        """As people read it: `project operations`."""
        return self.value.replace("_", " ")


class DomainError(Exception):
    """The root. The message is one sentence for people: the thing, the reason, the remedy."""

    retryable: ClassVar[bool] = False
    owner: ClassVar[Role] = Role.PROJECT_OPERATIONS
    remedy: ClassVar[str] = "Correct the data named above, then retry the step."


class RuleViolation(DomainError):
    """A rule refuses the data."""

    owner = Role.FINANCE


class CurrencyMismatch(RuleViolation):
    """Two currencies where one is needed."""

    def __init__(self, *, expected: str, found: str, where: str = "an amount") -> None:
        self.expected, self.found = expected, found
        super().__init__(f"{where} is in {found}, but {expected} is needed")


class RateMissing(RuleViolation):
    """No rate row covers a role on a work date."""

    remedy = "Add a rate for the role on that date to the contract, or map the role, then retry."

    def __init__(self, *, line_id: str, role: str, work_date: date, item: str) -> None:
        self.line_id, self.role, self.work_date, self.item = line_id, role, work_date, item
        super().__init__(
            f"contract line {line_id} has no rate for role {role!r} on {work_date} (item {item})"
        )


class TransitionForbidden(RuleViolation):
    """A status change that the noun's table does not know."""

    def __init__(self, *, noun: str, before: str, after: str) -> None:
        super().__init__(f"{noun} cannot change from {before!r} to {after!r}")


class SourceIncomplete(RuleViolation):
    """A source of time or expenses is not proven complete up to a cut-off."""

    owner = Role.PROJECT_OPERATIONS
    remedy = "Compare the source with the items named; it is checked again by itself, or on retry."


class SetupInvalid(DomainError):
    """Landscape or settings cannot be right."""

    owner = Role.INTEGRATION_SUPPORT
    remedy = "Correct the landscape, run `c2c landscape check`, then retry."


class LedgerDrift(DomainError):
    """A contract's past does not come out of its rows as it was kept: a rule, a tax or a row was
    changed for days that are booked. Nothing more is posted for it until that is mended."""

    owner = Role.INTEGRATION_SUPPORT
    remedy = (
        "Find what was changed for the past (the entity's taxes in the landscape, a release of the "
        "rules) and give it an effective date instead; then retry the step."
    )

    def __init__(self, contract: str, difference: str) -> None:
        self.contract = contract
        super().__init__(f"the ledger of contract {contract} cannot be proven: {difference}")


class ChangeNotAllowed(DomainError):
    """A write from a system that does not own the field."""

    def __init__(self, *, field: str, owner: str, writer: str) -> None:
        super().__init__(
            f"{field} belongs to the {owner}; a change from the {writer} is a proposal"
        )


class SystemOutcome(DomainError):
    """What an outside system did with our call. `system` is the instance's name in the
    landscape."""

    owner = Role.INTEGRATION_SUPPORT

    def __init__(self, system: str, message: str, *, request_id: str | None = None) -> None:
        self.system, self.request_id = system, request_id
        trace = f" (request {request_id})" if request_id else ""
        super().__init__(f"{system}: {message}{trace}")


class SystemUnavailable(SystemOutcome):
    """No connection, a time-out on a read, 408 or 5xx: nothing was changed, or nothing matters."""

    retryable = True
    remedy = "Nothing to do while the system is down; work continues when it answers again."


class SystemBusy(SystemOutcome):
    """The system asks us to slow down; `retry_after_s` is its own word, in seconds, if it gave
    one."""

    retryable = True
    remedy = "Nothing to do; the call is repeated at the time the system named."

    def __init__(
        self,
        system: str,
        message: str,
        *,
        retry_after_s: float | None = None,
        request_id: str | None = None,
    ) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(system, message, request_id=request_id)


class OutcomeUnknown(SystemOutcome):
    """A write was sent and nobody knows whether it took effect: probe by our key, never repeat
    blindly."""

    retryable = True
    remedy = "The next attempt looks for the record by our key before it writes anything."


class SystemRefusesUs(SystemOutcome):
    """401 or 403: our credentials or rights."""

    remedy = "Mend the credentials or rights of the integration user, then retry the step."


class RecordMissing(SystemOutcome):
    """The record that we name is not there."""

    owner = Role.PROJECT_OPERATIONS


class RecordExists(SystemOutcome):
    """A record with our key is there already; `reference` is its id when the system said it."""

    def __init__(
        self,
        system: str,
        message: str,
        *,
        reference: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.reference = reference
        super().__init__(system, message, request_id=request_id)


class DataRejected(SystemOutcome):
    """Our data is refused; `fields` names what the system complained about, if it said so."""

    owner = Role.FINANCE
    remedy = "Correct the data (or open the period) in the system named, then retry the step."

    def __init__(
        self,
        system: str,
        message: str,
        *,
        fields: tuple[str, ...] = (),
        request_id: str | None = None,
    ) -> None:
        self.fields = fields
        super().__init__(system, message, request_id=request_id)


class AnswerUnreadable(SystemOutcome):
    """An answer that does not fit the model. `where` names the field or document; never
    null-fill."""

    remedy = "Compare the answer with the vendor's schema; adapt the mapping, then retry the step."

    def __init__(
        self, system: str, message: str, *, where: str = "", request_id: str | None = None
    ):
        self.where = where
        super().__init__(
            system, f"{message}{f' at {where}' if where else ''}", request_id=request_id
        )
