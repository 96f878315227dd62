"""The documents as tests read them: pages, their headings, links and code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block and its language."""

    language: str
    text: str


class Page(NamedTuple):
    """One document: its path below the project, and its text."""

    path: str
    text: str

    def __str__(self) -> str:
        return self.path

    def blocks(self, language: str | None = None) -> list[Block]:
        found = [Block(*match.groups()) for match in _FENCE.finditer(self.text)]
        return [block for block in found if language is None or block.language == language]

    def prose(self) -> str:
        return _FENCE.sub("", self.text)

    def code(self) -> Iterator[str]:
        """What stands for code: spans, and lines of blocks without a language."""
        yield from _SPAN.findall(self.prose())
        for block in self.blocks(""):
            yield from block.text.splitlines()

    def links(self) -> list[str]:
        return _LINK.findall(self.prose())

    def anchors(self) -> set[str]:
        """As GitHub makes them from headings."""
        headings = (heading.lower() for heading in _HEADING.findall(self.prose()))
        return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}

    def rows(self, heading: str) -> list[list[str]]:
        """The cells of the tables below a heading, without their headers."""
        _, _, below = self.prose().partition(f"\n{heading}\n")
        lines = re.split(r"\n#+ ", below)[0].splitlines()
        cells = [
            [cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in lines
            if line.startswith("|")
        ]
        rules = [number for number, row in enumerate(cells) if set("".join(row)) <= set("-: ")]
        dropped = {number for rule in rules for number in (rule - 1, rule)}
        return [row for number, row in enumerate(cells) if number not in dropped]


@cache
def pages() -> tuple[Page, ...]:
    """README and everything below docs/."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return tuple(Page(str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in paths)


def page(path: str) -> Page:
    return next(each for each in pages() if each.path == path)


def spans(text: str) -> list[str]:
    """The code spans of a cell."""
    return _SPAN.findall(text)
