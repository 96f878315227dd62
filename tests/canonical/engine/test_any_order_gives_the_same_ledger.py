"""Stories that Hypothesis makes up: decisions in order, deliveries shuffled, delayed, repeated."""

from __future__ import annotations

import os
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from canonical.contract import ContractVersion
from canonical.engine.books import Books
from canonical.engine.fold import after, continue_story, open_books, tell
from canonical.engine.invariants import check
from canonical.engine.rows import KIND_OF_CHARGE, DocumentType
from canonical.engine.story import Event
from canonical.errors import RuleViolation
from tests.canonical.engine.stories import contract, entity, event, ledger_of, rate, time_line

FIRST_DAY = date(2026, 1, 5)
EXAMPLES = int(os.environ.get("C2C_STORY_EXAMPLES", "150"))
STEPS = 60

CONTRACTS: dict[str, ContractVersion] = {
    "capped": contract(
        time_line(rate("99.99"), rate("140.01", role="Lead")),
        {"method": "expenses", "line_id": "travel", "markup_percent": "7.5"},
        tax_code="VAT",
        labour_discount_percent="3",
        multipliers={"daily_over": "8", "overtime": "1.5", "weekend": "2"},
        caps=[
            {"cap_id": "MONEY", "amount": "4000"},
            {"cap_id": "HOURS", "hours": "45", "per": "month", "kinds": ["time"]},
        ],
    ),
    "shared": contract(
        time_line(rate("83.33"), rate("111.11", role="Lead")),
        {"method": "expenses", "line_id": "travel", "outside_caps": True},
        payers=[
            {"customer": "ACME", "share": "0.5"},
            {"customer": "BETA", "share": "0.3", "tax_code": "VAT"},
            {"customer": "GAMMA", "share": "0.2"},
        ],
        tax_code="VAT",
        tax_inclusive=True,
        caps=[{"cap_id": "MONEY", "amount": "2500.55"}],
    ),
    "retainer": contract(
        {
            "method": "retainer",
            "line_id": "retainer",
            "period": "month",
            "starts": "2026-01-01",
            "fee": "1000.00",
            "included_hours": "17",
            "rollover": {"max_hours": "5", "expires_after_periods": 2},
            "overage_rate": "77.77",
        },
        {"method": "expenses", "line_id": "travel"},
        tax_code="VAT",
        tax_mode="per_line",
    ),
}


DAYS_OF_WORK = st.tuples(
    st.sampled_from(["Dev", "Lead"]),
    st.integers(1, 44),
    st.integers(0, 4),
    st.sampled_from(["Ann", "Bob"]),
)
"""Role, quarters of an hour, how many days ago, person."""


