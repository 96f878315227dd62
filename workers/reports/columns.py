"""Columns: what they are called, where their values are, how those are written."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

Cell = str | int | Decimal | date | None


class Show(StrEnum):
    """How a value is written."""

    TEXT = "text"
    CODE = "code"
    """A word that is never broken: a project, a document, a currency."""
    DATE = "date"
    COUNT = "count"
    QUANTITY = "quantity"
    MONEY = "money"
    """In the currency that the column names."""


class Column(NamedTuple):
    """One column; `path` leads from the line to its value, `currency` to the currency of money."""

    label: str
    path: str
    show: Show = Show.TEXT
    currency: str = "currency"
    in_table: bool = True
    """Or in workbooks only, where there is room."""
    zero: bool = False
    """Whether zero is written out; otherwise it is left blank, and a column of blanks left out."""

    def value(self, line: object) -> Cell:
        found = attrgetter(self.path)(line)
        if not isinstance(found, Cell):
            raise TypeError(f"{self.path} of {type(line).__name__} is no cell: {found!r}")
        return found


class Section(NamedTuple):
    """One table of a report, one sheet of its workbook."""

    title: str
    columns: tuple[Column, ...]
    group: tuple[str, ...] = ()
    """Amounts that are shown in the group's currency too."""


def money(label: str, path: str, *, in_table: bool = True, zero: bool = False) -> Column:
    return Column(label, path, Show.MONEY, "currency", in_table, zero)


def document(label: str, path: str, *, in_table: bool = True, zero: bool = False) -> Column:
    return Column(label, path, Show.MONEY, "document_currency", in_table, zero)
