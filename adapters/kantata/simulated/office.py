"""The people who work in the simulated account: they log time, submit, approve and recall.

Tests call these methods; over HTTP they are `POST /_admin/<method>` with named arguments.
"""

from __future__ import annotations

from datetime import date, timedelta

from adapters.kantata.simulated.events import Feed
from adapters.kantata.simulated.faults import DriftKind, FaultKind, Faults
from adapters.kantata.simulated.reports import REPORTS
from adapters.kantata.simulated.state import Account, Row
from adapters.kantata.simulated.writes import Writes

WORKDAYS_SPREAD = 28
"""Bulk time is spread over so many days, so that it stays within one month."""


class Office:
    """Each method is one action of people, or one thing that goes wrong."""

    def __init__(self, account: Account, writes: Writes, feed: Feed, faults: Faults) -> None:
        self._account, self._writes, self._feed, self._faults = account, writes, feed, faults

    def add_user(self, full_name: str, email: str) -> str:
        values = {
            "full_name": full_name,
            "email_address": email,
            "account_id": self._account.id,
            "generic": False,
            "disabled": False,
        }
        return str(self._account.insert("users", values)["id"])

    def add_role(self, name: str) -> str:
        return str(self._writes.create("roles", {"name": name})["id"])

    def add_project(self, title: str, currency: str = "EUR") -> str:
        """A project that wants approvals, set up by hand."""
        body = {
            "title": title,
            "currency": currency,
            "require_time_approvals": True,
            "require_expense_approvals": True,
        }
        return str(self._writes.create("workspaces", body)["id"])

    def add_story(self, project: str, title: str) -> str:
        return str(self._writes.create("stories", {"workspace_id": project, "title": title})["id"])

    def log_time(
        self,
        project: str,
        user: str,
        day: date,
        minutes: int,
        role: str | None = None,
        notes: str = "",
        billable: bool = True,
        story: str | None = None,
        count: int = 1,
    ) -> list[str]:
        """`count` entries, spread over the days from `day` on. Their ids."""
        return [
            str(
                self._writes.create(
                    "time_entries",
                    {
                        "workspace_id": project,
                        "user_id": user,
                        "date_performed": day + timedelta(days=number % WORKDAYS_SPREAD),
                        "time_in_minutes": minutes,
                        "role_id": role,
                        "story_id": story,
                        "notes": notes,
                        "billable": billable,
                    },
                )["id"]
            )
            for number in range(count)
        ]

    def add_expense(
        self,
        project: str,
        user: str,
        day: date,
        amount_in_cents: int,
        category: str = "Travel",
        notes: str = "",
    ) -> str:
        body = {
            "workspace_id": project,
            "user_id": user,
            "date": day.isoformat(),
            "amount_in_cents": amount_in_cents,
            "category": category,
            "notes": notes,
        }
        return str(self._writes.create("expenses", body)["id"])

    def edit(self, key: str, row_id: str, changes: dict[str, object]) -> None:
        self._writes.update(key, self._row(key, row_id), changes)

    def remove(self, key: str, row_id: str) -> None:
        self._writes.delete(key, self._row(key, row_id))

    def submit(self, items: str, row_ids: list[str], title: str = "Week") -> str:
        """A report of these rows (`time_entries` or `expenses`); its id."""
        first = self._row(items, row_ids[0])
        body = {
            "workspace_id": first["workspace_id"],
            "title": title,
            "line_item_ids": list(row_ids),
        }
        return str(self._writes.create(REPORTS[items], body)["id"])

    def resolve(self, items: str, report: str, verb: str, approver: str, why: str = "") -> None:
        """`approve`, `reject` or `cancel` (recall) a report."""
        key = REPORTS[items]
        self._writes.reports.resolve(key, self._row(key, report), verb, why, approver)

    def approve_time(self, row_ids: list[str], approver: str) -> str:
        """Submit and approve in one go; the timesheet's id."""
        sheet = self.submit("time_entries", row_ids)
        self.resolve("time_entries", sheet, "approve", approver)
        return sheet

    def approve_expenses(self, row_ids: list[str], approver: str) -> str:
        report = self.submit("expenses", row_ids)
        self.resolve("expenses", report, "approve", approver)
        return report

    def rows(self, key: str) -> list[Row]:
        """All records of a kind, archived or not, with what the API does not show."""
        return list(self._account.table(key).rows.values())

    def calls(self) -> dict[str, int]:
        """API calls so far, by method and resource."""
        return dict(self._account.calls)

    def advance(self, seconds: float) -> str:
        """Let time pass; the new time."""
        self._account.clock.advance(timedelta(seconds=seconds))
        return self._account.now()

    def set_feed(self, lag_s: float = 0, shuffled: bool = False, repeats_every: int = 0) -> None:
        switches = self._account.switches
        switches.feed_lag, switches.feed_shuffled = timedelta(seconds=lag_s), shuffled
        switches.feed_repeats_every = repeats_every

    def leave_out_events(self, count: int = 1) -> None:
        self._feed.leave_out(count)

    def set_switch(self, name: str, on: bool) -> None:
        """One of the account's yes-or-no switches."""
        if not isinstance(getattr(self._account.switches, name, None), bool):
            raise ValueError(f"there is no switch {name!r}")
        setattr(self._account.switches, name, on)

    def plan_fault(
        self,
        kind: FaultKind,
        method: str = "",
        resource: str = "",
        times: int = 1,
        seconds: float | None = None,
    ) -> None:
        self._faults.plan(kind, method, resource, times, seconds)

    def drift(self, key: str, field: str, kind: DriftKind, value: str | int | None = None) -> None:
        self._faults.drift(key, field, kind, value)

    def hide_financial_fields(self, hidden: bool = True) -> None:
        self._faults.without_financial_access = hidden

    def clear_faults(self) -> None:
        self._faults.clear()

    def land(self) -> int:
        return self._faults.land()

    def revoke_tokens(self) -> None:
        self._account.tokens.clear()

    def grant_token(self, token: str) -> None:
        self._account.tokens.add(token)

    def _row(self, key: str, row_id: str) -> Row:
        row = self._account.find(key, row_id)
        if row is None:
            raise ValueError(f"there is no {key} {row_id}")
        return row


ACTIONS = frozenset(name for name in vars(Office) if not name.startswith("_"))
