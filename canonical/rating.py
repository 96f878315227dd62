"""Rating: approved work to billing transactions, each item by the contract version of its WORK
date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from canonical.billing import BillingRun, BillingTransaction, Hold, RunOutcome
from canonical.contract import ContractVersion, version_on
from canonical.landscape import LegalEntity
from canonical.rules import rules
from canonical.rules.context import RatedItem, RuleContext

METHOD_OF_KIND = {"time": "time_and_materials", "expense": "expenses"}
"""Which contract line takes an item, by the item's kind."""


def rate(
    run: BillingRun,
    versions: tuple[ContractVersion, ...],
    entity: LegalEntity,
    items: Iterable[RatedItem],
) -> RunOutcome:
    """Price a chunk of items. Items that the contract does not bill are held, with the reason.

    Raises RuleViolation (or a subclass that names line, role, date and item) for items that cannot
    be priced: nothing of the chunk is then billed.
    """
    transactions: list[BillingTransaction] = []
    holds: list[Hold] = []
    for (number, method), group in _by_version_and_method(versions, items).items():
        version = next(each for each in versions if each.version == number)
        outcome = _rate_group(RuleContext(run=run, version=version, entity=entity), method, group)
        transactions += outcome.transactions
        holds += outcome.holds
    return RunOutcome(transactions=tuple(transactions), holds=tuple(holds))


def _by_version_and_method(
    versions: tuple[ContractVersion, ...], items: Iterable[RatedItem]
) -> dict[tuple[int, str], list[RatedItem]]:
    groups: dict[tuple[int, str], list[RatedItem]] = {}
    for rated in items:
        version = version_on(versions, rated.item.work_date)
        groups.setdefault((version.version, METHOD_OF_KIND[rated.item.kind]), []).append(rated)
    return groups


def _rate_group(context: RuleContext, method: str, group: Sequence[RatedItem]) -> RunOutcome:
    line = context.version.line_of(method)
    if line is None:
        detail = f"contract version {context.version.version} has no line for {method}"
        return RunOutcome(
            holds=tuple(
                Hold(
                    item_id=rated.item.id,
                    quantity=rated.unbilled,
                    reason="no_contract_line",
                    detail=detail,
                )
                for rated in group
            )
        )
    return rules()[method].bill(line, group, context)
