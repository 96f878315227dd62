"""Between Kantata's rows and our nouns: pure, no I/O, no clock.

Roles, tasks and categories keep Kantata's own names: what they mean to a contract is the
landscape's business, per legal entity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from pydantic import JsonValue, ValidationError

from adapters.kantata.rows import (
    ExpenseRow,
    GroupRow,
    RoleRow,
    StoryRow,
    SubmissionRow,
    SubmissionStatus,
    TimeEntryRow,
    UserRow,
    WorkRow,
    WorkspaceRow,
)
from canonical.client import Address, Client
from canonical.errors import AnswerUnreadable, DataRejected, SystemOutcome
from canonical.ids import ExternalRef
from canonical.money import Money, minor_unit, round_half_up
from canonical.payment import BillingStatus
from canonical.project import ProjectPlan
from canonical.work import Expense, TimeEntry

HOURS_STEP = Decimal("0.0001")
NOTES_MAX = 4_000
MESSAGE_MAX = 255
"""What we put into texts of an external reference (own choice; the vendor documents no limit)."""


@dataclass(frozen=True)
class Surroundings:
    """What side-loading and look-ups told about the rows of a page, by id."""

    users: Mapping[str, UserRow] = field(default_factory=dict)
    roles: Mapping[str, RoleRow] = field(default_factory=dict)
    stories: Mapping[str, StoryRow] = field(default_factory=dict)
    submissions: Mapping[str, SubmissionRow] = field(default_factory=dict)
    workspaces: Mapping[str, WorkspaceRow] = field(default_factory=dict)

    def person_name(self, user_id: str) -> str:
        user = self.users.get(user_id)
        return user.full_name if user else ""

    def approver(self, user_id: str | None) -> str:
        """The approver's e-mail; the name, or the bare user id, when it is not shown to us."""
        if user_id is None:
            return ""
        user = self.users.get(user_id)
        return (user.email_address or user.full_name) if user else f"user {user_id}"


@dataclass(frozen=True)
class Approval:
    approved: bool
    by: str = ""
    at: datetime | None = None


def time_entry(system: str, row: TimeEntryRow, known: Surroundings) -> TimeEntry:
    """Raises DataRejected for minutes that are no work (negative, or more than a month has)."""
    submission = _submission(system, "time_entries", row, known)
    approval = _approval(row, row.approved, submission, known)
    role = known.roles.get(row.role_id) if row.role_id else None
    story = known.stories.get(row.story_id) if row.story_id else None
    hours = round_half_up(Decimal(row.time_in_minutes) / 60, HOURS_STEP)
    try:
        return TimeEntry(
            source=system,
            external_id=row.id,
            version=_version(row, submission),
            project=project_ref(system, row.workspace_id),
            person=row.user_id,
            person_name=known.person_name(row.user_id),
            work_date=row.date_performed,
            description=(row.notes or "")[:NOTES_MAX],
            billable=row.billable,
            submitted=not approval.approved and _waits(submission),
            approved=approval.approved,
            approved_by=approval.by,
            approved_at=approval.at,
            hours=hours,
            role=role.name if role else "",
            task=story.title if story else "",
        )
    except ValidationError as error:
        raise _refused(system, f"time entry {row.id}", error) from error


def expense(system: str, row: ExpenseRow, known: Surroundings) -> Expense:
    """Raises DataRejected for an amount that its currency cannot hold.

    Kantata has no tax columns on an expense: its amount is what is to be re-billed, net.
    """
    submission = _submission(system, "expenses", row, known)
    approval = _approval(row, _expense_approved(row, submission, known), submission, known)
    if row.currency_base_unit < 1:
        raise AnswerUnreadable(system, "not a base unit", where="expenses.currency_base_unit")
    amount = Decimal(row.amount_in_cents) / row.currency_base_unit
    try:
        return Expense(
            source=system,
            external_id=row.id,
            version=_version(row, submission),
            project=project_ref(system, row.workspace_id),
            person=row.user_id,
            person_name=known.person_name(row.user_id),
            work_date=row.spent_on,
            description=(row.notes or "")[:NOTES_MAX],
            billable=row.is_billable,
            approved=approval.approved,
            approved_by=approval.by,
            approved_at=approval.at,
            cost=Money(amount=amount, currency=row.currency),
            category=row.category or "",
        )
    except ValidationError as error:
        raise _refused(system, f"expense {row.id}", error) from error


def project_ref(system: str, workspace_id: str) -> ExternalRef:
    return ExternalRef(system=system, kind="workspace", id=workspace_id)


def client_ref(system: str, group_id: str) -> ExternalRef:
    return ExternalRef(system=system, kind="workspace_group", id=group_id)


