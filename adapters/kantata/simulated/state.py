"""The simulated account: tables of records in memory, its clock, and what makes lists quick."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

Row = dict[str, object]
"""A record with JSON-ready values. Keys that begin with `_` are never shown."""

LISTS_REMEMBERED = 16
FIRST_ID = 1_001


def stamp(moment: datetime) -> str:
    """A timestamp as the vendor writes it: whole seconds, with an offset. Texts compare like
    times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


class Clock:
    """The account's time: real, shifted, or held still by a test."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self._now = now or (lambda: datetime.now(UTC))
        self._shift = timedelta(0)

    def now(self) -> datetime:
        return self._now() + self._shift

    def advance(self, by: timedelta) -> None:
        self._shift += by


class Table:
    """Rows of one kind in the order of their creation, with indexes for what lists ask for."""

    def __init__(self, key: str, indexes: Mapping[str, Callable[[Row], str]] | None = None) -> None:
        self.key = key
        self.rows: dict[int, Row] = {}
        self._makers = dict(indexes or {})
        self._indexes: dict[str, dict[str, dict[int, None]]] = {name: {} for name in self._makers}

    def add(self, row: Row) -> Row:
        number = int(str(row["id"]))
        self.rows[number] = row
        for name, maker in self._makers.items():
            self._indexes[name].setdefault(maker(row), {})[number] = None
        return row

    def change(self, number: int, changes: Mapping[str, object]) -> Row:
        """Indexes follow the change."""
        row = self.rows[number]
        before = {name: maker(row) for name, maker in self._makers.items()}
        row.update(changes)
        for name, maker in self._makers.items():
            after = maker(row)
            if after != before[name]:
                del self._indexes[name][before[name]][number]
                self._indexes[name].setdefault(after, {})[number] = None
        return row

    def remove(self, number: int) -> Row:
        row = self.rows.pop(number)
        for name, maker in self._makers.items():
            del self._indexes[name][maker(row)][number]
        return row

    def has_index(self, name: str) -> bool:
        return name in self._makers

    def by(self, index: str, values: Iterable[str]) -> Iterator[Row]:
        """Rows whose index has one of the values."""
        for value in dict.fromkeys(values):
            for number in list(self._indexes[index].get(value, ())):
                yield self.rows[number]


def _column(name: str) -> Callable[[Row], str]:
    return lambda row: str(row.get(name))


def subject_of(row: Row) -> str:
    """The record that an external reference belongs to."""
    return f"{row['subject_type']}/{row['subject_id']}"


INDEXES: dict[str, dict[str, Callable[[Row], str]]] = {
    "users": {},
    "roles": {},
    "stories": {"workspace_id": _column("workspace_id")},
    "workspace_groups": {},
    "workspaces": {},
    "participations": {"workspace_id": _column("workspace_id")},
    "workspace_resources": {"workspace_id": _column("workspace_id")},
    "external_references": {
        "service_model_ref": _column("service_model_ref"),
        "subject": subject_of,
        "service_name": _column("service_name"),
    },
    "time_entries": {
        "workspace_id": _column("workspace_id"),
        "recent_submission_id": _column("recent_submission_id"),
    },
    "expenses": {
        "workspace_id": _column("workspace_id"),
        "recent_submission_id": _column("recent_submission_id"),
    },
    "timesheet_submissions": {"workspace_id": _column("workspace_id")},
    "expense_report_submissions": {"workspace_id": _column("workspace_id")},
    "invoices": {},
    "rate_card_sets": {},
    "rate_card_set_versions": {"rate_card_set_id": _column("rate_card_set_id")},
    "rate_cards": {"rate_card_set_id": _column("rate_card_set_id")},
    "rate_card_versions": {
        "rate_card_id": _column("rate_card_id"),
        "rate_card_set_version_id": _column("rate_card_set_version_id"),
    },
    "rate_card_roles": {"rate_card_version_id": _column("rate_card_version_id")},
    "subscribed_events": {},
}


class Switches:
    """What the vendor's documents leave open, or what a test wants otherwise."""

    def __init__(self) -> None:
        self.approval_touches_rows = False
        """Whether approving a report moves `updated_at` of its rows (undocumented)."""
        self.approved_may_be_rejected = True
        self.one_object_per_reference = False
        """Refuse an external reference that another record already has (undocumented)."""
        self.feed_lag = timedelta(0)
        """Between a change and its event; with `feed_shuffled` the greatest lag."""
        self.feed_shuffled = False
        self.feed_repeats_every = 0
        """Each so many-th event is delivered twice; 0: none."""


class Account:
    """Everything that one account holds."""

    def __init__(self, clock: Clock, account_id: str = "88") -> None:
        self.clock, self.id = clock, account_id
        self.tables = {key: Table(key, indexes) for key, indexes in INDEXES.items()}
        self.switches = Switches()
        self.tokens = {"kantata-token"}
        self.owner_id = ""
        self.calls: Counter[str] = Counter()
        """Calls served, by `METHOD resource`."""
        self.revision = 0
        self._next_id = FIRST_ID
        self._lists: OrderedDict[object, list[Row]] = OrderedDict()

    def table(self, key: str) -> Table:
        return self.tables[key]

    def now(self) -> str:
        return stamp(self.clock.now())

    def new_id(self) -> str:
        self._next_id += 1
        return str(self._next_id)

    def insert(self, key: str, values: Mapping[str, object]) -> Row:
        now = self.now()
        self.revision += 1
        return self.table(key).add(
            {"id": self.new_id(), **values, "created_at": now, "updated_at": now}
        )

    def update(
        self, key: str, row: Row, changes: Mapping[str, object], *, touch: bool = True
    ) -> Row:
        self.revision += 1
        stamped = {**changes, "updated_at": self.now()} if touch else changes
        return self.table(key).change(int(str(row["id"])), stamped)

    def delete(self, key: str, row: Row) -> Row:
        self.revision += 1
        return self.table(key).remove(int(str(row["id"])))

    def find(self, key: str, row_id: object) -> Row | None:
        text = str(row_id)
        return self.table(key).rows.get(int(text)) if text.isdigit() else None

    def remembered(self, name: object, make: Callable[[], list[Row]]) -> list[Row]:
        """The rows of a list, kept while nothing changes: pages of one walk sort only once."""
        key = (self.revision, name)
        if key not in self._lists:
            self._lists[key] = make()
            while len(self._lists) > LISTS_REMEMBERED:
                self._lists.popitem(last=False)
        self._lists.move_to_end(key)
        return self._lists[key]
