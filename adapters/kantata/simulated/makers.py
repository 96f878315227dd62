"""The values of a new record of each kind, with the vendor's checks and defaults."""

from __future__ import annotations

from collections.abc import Callable

from adapters.kantata.simulated.fields import (
    Body,
    currency_columns,
    day,
    maybe,
    numbers,
    required,
    text,
    whole,
    yes,
)
from adapters.kantata.simulated.problems import invalid
from adapters.kantata.simulated.reports import Reports
from adapters.kantata.simulated.state import Account, Row


class Makers:
    """Checks a body and says what its record holds; changes nothing. Raises Refused."""

    def __init__(self, account: Account, reports: Reports) -> None:
        self.account = account
        self.by_key: dict[str, Callable[[Body], Row]] = {
            "workspace_groups": self._group,
            "workspaces": self._workspace,
            "participations": self._participation,
            "workspace_resources": self._resource,
            "time_entries": self._time_entry,
            "expenses": self._expense,
            "timesheet_submissions": lambda body: reports.submitted("time_entries", body),
            "expense_report_submissions": lambda body: reports.submitted("expenses", body),
            "roles": lambda body: {"name": text(body, "name")},
            "stories": self._story,
            "rate_card_sets": lambda body: {"title": text(body, "title")},
            "rate_card_set_versions": self._set_version,
            "rate_cards": self._rate_card,
            "rate_card_roles": self._rate_card_role,
        }

    def known(self, key: str, field: str, row_id: str) -> Row:
        row = self.account.find(key, row_id)
        if row is None:
            raise invalid(field, "does not exist")
        return row

    def _group(self, body: Body) -> Row:
        required(body, "name")
        names = ("name", "contact_name", "email", "phone_number", "address", "website", "notes")
        values: Row = {name: maybe(body, name) for name in names}
        return {**values, "company": yes(body, "company", False)}

    def _workspace(self, body: Body) -> Row:
        required(body, "title")
        currency = text(body, "currency", "USD")
        card = self.account.find("rate_cards", body.get("rate_card_id"))
        if card is not None:
            currency = str(card["currency"])
        access = text(body, "access_level", "invitation")
        return {
            "title": text(body, "title"),
            "account_id": self.account.id,
            "archived": False,
            **currency_columns(currency),
            "access_level": "admin" if access == "admins" else access,
            "start_date": day(body, "start_date"),
            "due_date": day(body, "due_date"),
            "rate_card_id": maybe(body, "rate_card_id"),
            "workspace_invoice_preference_id": self.account.new_id(),
            "creator_id": self.account.owner_id,
            "require_time_approvals": yes(body, "require_time_approvals", False),
            "require_expense_approvals": yes(body, "require_expense_approvals", False),
            "_invoice_preference": body.get("invoice_preference") or {},
            "_group_ids": numbers(body, "workspace_group_ids"),
        }

    def _participation(self, body: Body) -> Row:
        required(body, "workspace_id", "role")
        workspace_id, user_id = text(body, "workspace_id"), text(body, "user_id")
        self.known("workspaces", "workspace_id", workspace_id)
        self.known("users", "user_id", user_id)
        rows = self.account.table("participations").by("workspace_id", [workspace_id])
        if any(row["user_id"] == user_id for row in rows):
            raise invalid("user_id", "takes part already")
        return {"workspace_id": workspace_id, "user_id": user_id, "role": text(body, "role")}

    def _resource(self, body: Body) -> Row:
        required(body, "workspace_id")
        self.known("workspaces", "workspace_id", text(body, "workspace_id"))
        return {
            "workspace_id": text(body, "workspace_id"),
            "user_id": maybe(body, "user_id"),
            "role_id": maybe(body, "role_id"),
        }

    def _story(self, body: Body) -> Row:
        required(body, "workspace_id", "title")
        return {"workspace_id": text(body, "workspace_id"), "title": text(body, "title")}

    def _time_entry(self, body: Body) -> Row:
        required(body, "workspace_id", "date_performed", "time_in_minutes")
        workspace = self.known("workspaces", "workspace_id", text(body, "workspace_id"))
        return {
            **self._work_columns(body, workspace),
            "date_performed": day(body, "date_performed"),
            "time_in_minutes": whole(body, "time_in_minutes"),
            "billable": yes(body, "billable", True),
            "approved": workspace["require_time_approvals"] is not True,
            "story_id": maybe(body, "story_id"),
            "role_id": maybe(body, "role_id"),
            "rate_in_cents": whole(body, "rate_in_cents") if "rate_in_cents" in body else 0,
            "cost_rate_in_cents": 0,
            "location": None,
        }

    def _expense(self, body: Body) -> Row:
        required(body, "workspace_id", "date", "category", "amount_in_cents")
        workspace = self.known("workspaces", "workspace_id", text(body, "workspace_id"))
        return {
            **self._work_columns(body, workspace),
            "date": day(body, "date"),
            "category": text(body, "category"),
            "amount_in_cents": whole(body, "amount_in_cents"),
            "is_billable": yes(body, "billable", True),
            "reimbursable": yes(body, "reimbursable", False),
            "_approved": workspace["require_expense_approvals"] is not True,
        }

    def _work_columns(self, body: Body, workspace: Row) -> Row:
        """`user_id` of somebody else is taken only because the token's owner has that right."""
        user_id = text(body, "user_id", self.account.owner_id)
        self.known("users", "user_id", user_id)
        return {
            "workspace_id": str(workspace["id"]),
            "user_id": user_id,
            "notes": maybe(body, "notes"),
            "currency": workspace["currency"],
            "currency_symbol": workspace["currency_symbol"],
            "currency_base_unit": workspace["currency_base_unit"],
            "taxable": True,
            "is_invoiced": False,
            "_invoice_id": None,
            "active_submission_id": None,
            "recent_submission_id": None,
        }

    def _set_version(self, body: Body) -> Row:
        required(body, "rate_card_set_id")
        set_id = text(body, "rate_card_set_id")
        self.known("rate_card_sets", "rate_card_set_id", set_id)
        effective = day(body, "effective_date") or self.account.now()[:10]
        return {"rate_card_set_id": set_id, "effective_date": effective, "active": False}

    def _rate_card(self, body: Body) -> Row:
        required(body, "rate_card_set_id", "rate_card_set_version_id", "currency")
        self.known("rate_card_sets", "rate_card_set_id", text(body, "rate_card_set_id"))
        return {
            "rate_card_set_id": text(body, "rate_card_set_id"),
            "currency": text(body, "currency"),
        }

    def _rate_card_role(self, body: Body) -> Row:
        required(body, "rate_card_version_id", "role_id")
        version_id = text(body, "rate_card_version_id")
        version = self.known("rate_card_versions", "rate_card_version_id", version_id)
        self.check_open(version)
        self.known("roles", "role_id", text(body, "role_id"))
        return {
            "rate_card_version_id": version_id,
            "role_id": text(body, "role_id"),
            "rate": whole(body, "rate"),
        }

    def check_open(self, card_version: Row) -> None:
        owner = self.account.find(
            "rate_card_set_versions", card_version["rate_card_set_version_id"]
        )
        if owner is not None and owner["active"] is True:
            raise invalid("base", "a published version cannot be changed")
