"""A look at contracts on a day: what prices have in common, what may be billed, what is held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import ContractLine, ContractVersion
from canonical.engine.books import ContractBook
from canonical.engine.rows import Charge, Held
from canonical.rules.pricing import Price
from canonical.terms.policies import Payer


class Frame(NamedTuple):
    """What all prices of one version have in common, found once per look."""

    version: ContractVersion
    payers: tuple[Payer, ...]
    weights: tuple[Decimal, ...]
    step: Decimal
    """The minor unit of the invoice's currency."""
    contract_step: Decimal
    fx: Decimal | None
    """Invoice currency per unit of contract currency; None: they are the same."""
    is_capped: bool
    """Whether any version in force at the run has caps."""


class Pricing(NamedTuple):
    """A price with the line and the frame of the version that set it."""

    price: Price
    line: ContractLine
    frame: Frame


@dataclass(slots=True)
class Look:
    """One look at some contracts on one day."""

    run_on: date
    consumed: dict[str, Decimal]
    """Of each limit; grows while charges are made."""
    exchange: Callable[[str, str], Decimal]
    """The day's rate from one currency into another."""
    charges: list[tuple[ContractBook, Charge]] = field(default_factory=list)
    held: list[tuple[ContractBook, Held]] = field(default_factory=list)
    frames: dict[tuple[str, int], Frame] = field(default_factory=dict)
