"""Tables on a terminal whose figures are never cut."""

from __future__ import annotations

from typing import Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from workers.reports.columns import Show

COLUMN_PADDING: Final = 3
"""What a column takes beside its text."""
WORDS_MIN: Final = 12
"""Characters of a column of words below which it is not narrowed."""


class Grid:
    """A table whose figures are never cut: where the terminal is too narrow its lines are longer
    than the terminal. Columns without a word or figure are left out."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._labels: list[tuple[str, Show]] = []
        self._rows: list[list[str]] = []
        self._sections: set[int] = set()

    def column(self, label: str, show: Show) -> None:
        self._labels.append((label, show))

    def row(self, *cells: str) -> None:
        self._rows.append(list(cells))

    def section(self) -> None:
        """A line below what was added so far."""
        self._sections.add(len(self._rows) - 1)

    def print(self, console: Console) -> None:
        if not self._rows:
            return
        table = Table(title=self._title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        kept = [
            number for number in range(len(self._labels)) if any(row[number] for row in self._rows)
        ]
        width = 0
        for number in kept:
            least = self._least(number)
            width += least + COLUMN_PADDING
            label, show = self._labels[number]
            table.add_column(
                escape(label),
                justify="left" if show in (Show.TEXT, Show.CODE, Show.DATE) else "right",
                min_width=least,
                overflow="fold",
            )
        for number, row in enumerate(self._rows):
            cells = [escape(row[each]) for each in kept]
            table.add_row(*cells, end_section=number in self._sections)
        console.print(table, width=max(console.width, width), crop=False)

    def _least(self, number: int) -> int:
        """Text may be broken, figures, dates and codes not; a heading is broken between words."""
        label, show = self._labels[number]
        cells = max(len(row[number]) for row in self._rows)
        if show is Show.TEXT:
            cells = min(cells, WORDS_MIN)
        return max(cells, *(len(word) for word in label.split()))