class Stories(RuleBasedStateMachine):
    """One story, told as it happens; at its end told again with its deliveries mixed up."""

    @initialize(name=st.sampled_from(sorted(CONTRACTS)), seed=st.integers(0, 2**32))
    def begin(self, name: str, seed: int) -> None:
        self.version = CONTRACTS[name]
        self.seed = seed
        self.books: Books = open_books([entity()], [self.version])
        self.today = FIRST_DAY
        self.epochs: list[list[Event]] = [[]]
        self.decisions: list[Event] = []
        self.count = 0
        self.locked = date.min

    @rule(week=st.lists(DAYS_OF_WORK, min_size=1, max_size=6))
    def approve_time(self, week: list[tuple[str, int, int, str]]) -> None:
        for role, quarters, days_ago, person in week:
            worked = self.today - timedelta(days=days_ago)
            fields = {"hours": Decimal(quarters) / 4, "role": role, "person": person}
            self._deliver(time={"id": self._name("T"), "work_date": worked, **fields})

    @rule(week=st.lists(DAYS_OF_WORK, min_size=1, max_size=6))
    def approve_more_time(self, week: list[tuple[str, int, int, str]]) -> None:
        self.approve_time(week)

    @rule(cents=st.integers(1, 90_000), days_ago=st.integers(0, 4))
    def approve_expense(self, cents: int, days_ago: int) -> None:
        spent = self.today - timedelta(days=days_ago)
        net = Decimal(cents) / 100
        self._deliver(expense={"id": self._name("X"), "expense_date": spent, "net": net})

    @precondition(lambda self: self.count)
    @rule(number=st.integers(1, 300))
    def recall(self, number: int) -> None:
        """Also of what was never approved, was recalled before, or is billed already."""
        entry = f"T{number % self.count + 1}"
        heard = {each.time[0].id for epoch in self.epochs for each in epoch if each.time}
        if entry in heard:
            moment = datetime.combine(self.today, time(hour=2))
            self.epochs[-1].append(event(moment, recall={"entries": [entry]}))

    @precondition(lambda self: self._invoices())
    @rule(data=st.data(), cents=st.integers(1, 400_000))
    def receive(self, data: st.DataObject, cents: int) -> None:
        """Part, whole or too much; the rest stays unapplied."""
        invoice = data.draw(st.sampled_from(self._invoices()))
        payment = {"id": self._name("P"), "invoice": invoice, "amount": Decimal(cents) / 100}
        self._deliver(payment=payment)

    def _name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def _deliver(self, **content: object) -> None:
        """Approved at the start of the day, whenever it arrives before the next decision."""
        self.epochs[-1].append(event(datetime.combine(self.today, time(hour=1)), **content))

    @rule(days=st.integers(1, 9))
    def bill(self, days: int) -> None:
        self._decide(days, cutoff={})

    @rule(days=st.integers(1, 9))
    def bill_twice(self, days: int) -> None:
        """A run repeated adds nothing."""
        self._decide(days, cutoff={})
        before = len(self.books.transactions)
        self._decide(0, cutoff={"through": self.today})
        assert len(self.books.transactions) == before

    @precondition(lambda self: self._invoices())
    @rule(data=st.data(), kind=st.sampled_from(["rebillable", "concession"]))
    def credit(self, data: st.DataObject, kind: str) -> None:
        invoice = data.draw(st.sampled_from(self._invoices()))
        self._try(1, credit={"invoice": invoice, "credit_note": self._name("CN"), "kind": kind})

    @precondition(lambda self: self._entries())
    @rule(data=st.data(), quarters=st.integers(1, 12))
    def credit_an_entry(self, data: st.DataObject, quarters: int) -> None:
        invoice, entry = data.draw(st.sampled_from(self._entries()))
        named = {"entry": entry, "quantity": Decimal(quarters) / 4}
        note = self._name("CN")
        self._try(1, credit={"invoice": invoice, "credit_note": note, "entries": [named]})

    @precondition(lambda self: any(self.epochs[:-1]))
    @rule(data=st.data(), quarters=st.integers(1, 8))
    def write_down(self, data: st.DataObject, quarters: int) -> None:
        entry = data.draw(st.sampled_from(sorted(self.books.contracts["C-1"].works) or ["none"]))
        day = self.today + timedelta(days=1)
        approvals = [{"by": "Max", "on": day}]
        down = {"entry": entry, "hours": Decimal(quarters) / 4, "reason": "r", "by": "Paula"}
        self._try(1, write_down={**down, "approvals": approvals})

    @rule(more=st.integers(1, 3_000))
    def raise_caps(self, more: int) -> None:
        newest = self.books.contracts["C-1"].terms.versions[-1]
        caps = [
            cap.model_dump() | {"amount": None if cap.amount is None else cap.amount + more}
            for cap in newest.caps
        ]
        day = self.today + timedelta(days=1)
        self._decide(1, amendment={"effective_from": day, "terms": {"caps": caps}})

    @precondition(lambda self: self.locked < self._last_month())
    @rule()
    def lock_last_month(self) -> None:
        self.locked = last = self._last_month()
        self._decide(0, lock={"period": f"{last:%Y-%m}"})

    def _last_month(self) -> date:
        return self.today.replace(day=1) - timedelta(days=1)

    def _decide(self, days: int, **content: object) -> None:
        decision = self._next(days, **content)
        continue_story(self.books, (), [*self.epochs[-1], decision])
        self._keep(decision)

    def _try(self, days: int, **content: object) -> None:
        """A decision that the rules may refuse; then it never was."""
        decision = self._next(days, **content)
        try:
            after(self.books, (), [*self.epochs[-1], decision])
        except RuleViolation:
            return
        continue_story(self.books, (), [*self.epochs[-1], decision])
        self._keep(decision)

    def _next(self, days: int, **content: object) -> Event:
        self.today += timedelta(days=days)
        minute, second = divmod(len(self.decisions), 60)
        moment = time(hour=20, minute=minute, second=second)
        return event(datetime.combine(self.today, moment), **content)

    def _keep(self, decision: Event) -> None:
        self.decisions.append(decision)
        self.epochs.append([])

    def _invoices(self) -> list[str]:
        return [
            document.id
            for document in self.books.documents.values()
            if document.type is DocumentType.INVOICE and not document.credits
        ]

    def _entries(self) -> list[tuple[str, str]]:
        return [
            (row.document, row.source)
            for row in self.books.transactions.values()
            if not row.credits and row.kind.value == "time"
        ]

    @invariant()
    def everything_adds_up(self) -> None:
        if self.epochs[-1] == [] and self.decisions:
            check(self.books, self.today)
            self._caps_hold()

    def _caps_hold(self) -> None:
        book = self.books.contracts["C-1"]
        for row in self.books.transactions.values():
            kind = KIND_OF_CHARGE.get(row.kind)
            if kind is not None:
                limits = book.terms.limits(row.line_id, kind, row.work_date, self.today)
                for limit in limits:
                    assert self.books.consumed.get(limit.key, Decimal(0)) <= limit.height

    def teardown(self) -> None:
        if not hasattr(self, "books") or not self.decisions:
            return
        mixed = tell([entity()], [self.version], _mixed(self.epochs, self.decisions, self.seed))
        assert ledger_of(mixed) == ledger_of(self.books)


def _mixed(epochs: list[list[Event]], decisions: list[Event], seed: int) -> list[Event]:
    """Each delivery somewhere between the same two decisions, some of them twice or three times."""
    random = Random(seed)
    told: list[Event] = []
    begins = datetime.combine(FIRST_DAY - timedelta(days=10), time.min)
    for epoch, decision in zip(epochs, decisions, strict=False):
        ends = decision.on
        assert isinstance(ends, datetime)
        for each in epoch:
            for _ in range(random.choice([1, 1, 2, 3])):
                arrives = begins + (ends - begins) * random.uniform(0.01, 0.99)
                told.append(each.model_copy(update={"arrives": arrives}))
        told.append(decision)
        begins = ends
    repeated = [each for epoch in epochs[: len(decisions)] for each in epoch]
    if repeated:
        told.append(random.choice(repeated).model_copy(update={"arrives": begins}))
    random.shuffle(told)
    return told


TestStories = Stories.TestCase
TestStories.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
