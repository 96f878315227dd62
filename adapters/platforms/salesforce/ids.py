"""Record ids of the platform: 15 characters and 18 characters name the same record."""

from __future__ import annotations

import re

_ID_15 = re.compile(r"^[0-9A-Za-z]{15}$")
_ID_18 = re.compile(r"^[0-9A-Za-z]{15}[A-Z0-5]{3}$")
_SUFFIX_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def to_18(record_id: str) -> str:
    """The 18-character form, whose suffix tells the case of the first 15. Raises ValueError."""
    if _ID_18.match(record_id) and not record_id[15:] == _suffix(record_id[:15]):
        raise ValueError(f"{record_id!r} is not a record id: its last three characters do not fit")
    if not (_ID_15.match(record_id) or _ID_18.match(record_id)):
        raise ValueError(f"{record_id!r} is not a record id of 15 or 18 characters")
    return record_id[:15] + _suffix(record_id[:15])


def same_record(one: str, other: str) -> bool:
    """Whether two ids name one record. Raises ValueError for a text that is no id."""
    return to_18(one) == to_18(other)


def _suffix(id_15: str) -> str:
    return "".join(_suffix_character(id_15[start : start + 5]) for start in (0, 5, 10))


def _suffix_character(group: str) -> str:
    bits = sum(1 << place for place, each in enumerate(group) if "A" <= each <= "Z")
    return _SUFFIX_ALPHABET[bits]