def _submission(system: str, key: str, row: WorkRow, known: Surroundings) -> SubmissionRow | None:
    if row.recent_submission_id is None:
        return None
    if row.recent_submission_id not in known.submissions:
        raise AnswerUnreadable(
            system, "its report was not side-loaded", where=f"{key}.recent_submission_id"
        )
    return known.submissions[row.recent_submission_id]


def _version(row: WorkRow, submission: SubmissionRow | None) -> datetime:
    """The later change of the row and of its report: nobody says that an approval touches rows."""
    return max(row.updated_at, submission.updated_at) if submission else row.updated_at


def _approval(
    row: WorkRow, approved: bool, submission: SubmissionRow | None, known: Surroundings
) -> Approval:
    """Who approved and when: the report's current resolution.

    Work on a project that needs no approvals counts as approved from its last change, by nobody.
    """
    if not approved:
        return Approval(False)
    if submission is None or submission.status is not SubmissionStatus.APPROVED:
        return Approval(True, at=row.updated_at)
    return Approval(
        True,
        known.approver(submission.current_resolution_creator_id),
        submission.current_resolution_created_at_date,
    )


def _waits(submission: SubmissionRow | None) -> bool:
    waiting = (SubmissionStatus.NEW, SubmissionStatus.PENDING)
    return submission is not None and submission.status in waiting


def _expense_approved(
    row: ExpenseRow, submission: SubmissionRow | None, known: Surroundings
) -> bool:
    """On an approved report, or on a project that needs no approvals (the vendor's definition)."""
    if submission is not None:
        return submission.status is SubmissionStatus.APPROVED
    workspace = known.workspaces.get(row.workspace_id)
    return workspace is not None and not workspace.require_expense_approvals


def _refused(system: str, what: str, error: ValidationError) -> SystemOutcome:
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or what
    return DataRejected(system, f"{what}: {place}: {first['msg']}", fields=(place,))


def group_body(client: Client) -> dict[str, JsonValue]:
    """A client as a `workspace_group` that stands for a company."""
    return {
        "name": client.name,
        "company": True,
        "email": client.invoice_email,
        "address": one_line(client.address),
        "notes": f"Client code {client.code}",
    }


def group_differs(row: GroupRow, client: Client) -> bool:
    shown = (row.name, row.email or "", row.address or "")
    return shown != (client.name, client.invoice_email, one_line(client.address))


def one_line(address: Address) -> str:
    place = f"{address.postal_code} {address.city}".strip()
    parts = (address.street, place, address.region, address.country)
    return ", ".join(part for part in parts if part)


def workspace_body(plan: ProjectPlan) -> dict[str, JsonValue]:
    """What may be written again at any time; the currency is set once, at creation."""
    return {
        "title": plan.name,
        "start_date": plan.starts.isoformat(),
        "due_date": plan.ends.isoformat() if plan.ends else None,
        "invoice_preference": {
            "project_code": plan.code,
            "purchase_order": plan.purchase_order,
        },
        "require_time_approvals": True,
        "require_expense_approvals": True,
    }


def new_workspace_body(plan: ProjectPlan, group_id: str) -> dict[str, JsonValue]:
    return {
        **workspace_body(plan),
        "creator_role": "maven",
        "currency": plan.currency,
        "access_level": "invitation",
        "workspace_group_ids": [group_id],
        "primary_workspace_group_id": group_id,
    }


def workspace_differs(row: WorkspaceRow, plan: ProjectPlan) -> bool:
    """Whether what we can see differs; the invoice preference cannot be read back."""
    shown = (row.title, row.start_date, row.due_date, row.archived)
    return shown != (plan.name, plan.starts, plan.ends, False)


def rate_in_subunits(system: str, rate: Decimal, currency: str) -> int:
    """A rate per hour in the currency's subunits. Raises DataRejected when it is finer."""
    subunits = rate / minor_unit(currency)
    if subunits != subunits.to_integral_value():
        raise DataRejected(
            system,
            f"a rate of {rate} {currency} is finer than the currency; Kantata cannot show it",
            fields=("rates.rate",),
        )
    return int(subunits)


def status_sentence(status: BillingStatus) -> str:
    """Where billing stands, for the people who read the project."""
    parts = [status.stage.value.replace("_", " ").capitalize()]
    if status.invoice_number:
        parts.append(f"invoice {status.invoice_number}")
    if status.invoice_gross is not None:
        parts.append(f"gross {status.invoice_gross}")
    if status.paid is not None:
        parts.append(f"paid {status.paid}")
    parts.append(f"as of {status.as_of.date().isoformat()}")
    return ", ".join(parts)[:MESSAGE_MAX]
