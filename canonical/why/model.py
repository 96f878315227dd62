"""The answer: one line for each part of an entry."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime

from canonical.base import Noun
from canonical.errors import Role
from canonical.money import Money


class WhyState(StrEnum):
    """Where a part is: the nine states of the accounting rules, then what comes before them, and
    what undoes them."""

    READY = "ready"
    ON_DRAFT = "on_draft"
    BILLED = "billed"
    HELD = "held"
    WRITTEN_DOWN = "written_down"
    CONCEDED = "conceded"
    COVERED = "covered"
    BILLED_ELSEWHERE = "billed_elsewhere"
    EXCLUDED = "excluded"
    NOT_TOLD = "not_told"
    """No source told us of it."""
    NOT_APPROVED = "not_approved"
    UNLINKED = "unlinked"
    """Approved; its project belongs to no engagement that we know."""
    NOT_ACTIVE = "not_active"
    """Its engagement is not set up yet."""
    ENDED = "ended"
    """Its engagement is closed or cancelled."""
    BEFORE_CONTRACT = "before_contract"
    REFUSED = "refused"
    """A rule refuses it: the next run would stop at it."""
    CHANGED = "changed"
    """Billed in part, and changed since; no run has heard of the change."""
    RECALLED = "recalled"
    AWAITS_CREDIT = "awaits_credit"
    """Billed, and not approved any more as it was billed."""


class WhyLine(Noun):
    """One part of the entry, in the entry's own quantity."""

    state: WhyState
    quantity: Decimal
    unit: str
    amount: Money | None = None
    """Net of tax; empty where it has no price yet."""
    sentence: str
    """All of it for people: how much, where it is, and by whom it waits."""
    waits_for: str = ""
    """Empty: for nobody."""
    acts: Role | None = None
    next_step: str = ""
    document: str = ""
    """The invoice's or credit note's number, or its key until it has one."""
    detail: dict[str, str] = {}


class Why(Noun):
    """One entry; its lines add up to it, or to what is billed of it where that is more."""

    entry: str
    """`<source>/<kind>/<external id>`."""
    quantity: Decimal = Decimal(0)
    unit: str = ""
    person: str = ""
    work_date: date | None = None
    approved_by: str = ""
    approved_at: AwareDatetime | None = None
    source_version: AwareDatetime | None = None
    """When its source last changed it."""
    project: str = ""
    """In the source's words."""
    engagement: str = ""
    project_code: str = ""
    client: str = ""
    lines: tuple[WhyLine, ...]
