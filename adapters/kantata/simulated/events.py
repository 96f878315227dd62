"""The simulated change feed: late, repeated, out of order, and with gaps on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from adapters.kantata.simulated.state import Account, Row, stamp

KEPT = timedelta(days=9)
SUBJECT_TYPES = {
    "time_entry": "TimeEntry",
    "expense": "Expense",
    "timesheet": "Submission",
    "expense_report": "Submission",
    "workspace": "Workspace",
    "workspace_group": "WorkspaceGroup",
    "invoice": "Invoice",
}
NOUNS = {
    "time_entries": "time_entry",
    "expenses": "expense",
    "timesheet_submissions": "timesheet",
    "expense_report_submissions": "expense_report",
    "workspaces": "workspace",
    "workspace_groups": "workspace_group",
    "invoices": "invoice",
}


class Feed:
    """Writes the account's events."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._left_out = 0
        self._written = 0

    def leave_out(self, count: int) -> None:
        """The next so many events never come; 0 ends it."""
        self._left_out = count

    def tell(
        self,
        key: str,
        verb: str,
        row: Row,
        *,
        user_id: str = "",
        previous: Mapping[str, object] | None = None,
    ) -> None:
        noun = NOUNS.get(key)
        if noun is None:
            return
        if self._left_out:
            self._left_out -= 1
            return
        account = self._account
        event_id = account.new_id()
        created = stamp(account.clock.now() + self._lag(event_id))
        self._written += 1
        account.revision += 1
        account.table("subscribed_events").add(
            {
                "id": event_id,
                "event_type": f"{noun}:{verb}",
                "account_id": account.id,
                "user_id": user_id or account.owner_id,
                "subject_type": SUBJECT_TYPES[noun],
                "subject_id": str(row["id"]),
                "subject_changed_at": account.now(),
                "created_at": created,
                "updated_at": created,
                "previous_payload": _payload(previous),
                "_twice": self._is_twice(),
            }
        )

    def _lag(self, event_id: str) -> timedelta:
        """The configured lag, or any part of it: then later changes can be told earlier."""
        lag = self._account.switches.feed_lag
        if not self._account.switches.feed_shuffled:
            return lag
        return lag * (hashlib.sha256(event_id.encode()).digest()[0] / 255)

    def _is_twice(self) -> bool:
        every = self._account.switches.feed_repeats_every
        return bool(every) and self._written % every == 0


def _payload(previous: Mapping[str, object] | None) -> dict[str, object] | None:
    if previous is None:
        return None
    return {name: value for name, value in previous.items() if not name.startswith("_")}


@dataclass(frozen=True)
class Visible:
    """The part of the feed that is out already and not yet gone."""

    account: Account
    oldest: str
    newest: str

    @property
    def signature(self) -> tuple[str, str]:
        return self.oldest, self.newest

    def rows(self) -> list[Row]:
        """Events in this window; a repeated one is in the list twice."""
        found: list[Row] = []
        for event in self.account.table("subscribed_events").rows.values():
            if self.oldest <= str(event["created_at"]) <= self.newest:
                found += [event, event] if event["_twice"] else [event]
        return found


def visible(account: Account) -> Visible:
    """Minute by minute where nothing is pending, so that a walk's list is made once."""
    now = account.clock.now()
    lag = account.switches.feed_lag
    newest = stamp(now) if lag else stamp(now + timedelta(days=1))
    oldest = stamp((now - KEPT).replace(second=0))
    return Visible(account, oldest, newest)
