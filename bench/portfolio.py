"""A portfolio of made-up contracts of mixed rules, with their approved entries: the same ones for
the same seed, made contract by contract, so that a million entries need no memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from canonical.contract import ContractVersion
from canonical.engine.story import Event, SpotRates
from canonical.ids import ExternalRef, client_id, contract_id, engagement_id
from canonical.ledger.entity import EntityTerms, TaxTerms
from canonical.rules.pricing import ExpenseCost, Work
from canonical.terms.policies import ChargeKind

MONTH = date(2026, 3, 1)
DAYS = 31
CUTOFF = datetime(2026, 4, 2, 18)  # noqa: DTZ001 - the books' own time
"""March is billed on the second of April; all entries were approved on the first."""
APPROVED = datetime(2026, 4, 1, 9)  # noqa: DTZ001 - the same
TIME_SOURCE, EXPENSE_SOURCE = "psa-bench", "psa-bench"
EXPENSES_PER_HUNDRED = 6
SEED = 20_260_301

ENTITY = EntityTerms(
    code="DE",
    currency="EUR",
    taxes=(TaxTerms(code="VAT", rate=Decimal("0.19")),),
)

DOLLARS = Event(on=MONTH, rates=SpotRates(rates={"EUR/USD": Decimal("1.0790")}))
"""The day's rate, in which the ledger carries what is invoiced in dollars."""

BILLED, FUND = (
    client_id(ExternalRef(system="crm-bench", kind="account", id=name)) for name in ("A-1", "A-2")
)
"""Who pays: the bill-to party of all contracts, and a fund that shares some of them."""

_ROLES = ("Developer", "Senior Developer", "Architect")
_PEOPLE = 12
_CATEGORIES = ("flight", "hotel", "train", "km")
Body = dict[str, object]


class Holding(NamedTuple):
    """One contract of the portfolio."""

    number: int
    kind: str
    version: ContractVersion


def _rate(level: str, rate: str, role: str = "", person: str = "") -> Body:
    row = f"{level} {role or person or 'any'}"
    begins = date(2026, 1, 1)
    return {
        **{"row": row, "level": level, "role": role, "person": person},
        **{"rate": rate, "effective_from": begins},
    }


_CARD = (
    _rate("contract_role", "99.99", "Developer"),
    _rate("contract_role", "131.25", "Senior Developer"),
    _rate("contract_role", "160.00", "Architect"),
)
_PRECEDENCE = (
    *_CARD,
    _rate("person", "175.50", person="person-1"),
    _rate("person", "142.00", person="person-2"),
    _rate("customer_card", "120.00", "Developer"),
    _rate("customer_card", "150.00", "Senior Developer"),
    _rate("default", "90.00"),
)


def _time(rates: tuple[Body, ...] = _CARD) -> Body:
    return {"method": "time_and_materials", "line_id": "time", "rates": rates}


def _plain(_entries: int) -> Body:
    return {"lines": [_time()]}


def _precedence(_entries: int) -> Body:
    return {"lines": [_time(_PRECEDENCE)]}


def _capped(entries: int) -> Body:
    """A budget that the last tenth of the entries goes beyond, and a limit of hours that holds."""
    return {
        "lines": [_time()],
        "caps": [
            {"cap_id": "budget", "amount": entries * 360},
            {"cap_id": "month", "hours": entries * 4, "per": "month", "kinds": ["time"]},
        ],
    }


def _multiplied(_entries: int) -> Body:
    premiums = {"daily_over": "8", "overtime": "1.5", "weekend": "2"}
    return {"lines": [_time()], "multipliers": premiums}


def _shared(_entries: int) -> Body:
    """Two payers: the bill-to party, and a fund that pays 40 %."""
    payers = [{"customer": BILLED, "share": "0.6"}, {"customer": FUND, "share": "0.4"}]
    return {"lines": [_time()], "payers": payers}


def _discounted(_entries: int) -> Body:
    return {"lines": [_time()], "labour_discount_percent": "3"}


def _retained(entries: int) -> Body:
    """Hours in advance for two thirds of the work; the rest is overage."""
    retainer = {
        **{"method": "retainer", "line_id": "retainer", "period": "month", "starts": MONTH},
        **{"fee": "50000", "included_hours": entries * 2, "overage_rate": "125.00"},
        "rollover": {"max_hours": "20", "expires_after_periods": 2},
    }
    return {"lines": [retainer]}


