"""Reads scenario files, and tells every mistake with file, line, field and what was expected."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from canonical.errors import DomainError, Role
from canonical.plainly import validated
from canonical.scenario.model import Scenario
from canonical.scenario.playing import Outcome, play
from runtime.plain_yaml import PlainYaml, YamlInvalid
from runtime.scenario_fields import fields_at

SCENARIO_BYTES_MAX: Final = 2_000_000
PROBLEMS_SHOWN_MAX: Final = 50


class ScenarioInvalid(DomainError):
    """The file cannot be read as a scenario; the message lists every problem."""

    owner = Role.FINANCE
    remedy = "Correct the file; docs/scenarios.md and its JSON Schema say what each field means."

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        self.path, self.problems = path, list(problems)
        shown = self.problems[:PROBLEMS_SHOWN_MAX]
        if len(self.problems) > len(shown):
            shown.append(f"... and {len(self.problems) - len(shown)} more")
        super().__init__("the scenario cannot be read:\n" + "\n".join(f"  {p}" for p in shown))


def run_scenario(path: Path) -> Outcome:
    """Read a file and play it in memory; a refusal is told with its line. Raises
    ScenarioInvalid."""
    document = _parse(path)
    outcome = play(_scenario(path, document))
    if outcome.refused_at is None:
        return outcome
    line = document.line(("story", outcome.refused_at))
    return outcome._replace(place=f"{path}:{line}: {outcome.place}")


def scenario_files(paths: Sequence[Path]) -> list[Path]:
    """The files named, and all `.yaml` files in the folders named, in order of their names.

    Raises ScenarioInvalid for a path that does not exist or holds no scenario.
    """
    found: list[Path] = []
    for path in paths:
        files = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
        if not files or not files[0].exists():
            raise ScenarioInvalid(path, [f"{path}: there is no scenario. Name a file or folder."])
        found += files
    return found


def read_scenario(path: Path) -> Scenario:
    """Raises ScenarioInvalid naming file, line, field and what was expected there."""
    return _scenario(path, _parse(path))


def _scenario(path: Path, document: PlainYaml) -> Scenario:
    try:
        return validated(Scenario, document.value)
    except ValidationError as invalid:
        errors = _causes(invalid.errors(include_url=False, include_input=False))
        raise ScenarioInvalid(path, [_sentence(path, document, each) for each in errors]) from None


def _causes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without what only follows: a list whose items are refused is not "too short" as well."""
    return [
        each
        for each in errors
        if each["type"] != "too_short"
        or not any(_is_within(other["loc"], each["loc"]) for other in errors)
    ]


def _is_within(inner: Sequence[int | str], outer: Sequence[int | str]) -> bool:
    return len(inner) > len(outer) and tuple(inner[: len(outer)]) == tuple(outer)


def _parse(path: Path) -> PlainYaml:
    try:
        with path.open("rb") as opened:
            content = opened.read(SCENARIO_BYTES_MAX + 1)
        if len(content) > SCENARIO_BYTES_MAX:
            raise ScenarioInvalid(path, [f"{path}: it is larger than {SCENARIO_BYTES_MAX} bytes."])
        return PlainYaml(content.decode("utf-8"), numbers_as_text=True)
    except YamlInvalid as broken:
        reason = f"{path}:{broken.line}: {broken.reason}. {broken.remedy}"
        raise ScenarioInvalid(path, [reason]) from None
    except UnicodeDecodeError:
        raise ScenarioInvalid(path, [f"{path}: it is not UTF-8."]) from None
    except OSError as unreadable:
        reason = f"{path}: it cannot be read ({unreadable.strerror})."
        raise ScenarioInvalid(path, [reason]) from None


def _sentence(path: Path, document: PlainYaml, error: ErrorDetails) -> str:
    location = _written(document.value, error["loc"], is_missing=error["type"] == "missing")
    field = ".".join(str(part) for part in location)
    reason = _REASONS.get(error["type"], error["msg"].removeprefix("Value error, "))
    place = f"{path}:{document.line(location)}: {field}" if field else str(path)
    return f"{place}: {reason}. {_expected(error)}".rstrip()


def _written(value: object, location: Sequence[int | str], *, is_missing: bool) -> list[int | str]:
    """The location without what is not in the file: the kind of a line, the number of the only
    row, written without a list. A missing field is named last."""
    found: list[int | str] = []
    for number, part in enumerate(location):
        child = _child(value, part)
        is_last = number == len(location) - 1
        if child is None and not (is_last and is_missing):
            continue
        found.append(part)
        value = child
    return found


def _child(value: object, part: int | str) -> object:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        child: object = value[part]
        return child
    return None


_REASONS: Final = {
    "missing": "it is missing",
    "extra_forbidden": "there is no such field",
    "model_type": "it has fields of its own",
    "model_attributes_type": "it has fields of its own",
    "dict_type": "it has names with values",
    "union_tag_invalid": "this kind is not known",
    "union_tag_not_found": "its kind is not said",
}
"""Instead of words about types."""


def _expected(error: ErrorDetails) -> str:
    name = str(error["loc"][-1]) if error["loc"] else ""
    match error["type"]:
        case "missing":
            return f"Expected {name} here."
        case "extra_forbidden":
            return _known_fields(name, error["loc"][:-1])
        case "decimal_parsing" | "decimal_type":
            return "Expected a number such as 180.00."
        case "date_from_datetime_parsing" | "date_parsing" | "date_type":
            return "Expected a day such as 2026-03-31."
        case "model_type" | "model_attributes_type":
            fields = fields_at(error["loc"])
            return f"Expected {{name: value}} with {_listed(fields)}."
        case "dict_type":
            return "Expected {name: value}."
        case "union_tag_invalid":
            kinds = str(error["ctx"]["expected_tags"]).replace("'", "")
            return f"Expected one of {kinds}."
        case "union_tag_not_found":
            return "Expected method here."
        case _:
            return ""


def _known_fields(name: str, place: Sequence[int | str]) -> str:
    fields = fields_at(place)
    close = difflib.get_close_matches(name, fields, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    return f"Expected {_listed(fields)}." if fields else "Remove it."


def _listed(fields: Sequence[str]) -> str:
    return f"one or more of {', '.join(fields)}" if len(fields) > 1 else ", ".join(fields)
