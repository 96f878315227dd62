"""Timesheets and expense reports: submitted, approved, rejected, recalled, submitted again."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.kantata.simulated.events import Feed
from adapters.kantata.simulated.problems import invalid
from adapters.kantata.simulated.state import Account, Row

REPORTS = {"time_entries": "timesheet_submissions", "expenses": "expense_report_submissions"}
ITEMS = {report: items for items, report in REPORTS.items()}
VERDICTS = {"approve": "approved", "reject": "rejected", "cancel": "cancelled"}
WAITING = "new"


class Reports:
    """The state machine: new -> approved, rejected or cancelled; approved -> rejected or cancelled
    while nothing of it is invoiced. A corrected report is a new one."""

    def __init__(self, account: Account, feed: Feed) -> None:
        self._account, self._feed = account, feed

    def submitted(self, items: str, body: Mapping[str, object]) -> Row:
        """The new report of these rows. Raises Refused: one project, no row on an active one."""
        ids = body.get("line_item_ids")
        if not isinstance(ids, list) or not ids:
            raise invalid("line_item_ids", "can't be blank")
        if not body.get("title"):
            raise invalid("title", "can't be blank")
        rows = [self._row(items, row_id) for row_id in ids]
        if {str(row["workspace_id"]) for row in rows} != {str(body.get("workspace_id"))}:
            raise invalid("line_item_ids", "must all belong to the project of the report")
        if any(row["active_submission_id"] is not None for row in rows):
            raise invalid("line_item_ids", "are on an active report already")
        days = sorted(str(row.get("date_performed") or row.get("date")) for row in rows)
        return {
            "title": str(body["title"]),
            "status": WAITING,
            "comment": body.get("comment"),
            "type": "TimesheetSubmission" if items == "time_entries" else "ExpenseReportSubmission",
            "start_date": days[0],
            "end_date": days[-1],
            "workspace_id": str(rows[0]["workspace_id"]),
            "user_id": str(body.get("user_id") or rows[0]["user_id"]),
            "currency": rows[0]["currency"],
            "currency_symbol": rows[0]["currency_symbol"],
            "currency_base_unit": rows[0]["currency_base_unit"],
            "resolution_description": None,
            "current_resolution_description": None,
            "current_resolution_creator_id": None,
            "current_resolution_created_at_date": None,
            "_row_ids": [str(row["id"]) for row in rows],
        }

    def take(self, key: str, report: Row) -> None:
        """Point the rows at their new report."""
        self._mark(
            key,
            report,
            {"recent_submission_id": report["id"], "active_submission_id": report["id"]},
        )

    def resolve(self, key: str, report: Row, verb: str, description: str, user_id: str) -> Row:
        """Raises Refused for a state that does not allow it."""
        before, after = str(report["status"]), VERDICTS[verb]
        allowed = before == WAITING or (
            before == "approved"
            and after != "approved"
            and self._account.switches.approved_may_be_rejected
        )
        if not allowed:
            raise invalid("base", f"a report that is {before} cannot become {after}")
        if before == "approved" and any(row["is_invoiced"] for row in self._rows(key, report)):
            raise invalid("base", "it is invoiced")
        resolved = self._account.update(
            key,
            report,
            {
                "status": after,
                "resolution_description": description or None,
                "current_resolution_description": description or None,
                "current_resolution_creator_id": int(user_id),
                "current_resolution_created_at_date": self._account.now(),
            },
        )
        self._settle(key, resolved, after)
        self._feed.tell(key, "updated", resolved, user_id=user_id)
        return resolved

    def _settle(self, key: str, report: Row, after: str) -> None:
        approved = after == "approved"
        column = "approved" if key == "timesheet_submissions" else "_approved"
        changes: Row = {column: approved}
        if not approved:
            changes["active_submission_id"] = None
        self._mark(key, report, changes)

    def _mark(self, key: str, report: Row, changes: Row) -> None:
        """Expenses tell each row's change too; time entries do not (the vendor's document)."""
        items = ITEMS[key]
        touch = self._account.switches.approval_touches_rows
        for row in self._rows(key, report):
            changed = self._account.update(items, row, changes, touch=touch)
            if items == "expenses":
                self._feed.tell(items, "updated", changed)

    def _rows(self, key: str, report: Row) -> list[Row]:
        ids = report["_row_ids"]
        if not isinstance(ids, list):
            raise AssertionError("a report without rows")
        found = (self._account.find(ITEMS[key], row_id) for row_id in ids)
        return [row for row in found if row is not None]

    def _row(self, items: str, row_id: object) -> Row:
        row = self._account.find(items, row_id)
        if row is None:
            raise invalid("line_item_ids", "does not exist")
        return row