def _fixed(_entries: int) -> Body:
    """Work is covered by the price; what is billed is an instalment and the expenses."""
    instalment = {"item_id": "march", "due_on": date(2026, 3, 31), "amount": "40000"}
    fee = {
        **{"method": "fixed_fee", "line_id": "fee", "price": "240000"},
        **{"schedule": [instalment], "revenue": "straight_line"},
        **{"starts": MONTH, "ends": date(2026, 8, 31)},
    }
    return {"lines": [fee]}


def _foreign(_entries: int) -> Body:
    return {"lines": [_time()], "invoice_currency": "USD", "invoice_rate": "1.0821"}


MIX: tuple[tuple[str, Callable[[int], Body]], ...] = (
    *(("plain time and materials", _plain),) * 5,
    *(("role precedence", _precedence),) * 4,
    *(("caps, split at the limit", _capped),) * 3,
    *(("overtime and weekends", _multiplied),) * 2,
    *(("two payers", _shared),) * 2,
    ("labour discount", _discounted),
    ("retainer", _retained),
    ("fixed fee", _fixed),
    ("invoiced in dollars", _foreign),
)
"""The rules of twenty contracts; the next twenty begin again. All of them re-bill expenses."""


def holding(number: int, entries: int) -> Holding:
    """Contract `number` of the portfolio, with terms that fit its number of entries."""
    kind, terms = MIX[number % len(MIX)]
    engagement = engagement_id(ExternalRef(system="crm-bench", kind="deal", id=f"D-{number}"))
    expenses = {
        **{"method": "expenses", "line_id": "expenses", "markup_percent": "7.5"},
        "ceilings": [{"category": "hotel", "amount": "180"}],
        "unit_rates": [{"category": "km", "billed": "0.42"}],
        "outside_caps": True,
    }
    body = terms(entries)
    lines = [*_list(body.pop("lines")), expenses]
    version = ContractVersion.model_validate(
        {
            "contract_id": contract_id(engagement),
            "engagement_id": engagement,
            "version": 1,
            "effective_from": date(2026, 1, 1),
            "legal_entity": ENTITY.code,
            "bill_to": BILLED,
            "currency": "EUR",
            "net_days": 30,
            "tax_code": "VAT",
            "lines": lines,
            **body,
        }
    )
    return Holding(number, kind, version)


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else [value]


def works(each: Holding, entries: int) -> Iterator[Work]:
    """The approved entries of one contract, in an order that has nothing to do with time."""
    chance = Random(SEED + each.number)
    for number in range(entries):
        is_expense = chance.randrange(100) < EXPENSES_PER_HUNDRED
        make = _expense if is_expense else _hours
        yield make(each.version.contract_id, f"{each.number}-{number}", chance)


def _hours(contract: str, name: str, chance: Random) -> Work:
    person = chance.randrange(_PEOPLE)
    return Work(
        id=f"{TIME_SOURCE}/time/{name}",
        contract=contract,
        kind=ChargeKind.TIME,
        work_date=MONTH + timedelta(days=chance.randrange(DAYS)),
        approved_at=APPROVED + timedelta(seconds=chance.randrange(3_600)),
        quantity=Decimal(chance.randint(1, 24)) / 4,
        person=f"person-{person}",
        role=_ROLES[person % len(_ROLES)],
        task=f"task-{chance.randrange(4)}",
        description="work on the project",
    )


def _expense(contract: str, name: str, chance: Random) -> Work:
    category = chance.choice(_CATEGORIES)
    is_mileage = category == "km"
    net = Decimal(chance.randint(500, 60_000)) / 100
    vat = Decimal(0) if is_mileage else (net * 19 / 100).quantize(Decimal("0.01"))
    cost = ExpenseCost(
        category=category,
        net=Decimal(0) if is_mileage else net,
        vat=vat,
        recoverable_vat=vat,
        currency="EUR",
        units=Decimal(chance.randint(10, 400)) if is_mileage else Decimal(1),
        disbursement=False,
        rate=Decimal(1),
    )
    return Work(
        id=f"{EXPENSE_SOURCE}/expense/{name}",
        contract=contract,
        kind=ChargeKind.EXPENSE,
        work_date=MONTH + timedelta(days=chance.randrange(DAYS)),
        approved_at=APPROVED + timedelta(seconds=chance.randrange(3_600)),
        quantity=Decimal(1),
        person=f"person-{chance.randrange(_PEOPLE)}",
        description=category,
        expense=cost,
    )


def shares(entries: int, contracts: int) -> Mapping[int, int]:
    """How many entries each contract has; together exactly `entries`."""
    usual, more = divmod(entries, contracts)
    return {number: usual + (number < more) for number in range(contracts)}
