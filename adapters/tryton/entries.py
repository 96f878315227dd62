"""Journal entries: drafts that carry our key, posting, reading back, and the days that are open."""

from __future__ import annotations

from datetime import date

from adapters.tryton.api import Domain, Tryton, Values
from adapters.tryton.books import Books
from adapters.tryton.entry_mapping import carries, key_domain, new_move
from adapters.tryton.rows import (
    AccountingPeriod,
    JournalPeriod,
    Move,
    MoveState,
    MoveWithLines,
    PeriodState,
)
from canonical.errors import DataRejected, RecordMissing
from canonical.journal_entry import JournalEntry

MODEL = "account.move"
SAME_KEY_MAX = 100
OPEN_PERIODS_MAX = 60
"""Periods after a day that are looked at: five years of months."""


class Entries:
    """`description` begins with our key: Tryton has no other text on an entry, and no unique one.
    The posting protocol keeps it unique.

    A period takes a draft only while it is open, and cannot be closed while it has drafts: so a
    closed period refuses the draft already, and a draft that lies about keeps finance from closing.
    """

    def __init__(self, tryton: Tryton) -> None:
        self._tryton = tryton

    async def with_key(self, books: Books, key: str) -> list[Move]:
        """Oldest first; the reversal that a person made of one of them is another entry."""
        company = await books.company()
        domain: Domain = [
            ["company", "=", company.id],
            ["origin", "=", None],
            key_domain(key),
        ]
        found = await self._tryton.search_read(
            MODEL, Move, domain, await books.context(), limit=SAME_KEY_MAX
        )
        return [row for row in found if carries(row, key)]

    async def create(self, books: Books, entry: JournalEntry) -> int:
        """A draft; not idempotent. Raises DataRejected when its period is not open, and
        SetupInvalid for an account that is not there."""
        accounts = await books.accounts({line.account for line in entry.lines})
        records = {
            "company": (await books.company()).id,
            "journal": await books.entry_journal(),
            "period": (await self._open_period(books, entry.on)).id,
        }
        values = new_move(entry, records, accounts)
        (created,) = await self._tryton.create(MODEL, [values], await books.context())
        return created

    async def post(self, move: int, context: Values) -> MoveWithLines:
        """One that is posted already is read back as it is. Raises RecordMissing, DataRejected."""
        row = await self.read(move, context)
        if row.state is not MoveState.POSTED:
            await self._click_post(move, context)
            row = await self.read(move, context)
        return row

    async def read(self, move: int, context: Values) -> MoveWithLines:
        """Raises RecordMissing."""
        found = await self._tryton.search_read(
            MODEL, MoveWithLines, [["id", "=", move]], context, limit=1
        )
        if not found:
            raise RecordMissing(self._tryton.system, f"there is no journal entry {move}")
        return found[0]

    async def delete_draft(self, move: int, key: str, context: Values) -> None:
        """Raises DataRejected for what is no draft of ours."""
        found = await self._tryton.search_read(MODEL, Move, [["id", "=", move]], context, limit=1)
        if not found:
            return
        row = found[0]
        if row.state is not MoveState.DRAFT or not carries(row, key):
            raise DataRejected(
                self._tryton.system,
                f"journal entry {row.number or move} is {row.state.value} with the description "
                f"{row.description!r}: it is no draft for {key!r} and is not deleted",
                fields=("state",),
            )
        await self._tryton.delete(MODEL, [move], context)

    async def first_open_day(self, books: Books, day: date) -> date:
        """Raises DataRejected when neither the period of the day nor a later one is open."""
        periods = await self._periods(
            books, [["end_date", ">=", day], ["state", "=", PeriodState.OPEN.value]]
        )
        closed = await self._closed_for_us(books, periods)
        for period in periods:
            if period.id not in closed:
                return max(day, period.start_date)
        raise DataRejected(
            self._tryton.system,
            f"no accounting period of {books.entity.code} from {day} on is open for the journal "
            f"{books.options.entry_journal}; open one there",
            fields=("on",),
        )

    async def _open_period(self, books: Books, day: date) -> AccountingPeriod:
        found = await self._periods(books, [["start_date", "<=", day], ["end_date", ">=", day]])
        if not found:
            raise self._refused(f"{books.entity.code} has no accounting period for {day}")
        period = found[0]
        if period.state is not PeriodState.OPEN:
            raise self._refused(
                f"the accounting period {period.name} of {books.entity.code} is "
                f"{period.state.value}; open it there to post on {day}"
            )
        return period

    async def _periods(self, books: Books, domain: Domain) -> list[AccountingPeriod]:
        company = await books.company()
        return await self._tryton.search_read(
            "account.period",
            AccountingPeriod,
            [["company", "=", company.id], ["type", "=", "standard"], *domain],
            await books.context(),
            limit=OPEN_PERIODS_MAX,
            order=(("start_date", "ASC"),),
        )

    async def _closed_for_us(self, books: Books, periods: list[AccountingPeriod]) -> set[int]:
        """Closing a period closes its journals, and opening it again leaves them closed."""
        domain: Domain = [
            ["period", "in", [period.id for period in periods]],
            ["journal", "=", await books.entry_journal()],
            ["state", "=", "closed"],
        ]
        rows = await self._tryton.search_read(
            "account.journal.period",
            JournalPeriod,
            domain,
            await books.context(),
            limit=OPEN_PERIODS_MAX,
        )
        return {row.period for row in rows}

    async def _click_post(self, move: int, context: Values) -> None:
        """Posted meanwhile is a success."""
        try:
            await self._tryton.button(MODEL, "post", [move], context)
        except DataRejected:
            if (await self.read(move, context)).state is not MoveState.POSTED:
                raise

    def _refused(self, message: str) -> DataRejected:
        return DataRejected(self._tryton.system, message, fields=("on",))
