"""Refusals of the contract's models in words: contract line, field, reason, remedy."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Final, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from canonical.contract import ContractLine, ContractVersion, RateRow
from canonical.terms import lines as line_models
from canonical.terms import policies as policy_models
from canonical.validation.refusals import Location, Refusal, child_of
from canonical.validation.report import Finding, finding

_LINE_MODELS: Final[tuple[type[BaseModel], ...]] = get_args(get_args(ContractLine)[0])
METHODS: Final = tuple(str(model.model_fields["method"].default) for model in _LINE_MODELS)
"""Every kind of contract line."""

_NAMED_BY: Final = ("line_id", "milestone_id", "item_id", "row", "cap_id", "customer", "category")

_REMEDIES: Final = {
    "period_missing": "Choose month, quarter or year on the deal's line.",
    "overage_rate_missing": "Enter the rate of hours beyond the retainer on the deal's line.",
    "due_on_missing": "Give the line of each instalment its date.",
    "rates_overlap": "End each rate before the next one of the same role or person begins.",
    "milestone_twice": "Give each milestone a name of its own.",
    "payers_invalid": "Name each payer once; the shares add up to 1.",
    "cap_currency": "State the cap in the contract's currency.",
    "cap_line_unknown": "Name one of the contract's lines, or leave `line_id` out.",
    "schedule_over_price": "Raise the price or correct the instalments.",
    "term_missing": "Enter service start and end, or the line's `starts` and `ends`.",
    "field_unknown": "Correct the word in the terms sheet, or remove it.",
    "method_missing": "Correct `line_id` in the terms sheet, or say the new line's `method`.",
}
_USUAL_REMEDY: Final = "Correct it on the deal's lines or in its terms sheet."


def worded(refusal: Refusal, code_of_whole: str, place_of_whole: str = "") -> Finding:
    """What is wrong with a line or contract as a whole gets the code and place that are given: the
    models say it in a sentence only."""
    subject, words, row = _subject(refusal)
    path = _path(row, refusal.place.path)
    sentence = _sentence(words, ".".join(path), refusal.error)
    place = ".".join((subject, *path))
    if refusal.is_of_whole:
        return _finding(code_of_whole, place_of_whole or place, sentence)
    return _finding(_code(refusal.error), place, sentence)


def _finding(code: str, place: str, sentence: str) -> Finding:
    return finding(code, place, sentence, _REMEDIES.get(code, _USUAL_REMEDY))


def _subject(refusal: Refusal) -> tuple[str, str, object]:
    line = refusal.place.line
    if line is None:
        return "contract", "the contract", refusal.draft
    row = child_of(child_of(refusal.draft, "lines"), line)
    name = _name(row, line)
    return f"contract.{name}", f"contract line {name}", row


def _path(node: object, location: Location) -> list[str]:
    """The way to a field, with the names of rows instead of their numbers."""
    found = []
    for part in location:
        node = child_of(node, part)
        found.append(_name(node, part))
    return found


def _name(node: object, part: int | str) -> str:
    """A field's own name; of a row what names it, else its number, from 1."""
    if isinstance(part, str):
        return part
    if isinstance(node, Mapping):
        for name in _NAMED_BY:
            if isinstance(node.get(name), str) and node[name]:
                return str(node[name])
    return str(part + 1)


def _code(error: ErrorDetails) -> str:
    name = next((part for part in reversed(error["loc"]) if isinstance(part, str)), "contract")
    match error["type"]:
        case "missing" | "too_short":
            return f"{name}_missing"
        case "too_long":
            return f"{name}_too_many"
        case "extra_forbidden":
            return "field_unknown"
        case "union_tag_not_found":
            return "method_missing"
        case "union_tag_invalid":
            return "method_unknown"
        case "greater_than_equal" if error.get("ctx", {}).get("ge") == 0:
            return f"{name}_negative"
        case _:
            return f"{name}_invalid"


def _sentence(words: str, path: str, error: ErrorDetails) -> str:
    reason = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "value_error":
            return f"{words}: `{path}`: {reason}" if path else reason
        case "union_tag_not_found":
            return f"{words} is not sold on the deal, and has no `method` to be a new one"
        case "union_tag_invalid":
            return f"{words}: `method` is none of {', '.join(METHODS)}"
        case "missing":
            return f"{words}: `{path}` is missing"
        case "too_short":
            return f"{words}: `{path}` is empty"
        case "extra_forbidden":
            return f"{words}: `{path}` is not known{_meant(error['loc'])}"
        case _:
            return f"{words}: `{path}` {reason.removeprefix('Input ')}"


def _meant(location: Location) -> str:
    told = str(location[-1])
    close = difflib.get_close_matches(told, [field for field in _FIELDS if field != told], n=1)
    return f"; is {close[0]} meant?" if close else ""


_CONTRACT_MODELS: Final[tuple[type[BaseModel], ...]] = (ContractVersion, RateRow, *_LINE_MODELS)
_FIELDS: Final = sorted(
    {
        field
        for module in (line_models, policy_models)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        for field in kind.model_fields
    }
    | {field for kind in _CONTRACT_MODELS for field in kind.model_fields}
)
