"""Findings about a contract line whose form is right, but which could not be billed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from canonical.contract import ContractLine, ContractVersion, ExpensesLine
from canonical.engine.contracts import check_version
from canonical.errors import RuleViolation
from canonical.landscape import Landscape, LegalEntity
from canonical.ledger.entity import entity_terms
from canonical.money import minor_unit, round_half_up
from canonical.rules.retainer import terms
from canonical.terms.lines import FixedFeeLine, MilestonesLine, RetainerLine
from canonical.validation.report import Finding, finding

NAME_LENGTH_MAX = 120
"""Of what an event names, such as a milestone."""
YEAR_MAX = 2_999


def unbillable(version: ContractVersion, landscape: Landscape) -> Iterator[Finding]:
    """`version` has one line. Ends with the engine's own check, so that what is agreed can be
    billed."""
    (line,) = version.lines
    found = [
        *_name_findings(line),
        *_amount_findings(line, version.currency),
        *_date_findings(line, version.effective_from),
        *_tax_findings(line, version, landscape),
    ]
    yield from found
    if not found:
        yield from _engine_findings(line, version, landscape)


def _entity(
    line: ContractLine, version: ContractVersion, landscape: Landscape
) -> LegalEntity | None:
    code = line.legal_entity or version.legal_entity
    return next((entity for entity in landscape.entities if entity.code == code), None)


def _name_findings(line: ContractLine) -> Iterator[Finding]:
    for path, names in _names(line).items():
        if any(not 1 <= len(name) <= NAME_LENGTH_MAX for name in names):
            yield _finding(
                line,
                f"{path}_invalid",
                path,
                f"a name is empty, or longer than {NAME_LENGTH_MAX} characters",
                "Enter the description, or a short id of its own.",
            )
    if isinstance(line, FixedFeeLine):
        yield from _instalment_findings(line)


def _instalment_findings(line: FixedFeeLine) -> Iterator[Finding]:
    for name, times in Counter(item.item_id for item in line.schedule).items():
        if times > 1:
            yield _finding(
                line,
                "instalment_twice",
                f"schedule.{name}",
                f"instalment {name} is named {times} times; only one of them would be billed",
                "Give each instalment an id of its own.",
            )


def _names(line: ContractLine) -> dict[str, list[str]]:
    names = {"line_id": [line.line_id]}
    if isinstance(line, MilestonesLine):
        names["milestone_id"] = [each.milestone_id for each in line.milestones]
    if isinstance(line, FixedFeeLine):
        names["item_id"] = [each.item_id for each in line.schedule]
    return names


def _amount_findings(line: ContractLine, currency: str) -> Iterator[Finding]:
    for path, amount in _amounts(line):
        if amount != round_half_up(amount, minor_unit(currency)):
            yield _finding(
                line,
                "amount_too_fine",
                path,
                f"{amount} is finer than {minor_unit(currency)} {currency}",
                "Enter an amount that can be paid.",
            )


def _amounts(line: ContractLine) -> list[tuple[str, Decimal]]:
    match line:
        case RetainerLine():
            return [("fee", line.fee)]
        case MilestonesLine():
            return [(each.milestone_id, each.amount) for each in line.milestones]
        case FixedFeeLine():
            items = [(each.item_id, each.amount) for each in line.schedule]
            return [("price", line.price), *items]
        case _:
            return []


def _date_findings(line: ContractLine, begins: date) -> Iterator[Finding]:
    if not isinstance(line, RetainerLine | FixedFeeLine):
        return
    if line.starts is not None and line.starts < begins:
        yield _finding(
            line,
            "starts_before_contract",
            "starts",
            f"it starts on {line.starts}, before the contract takes effect on {begins}",
            "Start it with the contract, or correct the service start.",
        )
    if isinstance(line, RetainerLine) and line.ends is not None:
        yield from _end_findings(line, line.ends)


def _end_findings(line: RetainerLine, ends: date) -> Iterator[Finding]:
    """The fee is for a whole period: the last day has to be the last day of one."""
    periods = terms(line, ends) if ends.year <= YEAR_MAX else []
    if not periods or periods[-1].last != ends:
        yield _finding(
            line,
            "ends_within_period",
            "ends",
            f"it ends on {ends}, which is not the last day of a {line.period.value} counted from "
            f"{line.starts}",
            "Correct service start or end, or say the line's `starts` and `ends`.",
        )


def _tax_findings(
    line: ContractLine, version: ContractVersion, landscape: Landscape
) -> Iterator[Finding]:
    entity = _entity(line, version, landscape)
    if entity is None:
        return
    told = [("tax_code", line.tax_code)]
    if isinstance(line, ExpensesLine):
        told.append(("disbursement_tax_code", line.disbursement_tax_code))
    for path, code in told:
        if code and code not in {tax.code for tax in entity.taxes}:
            yield _finding(
                line,
                "tax_unmapped",
                path,
                f"tax code {code} is not mapped for legal entity {entity.code}",
                "Correct the tax code, or add it to the entity's taxes.",
            )


def _engine_findings(
    line: ContractLine, version: ContractVersion, landscape: Landscape
) -> Iterator[Finding]:
    entities = {entity.code: entity_terms(entity) for entity in landscape.entities}
    try:
        check_version(version, version.effective_from, entities)
    except RuleViolation as violation:
        yield finding(
            "line_not_billable",
            f"contract.{line.line_id}",
            str(violation),
            "Correct the line in the terms sheet.",
        )


def _finding(line: ContractLine, code: str, path: str, reason: str, remedy: str) -> Finding:
    return finding(
        code,
        f"contract.{line.line_id}.{path}",
        f"contract line {line.line_id}: {reason}",
        remedy,
    )
