"""Creates, updates and deletes, with the vendor's checks."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.kantata.simulated.events import Feed
from adapters.kantata.simulated.fields import (
    Body,
    currency_columns,
    maybe,
    numbers,
    required,
    text,
    yes,
)
from adapters.kantata.simulated.kinds import KINDS
from adapters.kantata.simulated.makers import Makers
from adapters.kantata.simulated.problems import Refused, invalid, not_found
from adapters.kantata.simulated.reports import Reports
from adapters.kantata.simulated.state import Account, Row, subject_of

STATUSES = frozenset({"successful", "pending", "failed"})


class Writes:
    """The writing half of the account."""

    def __init__(self, account: Account, feed: Feed) -> None:
        self.account, self.feed = account, feed
        self.reports = Reports(account, feed)
        self._makers = Makers(account, self.reports)

    def create(self, key: str, body: Body) -> Row:
        """Raises Refused."""
        values = self._values(key, body)
        self._check_reference(key, body)
        row = self.account.insert(key, values)
        self._after_create(key, row, body)
        self._refer(key, row, body)
        self.feed.tell(key, "created", row)
        return row

    def _values(self, key: str, body: Body) -> Row:
        if key == "invoices":
            return self._invoice(body)
        if key not in self._makers.by_key:
            raise not_found()
        return self._makers.by_key[key](body)

    def update(self, key: str, row: Row, body: Body) -> Row:
        changes = self._changes(key, row, body)
        self._check_reference(key, body)
        row = self.account.update(key, row, changes) if changes else row
        self._refer(key, row, body)
        self.feed.tell(key, "updated", row)
        return row

    def delete(self, key: str, row: Row) -> None:
        if row.get("is_invoiced") is True:
            raise invalid("base", "is invoiced and cannot be deleted")
        if key == "invoices" and row["draft"] is not True:
            raise invalid("base", "only drafts can be deleted")
        if key == "invoices":
            self._free(row)
        gone = self.account.delete(key, row)
        self.feed.tell(key, "deleted", gone, previous=gone)

    def refer(self, body: Body) -> Row:
        """`external_references/create_or_update`: one per service name and object."""
        required(body, "subject_type", "subject_id", *REFERENCE_NAMES)
        kind = next(
            (each for each in KINDS.values() if each.subject_type == body["subject_type"]), None
        )
        if kind is None:
            raise invalid("subject_type", "is not included in the list")
        subject = self.account.find(kind.key, body["subject_id"])
        if subject is None:
            raise invalid("subject_id", "does not exist")
        return self._set_reference(text(body, "subject_type"), str(subject["id"]), body)

    def publish(self, version: Row) -> Row:
        if version["active"] is True:
            raise invalid("base", "is published already")
        return self.account.update("rate_card_set_versions", version, {"active": True})

    def cancel_invoice(self, row: Row) -> Row:
        self._free(row)
        return self.account.update("invoices", row, {"status": "cancelled"})

    def _refer(self, key: str, row: Row, body: Body) -> None:
        reference = body.get("external_reference")
        if isinstance(reference, dict):
            self._set_reference(KINDS[key].subject_type, str(row["id"]), reference)

    def _set_reference(self, subject_type: str, subject_id: str, body: Body) -> Row:
        now = self.account.now()
        values: Row = {
            "subject_type": subject_type,
            "subject_id": subject_id,
            **{name: text(body, name) for name in REFERENCE_NAMES},
            "last_synced_at": now,
        }
        for name in ("status", "external_message", "external_link", "external_status"):
            values[name] = maybe(body, name)
        table = self.account.table("external_references")
        for row in table.by("subject", [subject_of(values)]):
            if row["service_name"] == values["service_name"]:
                return self.account.update("external_references", row, values)
        return self.account.insert("external_references", values)

    def _check_reference(self, key: str, body: Body) -> None:
        reference = body.get("external_reference")
        if not isinstance(reference, dict):
            return
        required(reference, *REFERENCE_NAMES)
        if reference.get("status") not in (None, *STATUSES):
            raise invalid("external_reference.status", "is not included in the list")
        if self.account.switches.one_object_per_reference and self._is_taken(key, reference):
            raise invalid("external_reference.service_model_ref", "has already been taken")

    def _is_taken(self, key: str, reference: Body) -> bool:
        rows = self.account.table("external_references").by(
            "service_model_ref", [text(reference, "service_model_ref")]
        )
        return any(
            row["subject_type"] == KINDS[key].subject_type
            and all(row[name] == text(reference, name) for name in REFERENCE_NAMES)
            for row in rows
        )

    def _invoice(self, body: Body) -> Row:
        lines = self._lines(body)
        if not lines:
            raise invalid("base", "an invoice needs at least one line")
        required(body, "payment_schedule")
        for key, row in lines:
            if row["is_invoiced"] is True:
                raise invalid(f"{key[:-1]}_ids", "is invoiced already")
            if not (row["approved"] if key == "time_entries" else row["_approved"]):
                raise invalid(f"{key[:-1]}_ids", "is not approved")
        return {
            "title": "Draft Invoice",
            "status": "new",
            "draft": yes(body, "draft", False),
            "purchase_order": maybe(body, "purchase_order"),
            "_lines": [(key, str(row["id"])) for key, row in lines],
        }

    def _lines(self, body: Body) -> list[tuple[str, Row]]:
        wanted = (("time_entries", "time_entry_ids"), ("expenses", "expense_ids"))
        return [
            (key, self._makers.known(key, name, row_id))
            for key, name in wanted
            for row_id in numbers(body, name)
        ]

    def _free(self, invoice: Row) -> None:
        lines = invoice["_lines"]
        if isinstance(lines, list):
            self._mark(lines, None)

    def _mark(self, lines: Sequence[tuple[str, str]], invoice_id: str | None) -> None:
        for key, row_id in lines:
            row = self._makers.known(key, "base", row_id)
            changes = {"is_invoiced": invoice_id is not None, "_invoice_id": invoice_id}
            self.feed.tell(key, "updated", self.account.update(key, row, changes))

    def _after_create(self, key: str, row: Row, body: Body) -> None:
        if key == "invoices" and isinstance(row["_lines"], list):
            self._mark(row["_lines"], str(row["id"]))
        if key in ("timesheet_submissions", "expense_report_submissions"):
            self.reports.take(key, row)
        if key == "rate_cards":
            for version in self.account.table("rate_card_set_versions").by(
                "rate_card_set_id", [str(row["rate_card_set_id"])]
            ):
                self._copy_version(row, version)
        if key == "rate_card_set_versions":
            for card in self.account.table("rate_cards").by(
                "rate_card_set_id", [str(row["rate_card_set_id"])]
            ):
                self._copy_version(card, row)

    def _copy_version(self, card: Row, version: Row) -> None:
        self.account.insert(
            "rate_card_versions",
            {
                "rate_card_id": str(card["id"]),
                "rate_card_set_version_id": str(version["id"]),
                "default_rate": 0,
            },
        )

    def _changes(self, key: str, row: Row, body: Body) -> Row:
        if row.get("is_invoiced") is True:
            raise Refused(422, "validation", "is invoiced and cannot be changed", "base")
        if key == "rate_card_roles":
            version = self._makers.known(
                "rate_card_versions", "base", str(row["rate_card_version_id"])
            )
            self._makers.check_open(version)
        changes: Row = {}
        for name in UPDATABLE.get(key, ()):
            if name in body:
                changes[name] = body[name] if name != "rate_card_id" else maybe(body, name)
        if key == "workspaces":
            self._workspace_changes(body, changes)
        if key == "expenses" and "billable" in body:
            changes["is_billable"] = yes(body, "billable", True)
        return changes

    def _workspace_changes(self, body: Body, changes: Row) -> None:
        card = self.account.find("rate_cards", body.get("rate_card_id"))
        if card is not None:
            changes.update(currency_columns(str(card["currency"])))
        if isinstance(body.get("invoice_preference"), dict):
            changes["_invoice_preference"] = body["invoice_preference"]


REFERENCE_NAMES = ("service_name", "service_model", "service_model_ref")
UPDATABLE: dict[str, tuple[str, ...]] = {
    "workspace_groups": ("name", "contact_name", "email", "address", "notes", "company"),
    "workspaces": (
        "title",
        "archived",
        "start_date",
        "due_date",
        "rate_card_id",
        "require_time_approvals",
        "require_expense_approvals",
    ),
    "time_entries": (
        "date_performed",
        "time_in_minutes",
        "billable",
        "notes",
        "story_id",
        "role_id",
    ),
    "expenses": ("date", "category", "amount_in_cents", "notes"),
    "rate_card_roles": ("rate",),
    "invoices": ("draft",),
}
