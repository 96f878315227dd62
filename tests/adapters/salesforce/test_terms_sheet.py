"""The terms sheet: what people may write, and what they are told when it cannot be read."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from adapters.salesforce.terms_sheet import CHARACTERS_MAX, DEPTH_MAX, read_sheet
from tests.adapters.salesforce.sold import capped_time
from tests.canonical.deals import findings_of, make_deal, role_line
from tests.docs.pages import page


def deep(levels: int) -> str:
    return "a: " + "[" * levels + "]" * levels


READABLE: dict[str, tuple[str | None, JsonValue]] = {
    "nothing": (None, {}),
    "blanks": (" \r\n\n", {}),
    "comments alone": ("# to be agreed\n   # later\n", {}),
    "digits are kept": ("price: 50000.00", {"price": "50000.00"}),
    "days stay days": ("starts: 2026-11-01", {"starts": "2026-11-01"}),
    "no is a text": ("name: no", {"name": "no"}),
    "truths": ("deficit_rolls: true", {"deficit_rolls": True}),
    "lines end as in a web form": ("a: 1\r\nb: 2\r\n", {"a": "1", "b": "2"}),
    "as deep as may be": (deep(DEPTH_MAX), {"a": [[[[[[[[[[[[]]]]]]]]]]]]}),
}


@pytest.mark.parametrize(("text", "terms"), READABLE.values(), ids=READABLE.keys())
def test_what_is_written_is_read(text: str | None, terms: JsonValue) -> None:
    assert read_sheet(text) == (terms, None)


UNREADABLE = {
    "a list": ("- a\n- b", 1, "field: value"),
    "a sentence": ("as agreed with procurement", 1, "field: value"),
    "a field twice": ("a: 1\nb: 2\na: 3", 3, "named twice"),
    "an anchor": ("a: &x 1\nb: *x", 1, "anchors"),
    "a tag": ("a: !!python/name:os.system 1", 1, "tags"),
    "a tab for indentation": ("caps:\n\t- a", 2, "token"),
    "an open bracket": ("a: 1\ncaps: [", 2, "expected"),
    "too deep": ("# first\n" + deep(DEPTH_MAX + 1), 2, "too deeply"),
    "deeper than a parser goes": (deep(5_000), 0, "too deeply"),
    "too long": (f"a: {'x' * CHARACTERS_MAX}", 0, "characters"),
    "a character that no database keeps": ('a: 1\nb: {c: "\\0"}', 2, "invisible"),
    "in a field's name": ('a: 1\n"b\\0": {c: 1}', 2, "invisible"),
    "half a character": ('a: ["\\uD83D"]', 1, "invisible"),
}


@pytest.mark.parametrize(("text", "line", "reason"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_told_with_line_and_reason(
    text: str, line: int, reason: str
) -> None:
    terms, unreadable = read_sheet(text)
    assert terms == {}
    assert unreadable is not None
    assert unreadable.line == line
    assert reason in unreadable.reason
    assert unreadable.remedy


def test_the_deals_of_these_tests_have_sheets_that_can_be_read() -> None:
    assert read_sheet(capped_time().contract_terms).unreadable is None


def test_the_example_of_the_documents_is_a_sheet_without_findings() -> None:
    (block,) = page("docs/connecting-systems.md").blocks("yml")
    terms, unreadable = read_sheet(block.text)
    assert unreadable is None
    assert findings_of(make_deal(role_line("180")).model_copy(update={"terms": terms})) == ()
