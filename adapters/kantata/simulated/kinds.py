"""What each resource can be asked: its filters, associations and orders, as documented.

What is not listed here is ignored without an error, as the vendor does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adapters.kantata.simulated.filters import (
    Filter,
    Keep,
    between,
    flag,
    is_true,
    matches,
    one_of,
    unless_archived,
    unless_project_archived,
)
from adapters.kantata.simulated.state import Account


@dataclass(frozen=True)
class Include:
    """An association: rows of `key` whose id is in `column`, or that point back by `index`."""

    key: str
    column: str = ""
    index: str = ""
    ids: str = ""
    """The `*_ids` column that appears only when it is included."""


@dataclass(frozen=True)
class Kind:
    """One resource."""

    key: str
    singular: str
    subject_type: str = ""
    """Its name in external references; empty when it cannot have any."""
    includes: Mapping[str, Include] = field(default_factory=dict)
    filters: Mapping[str, Filter] = field(default_factory=dict)
    indexed: Mapping[str, str] = field(default_factory=dict)
    """Filters (comma lists of ids) that an index answers."""
    hidden: Callable[[Account, Mapping[str, str]], Keep] | None = None
    """The default filter: which rows are seen, given the parameters."""
    orders: frozenset[str] = frozenset({"created_at", "updated_at"})
    default_order: str = "updated_at:desc"
    optional: frozenset[str] = frozenset()
    """Columns shown only on demand."""


_REFERENCES = Include("external_references", ids="external_reference_ids")
_ON_PROJECT = Include("workspaces", column="workspace_id")
_BY_PERSON = Include("users", column="user_id")

KINDS: dict[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind(
            "users",
            "user",
            subject_type="User",
            filters={"by_email_address": matches("email_address")},
        ),
        Kind("roles", "role", subject_type="Role"),
        Kind("stories", "story", "Story", indexed={"workspace_id": "workspace_id"}),
        Kind(
            "workspace_groups",
            "workspace_group",
            "WorkspaceGroup",
            includes={"external_references": _REFERENCES},
        ),
        Kind(
            "workspaces",
            "workspace",
            "Workspace",
            includes={
                "external_references": _REFERENCES,
                "participations": Include("participations", index="workspace_id"),
            },
            hidden=unless_archived,
        ),
        Kind(
            "participations",
            "participation",
            "Participation",
            includes={"user": _BY_PERSON},
            indexed={"workspace_id": "workspace_id"},
        ),
        Kind(
            "workspace_resources",
            "workspace_resource",
            "WorkspaceResource",
            includes={"user": _BY_PERSON, "role": Include("roles", column="role_id")},
            indexed={"workspace_id": "workspace_id"},
        ),
        Kind(
            "external_references",
            "external_reference",
            indexed={"service_model_ref": "service_model_ref", "service_name": "service_name"},
            filters={
                "service_model": one_of("service_model"),
                "status": one_of("status"),
                "subject_id": one_of("subject_id"),
            },
            orders=frozenset({"last_synced_at"}),
            default_order="last_synced_at:desc",
        ),
        Kind(
            "time_entries",
            "time_entry",
            "TimeEntry",
            includes={
                "user": _BY_PERSON,
                "workspace": _ON_PROJECT,
                "role": Include("roles", column="role_id"),
                "story": Include("stories", column="story_id"),
                "invoice": Include("invoices", column="_invoice_id", ids="invoice_id"),
                "recent_submission": Include(
                    "timesheet_submissions", column="recent_submission_id"
                ),
                "active_submission": Include(
                    "timesheet_submissions", column="active_submission_id"
                ),
                "external_references": _REFERENCES,
            },
            indexed={
                "workspace_id": "workspace_id",
                "with_recent_timesheet_ids": "recent_submission_id",
            },
            filters={
                "approved": flag("approved", True),
                "invoiced": flag("is_invoiced", True),
                "uninvoiced": flag("is_invoiced", False),
                "billable": is_true("billable"),
                "with_user_ids": one_of("user_id"),
                "with_timesheet_id": one_of("active_submission_id"),
                "date_performed_between": between("date_performed"),
            },
            hidden=unless_project_archived,
            orders=frozenset({"created_at", "updated_at", "date_performed"}),
            default_order="date_performed:desc",
        ),
        Kind(
            "expenses",
            "expense",
            "Expense",
            includes={
                "user": _BY_PERSON,
                "workspace": _ON_PROJECT,
                "recent_submission": Include(
                    "expense_report_submissions", column="recent_submission_id"
                ),
                "external_references": _REFERENCES,
            },
            indexed={
                "workspace_id": "workspace_id",
                "with_recent_expense_report_ids": "recent_submission_id",
            },
            filters={
                "approved": flag("_approved", True),
                "uninvoiced": flag("is_invoiced", False),
                "date_expensed_between": between("date"),
            },
            hidden=unless_project_archived,
            orders=frozenset({"created_at", "date", "amount"}),
            default_order="date:desc",
        ),
        *(
            Kind(
                key,
                singular,
                "Submission",
                includes={
                    "user": _BY_PERSON,
                    "workspace": _ON_PROJECT,
                    items: Include(items, index="recent_submission_id", ids=f"{item}_ids"),
                },
                indexed={"workspace_ids": "workspace_id", "workspace_id": "workspace_id"},
                filters={"statuses": one_of("status"), "user_ids": one_of("user_id")},
                orders=frozenset({"date"}),
                default_order="date:desc",
            )
            for key, singular, items, item in (
                ("timesheet_submissions", "timesheet_submission", "time_entries", "time_entry"),
                ("expense_report_submissions", "expense_report_submission", "expenses", "expense"),
            )
        ),
        Kind(
            "invoices",
            "invoice",
            "Invoice",
            includes={"external_references": _REFERENCES},
            default_order="created_at:desc",
        ),
        Kind("rate_card_sets", "rate_card_set", orders=frozenset({"created_at"})),
        Kind(
            "rate_card_set_versions",
            "rate_card_set_version",
            includes={
                "rate_card_versions": Include(
                    "rate_card_versions", index="rate_card_set_version_id"
                )
            },
            indexed={"rate_card_set_id": "rate_card_set_id"},
            default_order="created_at:asc",
        ),
        Kind(
            "rate_cards",
            "rate_card",
            "RateCard",
            includes={
                "external_references": _REFERENCES,
                "rate_card_versions": Include("rate_card_versions", index="rate_card_id"),
            },
            indexed={"rate_card_set_id": "rate_card_set_id"},
        ),
        Kind(
            "rate_card_versions",
            "rate_card_version",
            includes={"rate_card_roles": Include("rate_card_roles", index="rate_card_version_id")},
        ),
        Kind("rate_card_roles", "rate_card_role", default_order="created_at:asc"),
        Kind(
            "subscribed_events",
            "subscribed_event",
            filters={
                "event_types": one_of("event_type"),
                "subject_type": one_of("subject_type"),
                "subject_id": one_of("subject_id"),
            },
            default_order="created_at:desc",
            optional=frozenset({"previous_payload", "current_payload", "payload_changes"}),
        ),
    )
}
