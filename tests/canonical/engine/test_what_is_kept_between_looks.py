"""Offers are kept between looks and made again where something changed. That must not be seen: a
story told with everything priced anew at each step gives the same books, row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from canonical.contract import ContractVersion
from canonical.engine.books import Books
from canonical.engine.fold import after, continue_story, open_books
from canonical.engine.story import Event
from canonical.errors import DomainError
from canonical.ledger.entity import EntityTerms
from tests.canonical.engine.stories import (
    VAT,
    contract,
    cutoff,
    event,
    hours,
    rate,
    story,
    time_line,
)

STEPS = 20
TRAVEL: dict[str, object] = {"method": "expenses", "line_id": "travel", "markup_percent": "7.5"}
RATES = (rate("99.99", last="2026-02-14"), rate("104.37", "2026-02-15"), rate("140", role="Lead"))
ENTITIES = (
    EntityTerms(code="DE", currency="EUR", taxes=(VAT,)),
    EntityTerms(code="US", currency="USD", taxes=(VAT,)),
)


def _shared_cap(name: str) -> ContractVersion:
    caps = [{"cap_id": "ALL", "scope": "customer", "amount": "9000"}]
    return contract(time_line(*RATES), TRAVEL, contract_id=name, caps=caps, tax_code="VAT")


def _milestones() -> dict[str, object]:
    amounts = [("M1", "2500"), ("M2", "1333.33")]
    milestones = [{"milestone_id": name, "amount": amount} for name, amount in amounts]
    return {
        **{"method": "milestones", "line_id": "steps", "milestones": milestones},
        "retention_percent": "10",
    }


def _retainer(**terms: object) -> dict[str, object]:
    rollover = {"max_hours": "5", "expires_after_periods": 1}
    return {
        **{"method": "retainer", "line_id": "retainer", "period": "month"},
        **{"starts": "2026-01-01", "fee": "1000.01", "included_hours": "17"},
        **{"rollover": rollover, "overage_rate": "77.77"},
        **terms,
    }


PORTFOLIOS: dict[str, tuple[ContractVersion, ...]] = {
    "at the day's rate, overtime, a discount": (
        contract(
            time_line(*RATES, transfer_price={"percent_of_rate": "80"}),
            TRAVEL,
            invoice_currency="USD",
            labour_discount_percent="3",
            multipliers={"daily_over": "8", "overtime": "1.5", "weekend": "2"},
        ),
    ),
    "two payers under two caps, prices with tax": (
        contract(
            time_line(*RATES),
            TRAVEL,
            _milestones(),
            payers=[{"customer": "ACME", "share": "0.6"}, {"customer": "BETA", "share": "0.4"}],
            caps=[
                {"cap_id": "MONEY", "amount": "6000"},
                {"cap_id": "HOURS", "hours": "45", "per": "month", "kinds": ["time"]},
            ],
            tax_code="VAT",
            tax_inclusive=True,
        ),
    ),
    "a cap that two contracts share": (_shared_cap("C-1"), _shared_cap("C-2")),
    "a retainer whose deficits roll, and orders": (
        contract(
            _retainer(deficit_rolls=True),
            TRAVEL,
            purchase_order_required=True,
            caps=[
                {
                    **{"cap_id": "PO-1", "scope": "purchase_order", "amount": "3000"},
                    **{"kinds": ["time", "expense", "fee"], "effective_to": "2026-02-20"},
                }
            ],
        ),
        contract(_retainer(), contract_id="C-2", tax_code="VAT"),
    ),
}


class Teller:
    """A made-up story, told as it comes."""

    def __init__(self, versions: Sequence[ContractVersion], seed: int) -> None:
        self.chance = Random(seed)
        self.books = open_books(ENTITIES, versions)
        self.today = date(2026, 1, 5)
        self.count = 0
        self.told: list[list[Event]] = []
        self.tell([event("2026-01-01", rates={"rates": {"EUR/USD": "1.05"}})])

    def tell(self, events: list[Event]) -> None:
        """What a rule refuses was never told."""
        try:
            self.books = after(self.books, (), events)
        except DomainError:
            return
        self.told.append(events)

    def step(self) -> None:
        self.today += timedelta(days=self.chance.choice([0, 1, 1, 3, 8]))
        makers = (self.time, self.time, self.expense, self.recall, self.rates, self.accept)
        for _ in range(self.chance.randint(1, 4)):
            self.tell([self.chance.choice(makers)()])
        decisions = (self.bill, self.bill, self.post, self.credit, self.amend, self.write, self.end)
        self.tell([self.chance.choice(decisions)()])

    def event(self, **content: Any) -> Event:
        """Each a minute later than the one before it."""
        self.count += 1
        hour, minute = divmod(self.count, 60)
        return event(datetime.combine(self.today, time(hour % 24, minute)), **content)

    def contract(self) -> str:
        return self.chance.choice(list(self.books.contracts))

    def entries(self) -> list[tuple[str, str]]:
        return [(name, key) for name, book in self.books.contracts.items() for key in book.works]

    def invoices(self, *, posted: bool) -> list[str]:
        found = self.books.documents.values()
        return [each.id for each in found if each.posted is posted and not each.credits]

    # -- deliveries

    def time(self) -> Event:
        """Also late, also approved before what is there already."""
        days_ago = self.chance.choice([0, 0, 1, 2, 30])
        self.count += 1
        return self.event(
            time={
                "id": f"T{self.count}",
                "contract": self.contract(),
                "work_date": max(self.today - timedelta(days=days_ago), date(2026, 1, 1)),
                "hours": Decimal(self.chance.randint(1, 44)) / 4,
                "role": self.chance.choice(["Dev", "Lead"]),
                "person": self.chance.choice(["Ann", "Bob"]),
                "entity": self.chance.choice(["", "", "", "US"]),
                "approved_at": self.today - timedelta(days=self.chance.choice([0, 0, 3])),
            }
        )

    def expense(self) -> Event:
        self.count += 1
        return self.event(
            expense={
                "id": f"X{self.count}",
                "contract": self.contract(),
                "expense_date": self.today,
                "net": Decimal(self.chance.randint(100, 40_000)) / 100,
                "disbursement": self.chance.random() < 0.2,
            }
        )

    def recall(self) -> Event:
        entries = self.entries()
        if not entries:
            return self.time()
        name, entry = self.chance.choice(entries)
        return self.event(recall={"entries": [entry], "contract": name})

    def rates(self) -> Event:
        rates = {"EUR/USD": Decimal(self.chance.randint(10_000, 12_000)) / 10_000}
        return self.event(rates={"rates": rates})

    def accept(self) -> Event:
        accepted = {"accepted_by": "Zed", "document_hash": "abc"}
        return self.event(acceptance={"milestone": self.chance.choice(["M1", "M2"]), **accepted})

    # -- decisions

    def bill(self) -> Event:
        """Now and then not everything, or a draft only."""
        fields: dict[str, object] = {}
        if self.chance.random() < 0.3:
            fields["through"] = self.today - timedelta(days=self.chance.randint(1, 9))
        if self.chance.random() < 0.3:
            fields["approved_through"] = self.today - timedelta(days=self.chance.randint(0, 3))
        return self.event(cutoff={**fields, "draft": self.chance.random() < 0.3})

    def post(self) -> Event:
        drafts = self.invoices(posted=False)
        if not drafts:
            return self.bill()
        kind = self.chance.choice(["post", "discard"])
        return self.event(**{kind: {"invoice": self.chance.choice(drafts)}})

    def credit(self) -> Event:
        invoices = self.invoices(posted=True)
        if not invoices:
            return self.bill()
        invoice = self.chance.choice(invoices)
        rows = [row for row in self.books.transactions.values() if row.document == invoice]
        row = self.chance.choice(rows)
        named = {"entry": row.source, "quantity": min(abs(row.quantity), Decimal("0.75"))}
        self.count += 1
        body = {
            "invoice": invoice,
            "credit_note": f"CN-{self.count}",
            "kind": self.chance.choice(["rebillable", "concession"]),
            "entries": self.chance.choice([[], [named]]),
        }
        return self.event(credit=body)

    def amend(self) -> Event:
        """Prices, caps or premiums; from before, from now or later, at times under review."""
        name = self.contract()
        newest = self.books.contracts[name].terms.versions[-1]
        lines = [line for line in newest.lines if line.method == "time_and_materials"]
        terms = self.chance.choice(
            [
                {"caps": [_raised(cap.model_dump()) for cap in newest.caps]},
                {"multipliers": {"daily_over": "7", "overtime": "1.25"}},
                {"lines": [_dearer(line.model_dump()) for line in lines]},
            ]
        )
        days = self.chance.choice([-9, 0, 1, 6])
        body = {"contract": name, "effective_from": self.today + timedelta(days=days)}
        reviewed_on = self.today + timedelta(days=self.chance.choice([0, 4]))
        return self.event(amendment={**body, "terms": terms, "reviewed_on": reviewed_on})

    def write(self) -> Event:
        entries = self.entries()
        if not entries:
            return self.bill()
        name, entry = self.chance.choice(entries)
        approvals = [{"by": "Max", "on": self.today}] if self.chance.random() < 0.8 else []
        down = {"entry": entry, "contract": name, "hours": "0.5", "reason": "r", "by": "Paula"}
        return self.event(write_down={**down, "approvals": approvals})

    def end(self) -> Event:
        return self.event(revenue_close={"period": f"{self.today:%Y-%m}"})


def _raised(cap: dict[str, Any]) -> dict[str, Any]:
    return cap | {"amount": None if cap["amount"] is None else cap["amount"] + 1_000}


def _dearer(line: dict[str, Any]) -> dict[str, Any]:
    rates = [row | {"rate": row["rate"] + 7} for row in line["rates"]]
    return {"line_id": line["line_id"], "rates": rates}


def _forget(books: Books) -> None:
    for book in books.contracts.values():
        book.look_anew()


def _told(
    versions: Sequence[ContractVersion],
    steps: list[list[Event]],
    before_each: Callable[[Books], None],
) -> Books:
    books = open_books(ENTITIES, versions)
    for events in steps:
        before_each(books)
        continue_story(books, (), events)
    return books


def _everything(books: Books) -> list[object]:
    return [
        books.journals,
        list(books.transactions.values()),
        list(books.documents.values()),
        books.consumed,
        books.intercompany,
        [(book.progress, book.works, book.flagged) for book in books.contracts.values()],
    ]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", PORTFOLIOS)
def test_what_is_kept_between_looks_is_not_seen(name: str, seed: int) -> None:
    teller = Teller(PORTFOLIOS[name], seed)
    for _ in range(STEPS):
        teller.step()
    anew = _told(PORTFOLIOS[name], teller.told, _forget)
    assert _everything(anew) == _everything(teller.books)
    assert len(teller.books.transactions) > 5


def test_a_look_at_what_did_not_change_prices_nothing() -> None:
    """What was billed is not even offered any more; the rest keeps its offers."""
    books = story(hours("A", "2026-01-10", "2"), cutoff("2026-01-31"))
    books = after(books, (), [hours("B", "2026-02-02", "3", on="2026-02-03")])
    book = books.contracts["C-1"]
    offered = book.offers.by_entry
    assert set(offered) == {"B"}
    later = after(books, (), [event("2026-02-04", lock={"period": "2026-01", "entity": "DE"})])
    assert later.contracts["C-1"].offers.by_entry["B"] == offered["B"]
    assert not later.contracts["C-1"].offers.heard


def test_a_credit_offers_again_exactly_what_it_gives_back() -> None:
    credited = [{"entry": "A", "quantity": "1"}]
    books = story(
        hours("A", "2026-01-10", "2"),
        cutoff("2026-01-31", invoice="INV-1"),
        event("2026-02-01", credit={"invoice": "INV-1", "entries": credited}),
    )
    ((offer,),) = books.contracts["C-1"].offers.by_entry.values()
    assert offer.price.work.id == "A"
    assert offer.whole == (Decimal(1), Decimal(100), Decimal(100))
