"""The demo's script: who works, at what rates, how long; and what must come out, worked out by
hand.

Senior Consultant, 180.00 until the 15th, 195.00 from the 16th
  Anna   3rd    7.50 h x 180.00 =  1,350.00
  Anna  10th    6.25 h x 180.00 =  1,125.00
  Anna  16th    8.00 h x 195.00 =  1,560.00
  Anna  24th  0.3333 h x 195.00 =     64.99   (20 minutes; 64.9935)
Consultant, 120.00
  Ben    5th    8.00 h x 120.00 =    960.00
  Ben   17th    7.75 h x 120.00 =    930.00
  Ben   18th    4.00 h             approved, then recalled: not billed
Expenses at cost plus 5 %
  hotel        238.00 x 1.05    =    249.90
  train         59.95 x 1.05    =     62.95   (62.9475)
                                    --------
net                                 6,302.84
VAT 19 %                            1,197.54   (1,197.5396)
gross                               7,500.38
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from adapters.salesforce.simulator.seed import SeedAccount, SeedDeal, SeedLine, SeedPerson
from canonical.periods import last_day
from workers.local.landscape import ENTITY

CLIENT = "Falkenstein Maschinenbau GmbH"
APPROVER = "Clara Weiss"
FIRST_PAYMENT = Decimal("5000.00")

NET, TAX, GROSS = Decimal("6302.84"), Decimal("1197.54"), Decimal("7500.38")
LABOUR, EXPENSES = Decimal("5989.99"), Decimal("312.85")
TRANSACTIONS = 8


@dataclass(frozen=True)
class Worked:
    """One time entry of the script: the day of the month and the minutes."""

    person: str
    role: str
    day: int
    minutes: int
    note: str


ANNA, BEN = "Anna Richter", "Ben Okafor"

WORKED = (
    Worked(ANNA, "Senior Consultant", 3, 450, "Process interviews"),
    Worked(ANNA, "Senior Consultant", 10, 375, "Target process design"),
    Worked(ANNA, "Senior Consultant", 16, 480, "Steering committee, cut-over plan"),
    Worked(BEN, "Consultant", 5, 480, "Data migration analysis"),
    Worked(BEN, "Consultant", 17, 465, "Migration rehearsal"),
)
LEFT_OUT = Worked(ANNA, "Senior Consultant", 24, 20, "Call about the cut-over")
"""Its approval is missing from the change feed: the comparison before billing finds it."""
RECALLED = Worked(BEN, "Consultant", 18, 240, "Booked on the wrong project")


@dataclass(frozen=True)
class Spent:
    """One expense of the script: its net cost."""

    id: str
    day: int
    category: str
    cost: Decimal


SPENT = (
    Spent("E-1", 16, "Hotel", Decimal("238.00")),
    Spent("E-2", 17, "Train", Decimal("59.95")),
)


@dataclass(frozen=True)
class Month:
    """The month that the story bills: the last whole one, so that all work lies in the past."""

    first: date

    @classmethod
    def before(cls, today: date) -> Month:
        return cls((today.replace(day=1) - timedelta(days=1)).replace(day=1))

    @property
    def period(self) -> str:
        return f"{self.first:%Y-%m}"

    def day(self, number: int) -> date:
        return self.first.replace(day=number)

    def last(self) -> date:
        return last_day(self.period)

    def before_it(self) -> Month:
        return Month.before(self.first)


def account() -> SeedAccount:
    """The client, as sales keep it."""
    return SeedAccount(
        name=CLIENT,
        legal_name=CLIENT,
        client_key="FALKENSTEIN",
        vat_id="DE811569869",
        invoice_email="rechnung@falkenstein.example",
        street="Industriestraße 7",
        city="Kassel",
        postal_code="34117",
        country="DE",
        parent_name="Falkenstein Holding AG",
    )


def deal(month: Month, *, number: int = 1) -> SeedDeal:
    """The deal as sales enters it; `number` makes further deals of the same account possible."""
    return SeedDeal(
        name=f"Plant digitalisation {number}" if number > 1 else "Plant digitalisation",
        account=account(),
        close_date=month.day(1),
        currency="EUR",
        legal_entity=ENTITY,
        purchase_order="PO-77120",
        purchase_order_required=True,
        net_days=30,
        expense_markup_percent=Decimal(5),
        service_start=month.day(1),
        lines=(
            _line("Senior Consultant", "180.00", month.day(1)),
            _line("Senior Consultant", "195.00", month.day(16)),
            _line("Consultant", "120.00", month.day(1)),
        ),
        team=(
            SeedPerson(name=ANNA, email=email(ANNA), role="Senior Consultant"),
            SeedPerson(name=BEN, email=email(BEN), role="Consultant"),
        ),
    )


def email(person: str) -> str:
    return f"{person.split()[0].lower()}@northfield.example"


def _line(role: str, rate: str, effective_from: date) -> SeedLine:
    return SeedLine(
        product=role, hours=Decimal(40), rate=Decimal(rate), effective_from=effective_from
    )
