"""Ids, literals and numbers of the platform."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.platforms.salesforce.decimals import dumps, loads
from adapters.platforms.salesforce.ids import same_record, to_18
from adapters.platforms.salesforce.simulator.soql import Literal, parse
from adapters.platforms.salesforce.soql import moment, quoted

VENDOR_EXAMPLES = ["00DAb00000012XyMAI", "006Ab00000LmNopIAF", "001Ab00000QrStUIAV"]


@pytest.mark.parametrize("record_id", VENDOR_EXAMPLES)
def test_the_suffix_of_an_id_is_the_vendors(record_id: str) -> None:
    assert to_18(record_id[:15]) == to_18(record_id) == record_id


def test_ids_that_differ_in_case_alone_are_different_records() -> None:
    assert not same_record("001Ab00000QrStU", "001ab00000QrStU")
    assert to_18("001Ab00000QrStU") != to_18("001ab00000QrStU")


@pytest.mark.parametrize("text", ["", "006", "006Ab00000LmNo'", "006Ab00000LmNopAAA", "x" * 18])
def test_a_text_that_is_no_record_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a record id"):
        to_18(text)


@given(st.text(max_size=60))
def test_a_quoted_text_is_read_back_unchanged(text: str) -> None:
    query = parse(f"SELECT Id FROM Account WHERE Name = {quoted(text)}")
    assert query.conditions[0].literals == (Literal("text", text),)


def test_a_moment_has_no_plus_sign_that_a_url_could_lose() -> None:
    assert moment(datetime.fromisoformat("2026-03-31T18:05:09+02:00")) == "2026-03-31T16:05:09Z"


def test_amounts_pass_through_json_exactly() -> None:
    document = {"Amount": Decimal("0.10"), "rows": [Decimal("184500.00"), True, None, "ä\"'"]}
    assert dumps(document) == '{"Amount":0.10,"rows":[184500.00,true,null,"\\u00e4\\"\'"]}'
    assert loads(dumps(document)) == document


@pytest.mark.parametrize("text", ["NaN", '{"a": Infinity}', "{", "[" * 200_000])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(text)
