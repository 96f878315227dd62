"""Contract rules, one file a rule, found by their folder.

A rule module has `METHOD`, the contract line's method that it serves, and
`bill(line, items, context) -> RunOutcome`: pure, with time and rates as arguments.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from canonical.billing import RunOutcome
from canonical.contract import ContractLine
from canonical.rules.context import RatedItem, RuleContext


class Rule(Protocol):
    """What every rule module offers."""

    METHOD: str

    def bill(
        self, line: ContractLine, items: Sequence[RatedItem], context: RuleContext
    ) -> RunOutcome: ...


@cache
def rules() -> dict[str, Rule]:
    """All rules by method, in the order of their names."""
    found: dict[str, Rule] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        module = import_module(f"{__name__}.{name}")
        if hasattr(module, "METHOD"):
            found[module.METHOD] = cast(Rule, module)
    return found
