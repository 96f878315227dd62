"""Stories that Hypothesis makes up, kept in the database: decisions in order, deliveries shuffled,
delayed, repeated, changed; crashes, races of processes, and the proof after each decision."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.events import PeriodLocked
from canonical.periods import period_of
from store.engine import create_engine
from tests import builders as make
from tests.store.books.sides import BEGINS, Item, Paid, Side

EXAMPLES = max(1, int(os.environ.get("C2C_STORY_EXAMPLES", "150")) // 15)
STEPS = 20
FIRST_MOMENT = datetime(2026, 1, 5, 12, tzinfo=UTC)

Take = Callable[[Side], Awaitable[None]]
Worked = tuple[str, str, int, int, int]
Change = tuple[int, str]
WORK = st.tuples(
    st.sampled_from(["time", "time", "time", "expense"]),
    st.sampled_from(["Dev", "Lead"]),
    st.integers(1, 44),
    st.integers(0, 40),
    st.integers(0, 2),
)
"""Kind, role, quarters of an hour (or euros), how many days ago, approved how many hours ago."""
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 1_000),
        st.sampled_from(["more", "less", "role", "day", "billable", "project", "approval"]),
    ),
    max_size=3,
)
"""Which entry, and what of it."""
DECISIONS = st.sampled_from(["bill", "bill", "post", "post", "pay", "book", "credit", "close"])


class Stories(RuleBasedStateMachine):
    """One story, told to one side as it happens; to the other mixed up, between two decisions."""

    runner: asyncio.Runner
    engine: AsyncEngine
    numbers = count(1)

    @initialize(seed=st.integers(0, 1_000_000), works=st.lists(WORK, min_size=5, max_size=9))
    def begin(self, seed: int, works: list[Worked]) -> None:
        self.random = Random(seed)
        number = next(self.numbers)
        self.one = Side(self.engine, f"one-{number}", forgets=False)
        self.other = Side(self.engine, f"two-{number}", forgets=True)
        self.now = FIRST_MOMENT
        self.items: dict[str, Item] = {}
        self.waiting: list[Item | Paid] = []
        self.told = 0
        self.last: Take | None = None
        for side in (self.one, self.other):
            self.runner.run(side.begin())
        self._approve(works)

    @rule(
        works=st.lists(WORK, max_size=3),
        changes=CHANGES,
        days=st.integers(0, 9),
        kind=DECISIONS,
        number=st.integers(0, 1_000),
    )
    def goes_on(
        self, works: list[Worked], changes: list[Change], days: int, kind: str, number: int
    ) -> None:
        """Some days later, with what came in them, a decision is taken."""
        self._approve(works)
        for entry, what in changes:
            names = sorted(self.items)
            self._tell(_changed(self.items[names[entry % len(names)]], what, self.now))
        self.now += timedelta(days=days)
        self._decide_on(kind, number)

    @rule(
        what=st.sampled_from(
            ["a crash", "a preview", "the same decision", "the same delivery", "a lock"]
        ),
        number=st.integers(0, 1_000),
    )
    def is_interrupted_by(self, what: str, number: int) -> None:
        match what:
            case "a crash":
                self._changes_nothing(lambda: self.one.crash(self.now))
            case "a preview":
                self._changes_nothing(lambda: self.one.preview(self.now))
            case "a lock":
                self._lock(self._month(1))
            case "the same delivery" if self.waiting:
                again = self.waiting[number % len(self.waiting)]
                self.runner.run(self.one.deliver([again]))
            case "the same decision" if self.last is not None and not self.waiting:
                last = self.last
                self._changes_nothing(lambda: self.one.refusal_of(last))

    @invariant()
    def every_entry_is_billed_once(self) -> None:
        assert self.runner.run(self.one.store.conserves())

    # -- deliveries --------------------------------------------------------------------------------

    def _approve(self, works: list[Worked]) -> None:
        for kind, role, amount, days_ago, hours_ago in works:
            day = self.now.date() - timedelta(days=days_ago)
            item = Item(
                name=f"{kind}-{len(self.items)}",
                version=0,
                kind=kind,
                work_date=max(day, BEGINS),
                quantity=Decimal(amount) / (4 if kind == "time" else 1),
                role=role,
                approved_at=self.now - timedelta(hours=hours_ago),
                billable=True,
                is_ours=True,
            )
            self._tell(item)

    def _tell(self, item: Item) -> None:
        self.told += 1
        told = item._replace(version=self.told)
        self.items[item.name] = told
        self._deliver(told)

    def _deliver(self, delivery: Item | Paid) -> None:
        self.waiting.append(delivery)
        self.runner.run(self.one.deliver([delivery]))

    # -- decisions ---------------------------------------------------------------------------------

    def _decide_on(self, kind: str, number: int) -> None:
        self.told += 1
        if kind == "bill":
            self._decide(partial(Side.bill, number=self.told, now=self.now))
        elif kind == "close":
            self._decide(partial(Side.close, period=self._month(number % 2), now=self.now))
        else:
            self._decide_on_an_invoice(kind, number)

    def _decide_on_an_invoice(self, kind: str, number: int) -> None:
        found = self.runner.run(self.one.invoices(posted=kind != "post"))
        if not found:
            return
        invoice = found[number % len(found)]
        match kind:
            case "post":
                self._decide(partial(Side.post, invoice=invoice, on=self.now.date()))
            case "credit":
                note = f"CN-{self.told}"
                self._decide(partial(Side.credit, invoice=invoice, note=note, now=self.now))
            case "pay":
                amount = Decimal(number * 317 + 1) / 100
                self._deliver(Paid(f"p-{self.told}", invoice, amount, self.now.date()))
            case _:
                self._decide(partial(Side.book_payments, invoice=invoice, now=self.now))

    def _lock(self, period: str) -> None:
        locked = PeriodLocked(
            id=f"{self.one.contract}/{period}",
            source=make.ERP,
            occurred_at=self.now,
            legal_entity=make.ENTITY,
            period=period,
        )
        self.runner.run(self.one.store.events.record_event(locked, self.now))

    def _changes_nothing(self, attempt: Callable[[], Awaitable[object]]) -> None:
        self.runner.run(self._attempt(attempt))

    async def _attempt(self, attempt: Callable[[], Awaitable[object]]) -> None:
        kept = await self.one.kept()
        await attempt()
        assert await self.one.kept() == kept

    def _month(self, months_ago: int) -> str:
        first = self.now.date().replace(day=1)
        return period_of(first - timedelta(days=months_ago))

    def _decide(self, take: Take) -> None:
        """First the other side hears what the one has heard, in an order of its own, some of it
        twice."""
        mixed = [*self.waiting, *self.random.choices(self.waiting, k=2)] if self.waiting else []
        self.random.shuffle(mixed)
        self.waiting = []
        self.runner.run(self._take_both(mixed, take))
        self.last = take

    async def _take_both(self, mixed: list[Item | Paid], take: Take) -> None:
        await self.other.deliver(mixed)
        refusals = [await side.refusal_of(take) for side in (self.one, self.other)]
        assert refusals[0] == refusals[1]
        assert await self.one.kept() == await self.other.kept()
        await self.one.check(self.now.date())


def _changed(item: Item, what: str, now: datetime) -> Item:
    """As its source tells it next."""
    match what:
        case "more":
            return item._replace(quantity=item.quantity + Decimal("1.25"))
        case "less":
            return item._replace(quantity=max(item.quantity - Decimal("1.25"), Decimal("0.25")))
        case "role":
            return item._replace(role="Dev" if item.role == "Lead" else "Lead")
        case "day":
            return item._replace(work_date=max(item.work_date - timedelta(days=1), BEGINS))
        case "billable":
            return item._replace(billable=not item.billable)
        case "project":
            return item._replace(is_ours=not item.is_ours)
        case _:
            return item._replace(approved_at=None if item.approved_at else now)


@pytest.mark.timeout(120 * max(1, EXAMPLES // 10))
def test_a_story_is_kept_the_same_whatever_the_order_in_which_it_came(database_url: str) -> None:
    with asyncio.Runner() as runner:
        Stories.runner = runner
        Stories.engine = create_engine(database_url, pool_size=2)
        try:
            run_state_machine_as_test(
                Stories,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    derandomize=True,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(Stories.engine.dispose())
