"""Kantata's records as its answers carry them: only what we read is typed, the rest is kept.

A field that we ask for and that may be empty has no default: when it is absent the schema has
moved, which is told and never filled with nothing.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
    StrictStr,
)

from canonical.base import Fact


def _id_text(value: object) -> object:
    """Ids are strings in answers, but a few columns of the published schema are integers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Id = Annotated[StrictStr, BeforeValidator(_id_text), Field(pattern=r"^[0-9]{1,20}$")]


class Row(Fact):
    id: Id


class DatedRow(Row):
    """A row of a list that can be walked in the order of its creation."""

    created_at: AwareDatetime
    updated_at: AwareDatetime


class WorkRow(DatedRow):
    """What time entries and expenses have in common."""

    workspace_id: Id
    user_id: Id
    notes: StrictStr | None
    recent_submission_id: Id | None
    """The latest report, whatever became of it; `active_submission_id` is empty after a recall."""

    @property
    def worked_on(self) -> date:
        raise NotImplementedError


class TimeEntryRow(WorkRow):
    story_id: Id | None
    role_id: Id | None
    date_performed: date
    time_in_minutes: StrictInt
    billable: StrictBool
    approved: StrictBool

    @property
    def worked_on(self) -> date:
        return self.date_performed


class ExpenseRow(WorkRow):
    """Read name `is_billable`, write name `billable`; there is no `approved` column to rely on."""

    spent_on: date = Field(alias="date")
    category: StrictStr | None
    amount_in_cents: StrictInt
    currency: StrictStr
    currency_base_unit: StrictInt
    is_billable: StrictBool

    @property
    def worked_on(self) -> date:
        return self.spent_on


class SubmissionStatus(StrEnum):
    """The vendor's document says `new` in one place and `pending` in another: both wait."""

    NEW = "new"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class SubmissionRow(Row):
    """A timesheet or an expense report, with its current resolution."""

    status: SubmissionStatus
    current_resolution_creator_id: Id | None
    current_resolution_created_at_date: AwareDatetime | None
    updated_at: AwareDatetime


class UserRow(Row):
    full_name: StrictStr
    email_address: StrictStr | None = None
    account_id: Id | None = None


class RoleRow(Row):
    name: StrictStr


class StoryRow(Row):
    title: StrictStr


class ReferenceStatus(StrEnum):
    SUCCESSFUL = "successful"
    PENDING = "pending"
    FAILED = "failed"


class ReferenceRow(Row):
    """An external reference: one per service name and object."""

    service_name: StrictStr
    service_model: StrictStr
    service_model_ref: StrictStr
    status: ReferenceStatus | None
    external_message: StrictStr | None
    external_status: StrictStr | None
    subject_type: StrictStr
    subject_id: Id


class ReferencedRow(Row):
    """A record that was asked for together with its external references."""

    external_reference_ids: tuple[Id, ...] = ()


class GroupRow(ReferencedRow):
    """A `workspace_group`: a client."""

    name: StrictStr
    email: StrictStr | None = None
    address: StrictStr | None = None


class WorkspaceRow(ReferencedRow):
    """A project. `currency` is shown only to users with financial access."""

    title: StrictStr
    archived: StrictBool
    currency: StrictStr | None = None
    start_date: date | None = None
    due_date: date | None = None
    rate_card_id: Id | None = None
    require_expense_approvals: StrictBool = True


class ParticipationRow(Row):
    workspace_id: Id
    user_id: Id


class ResourceRow(Row):
    """A person (or a nameless seat) in a role on a project."""

    workspace_id: Id
    user_id: Id | None
    role_id: Id | None


class RateCardSetRow(Row):
    title: StrictStr


class RateCardSetVersionRow(Row):
    rate_card_set_id: Id
    effective_date: date
    active: StrictBool


class RateCardRow(ReferencedRow):
    rate_card_set_id: Id
    currency: StrictStr


class RateCardVersionRow(Row):
    rate_card_id: Id
    rate_card_set_version_id: Id


class RateCardRoleRow(Row):
    rate_card_version_id: Id
    role_id: Id
    rate: StrictInt


class EventRow(Row):
    """One entry of the change feed: a hint that its subject changed."""

    event_type: StrictStr
    subject_id: Id
    subject_changed_at: AwareDatetime
    created_at: AwareDatetime
    previous_payload: dict[str, JsonValue] | None = None
