"""Contract rules, one file a rule, found by their folder.

A rule module that serves a contract line's method names it in `METHOD`, and offers one or more of

- `prices(line, version, works) -> list[Price]`: the portions of work at their rates;
- `fees(line, facts) -> list[Fee]`: what falls due by the contract itself.

All are pure, with time and rates as arguments. Rules that cut, share or tax what others priced
(caps, shares, tax ...) are modules without a method.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import cast

from canonical.rules.pricing import FeeRule, WorkRule


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
