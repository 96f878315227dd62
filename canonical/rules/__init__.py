"""Contract rules, one file a rule, found by their folder.

A rule module that serves a contract line's method names it in `METHOD`, and offers one or more of

- `bill(line, items, context) -> RunOutcome`: one chunk of a run, item by item;
- `prices(line, version, works) -> list[Price]`: the billing engine's view of work;
- `fees(line, facts) -> list[Fee]`: what falls due by the contract itself.

All are pure, with time and rates as arguments. Rules that cut, share or tax what others priced
(caps, shares, tax ...) are modules without a method.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Protocol, cast

from canonical.billing import RunOutcome
from canonical.contract import ContractLine
from canonical.rules.context import RatedItem, RuleContext
from canonical.rules.pricing import FeeRule, WorkRule


class Rule(Protocol):
    """What every rule module offers."""

    METHOD: str

    def bill(
        self, line: ContractLine, items: Sequence[RatedItem], context: RuleContext
    ) -> RunOutcome: ...


@cache
def rules() -> dict[str, Rule]:
    """The rules that bill a chunk, by method, in the order of their names."""
    return {name: cast(Rule, module) for name, module in _offering("bill").items()}


@cache
def work_rules() -> dict[str, WorkRule]:
    """The rules that price work, by method."""
    return {name: cast(WorkRule, module) for name, module in _offering("prices").items()}


@cache
def fee_rules() -> dict[str, FeeRule]:
    """The rules that make fees fall due, by method."""
    return {name: cast(FeeRule, module) for name, module in _offering("fees").items()}


def _offering(function: str) -> dict[str, ModuleType]:
    found: dict[str, ModuleType] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        module = import_module(f"{__name__}.{name}")
        if hasattr(module, "METHOD") and hasattr(module, function):
            found[module.METHOD] = module
    return found
