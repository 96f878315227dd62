"""Tryton's typed JSON, there and back."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from adapters.tryton.wire import NotWire, Wire, decode, encode

scalars: st.SearchStrategy[Wire] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.binary(max_size=200),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(),
    st.timedeltas(timedelta(days=-1000), timedelta(days=1000)),
)


@given(st.lists(scalars) | st.dictionaries(st.text(alphabet="abc"), scalars))
def test_what_is_encoded_is_decoded_to_the_same(value: Wire) -> None:
    assert decode(encode(value)) == value


def test_money_travels_as_its_exact_text() -> None:
    assert encode(Decimal("150.00")) == {"__class__": "Decimal", "decimal": "150.00"}


def test_a_moment_is_no_mere_date() -> None:
    assert encode(datetime(2026, 11, 3, 9, 30)) == {  # noqa: DTZ001 - naive UTC on the wire
        "__class__": "datetime",
        "year": 2026,
        "month": 11,
        "day": 3,
        "hour": 9,
        "minute": 30,
        "second": 0,
        "microsecond": 0,
    }


def test_long_bytes_come_broken_into_lines() -> None:
    assert decode({"__class__": "bytes", "base64": "UEsD\nBBQA\n"}) == b"PK\x03\x04\x14\x00"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"__class__": "complex", "real": 1}, id="unknown mark"),
        pytest.param({"__class__": "Decimal", "decimal": "twelve"}, id="no number"),
        pytest.param({"__class__": "Decimal"}, id="no value"),
        pytest.param({"__class__": "date", "year": 2026, "month": 13, "day": 1}, id="no month"),
        pytest.param({"__class__": "date", "year": "2026", "month": 1, "day": 1}, id="text"),
        pytest.param({"__class__": "timedelta", "seconds": "long"}, id="no duration"),
        pytest.param({"__class__": "bytes", "base64": "*"}, id="no base64"),
        pytest.param({"__class__": ["Decimal"]}, id="mark is no text"),
    ],
)
def test_a_mark_that_does_not_fit_is_refused(value: JsonValue) -> None:
    with pytest.raises(NotWire):
        decode([value])


def test_a_date_is_decoded_inside_of_records() -> None:
    answer: JsonValue = [{"d": {"__class__": "date", "year": 2026, "month": 1, "day": 31}}]
    assert decode(answer) == [{"d": date(2026, 1, 31)}]
