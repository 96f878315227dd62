"""The terms sheet of a deal: a long text in which people write, as plain YAML, what no field says.

A text that cannot be read is no reason not to read the deal: the deal carries why.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from pydantic import JsonValue

from canonical.deal import TermsUnreadable
from runtime.plain_yaml import PlainYaml, YamlInvalid

CHARACTERS_MAX = 32_000
DEPTH_MAX = 12
"""Lists and mappings within each other; a rate row of a line is four deep."""


class Sheet(NamedTuple):
    """What is written, or why it cannot be read."""

    terms: dict[str, JsonValue]
    unreadable: TermsUnreadable | None = None


def read_sheet(text: str | None) -> Sheet:
    """Numbers and days stay text. Blank lines and comments alone are no terms."""
    written = text or ""
    if all(line.lstrip().startswith("#") for line in written.splitlines() if line.strip()):
        return Sheet({})
    if len(written) > CHARACTERS_MAX:
        return _unreadable(
            0, f"it has more than {CHARACTERS_MAX} characters", "Leave out what is not agreed."
        )
    try:
        document = PlainYaml(written, numbers_as_text=True)
        return Sheet(_mapping(document))
    except YamlInvalid as broken:
        return _unreadable(broken.line, broken.reason, broken.remedy)


def _unreadable(line: int, reason: str, remedy: str) -> Sheet:
    return Sheet({}, TermsUnreadable(line=line, reason=reason, remedy=remedy))


def _mapping(document: PlainYaml) -> dict[str, JsonValue]:
    """Raises YamlInvalid for what is no mapping, is too deep, or holds what no text may."""
    if not isinstance(document.value, dict):
        raise YamlInvalid(1, "it is not a list of `field: value`", "Begin with a field's name.")
    return {key: _value(document, value, (key,)) for key, value in document.value.items()}


def _value(document: PlainYaml, value: object, place: tuple[int | str, ...]) -> JsonValue:
    if len(place) > DEPTH_MAX:
        raise YamlInvalid(document.line(place), "it is nested too deeply", "Flatten it.")
    if not (_is_plain(str(place[-1])) and (not isinstance(value, str) or _is_plain(value))):
        raise YamlInvalid(document.line(place), "it holds an invisible character", "Remove it.")
    if isinstance(value, dict):
        return {key: _value(document, each, (*place, key)) for key, each in value.items()}
    if isinstance(value, list):
        return [_value(document, each, (*place, at)) for at, each in enumerate(value)]
    return value if isinstance(value, bool | None) else str(value)


def _is_plain(text: str) -> bool:
    """No control characters, no halves of characters: escapes in quotes can make them, and no
    database would keep them."""
    return all(each in "\t\n" or unicodedata.category(each) not in ("Cc", "Cs") for each in text)
