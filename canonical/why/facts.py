"""What is known of an entry: its approval, its place, its runs, its documents, and open cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from canonical.errors import Role
from canonical.invoice import InvoiceState
from canonical.money import Money
from canonical.transitions import EngagementStage
from canonical.why.pieces import Piece
from canonical.work import Expense, TimeEntry

ZERO = Decimal(0)


class Trouble(NamedTuple):
    """What the entry waits for cannot go on."""

    owner: Role
    message: str
    next_step: str

    @classmethod
    def of(cls, owner: Role, message: str, next_step: str) -> Trouble:
        """Sentences become clauses."""
        begins = next_step[:1]
        step = begins.lower() + next_step[1:] if next_step[1:2].islower() else next_step
        return cls(owner, message.rstrip("."), step.rstrip("."))


class Place(NamedTuple):
    """The engagement that the entry's project belongs to."""

    engagement: str
    stage: EngagementStage
    legal_entity: str
    project_code: str
    client: str
    contract: str
    begins: date
    """The first day of the contract."""
    trouble: Trouble | None = None


class Run(NamedTuple):
    """A billing run after a cut-off."""

    period: str
    number: int
    cutoff: datetime
    through: date
    trouble: Trouble | None = None

    @property
    def words(self) -> str:
        return f"run {self.number} of {self.period}"


class Document(NamedTuple):
    """An invoice or credit note as it stands."""

    key: str
    number: str
    state: InvoiceState
    invoice_date: date | None
    due_date: date | None
    gross: Money
    paid: Money
    process: str
    trouble: Trouble | None = None


class WriteDown(NamedTuple):
    """A decision to bill less of the entry."""

    by: str
    reason: str
    on: date
    approved_by: tuple[str, ...]


class Facts(NamedTuple):
    """All that is needed to say why."""

    item: TimeEntry | Expense
    stored_at: datetime
    today: date
    """In the time zone of who bills it."""
    recall_pending: Decimal = ZERO
    """Of what is billed, on drafts too, what is not approved any more."""
    was_approved: bool = False
    """Whether a run ever heard of it as approved."""
    place: Place | None = None
    pieces: Sequence[Piece] = ()
    gone: frozenset[str] = frozenset()
    """Contracts that billed it, and whose entry it is no more (as it was)."""
    is_changed: bool = False
    """Billed in part, and changed since it was heard of."""
    is_unheard: bool = False
    """No run has heard of it as it is; its pieces are what the next one would find."""
    refusal: Trouble | None = None
    """Why the next run would refuse it."""
    last_run: Run | None = None
    open_run: Run | None = None
    documents: Mapping[str, Document] = {}
    """By key."""
    write_downs: Sequence[WriteDown] = ()
    credit_since: datetime | None = None
    """When its credit was proposed."""
