"""The typeface of the documents: embedded, so that every reader shows the same, and checked, so
that no name is printed as boxes."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD = "DocumentSans", "DocumentSans-Bold"
_FILES = {REGULAR: "DejaVuSansCondensed.ttf", BOLD: "DejaVuSansCondensed-Bold.ttf"}
"""DejaVu covers Latin, Greek and Cyrillic; the fonts that PDF readers bring cover Western Europe
only."""
_SUBSTITUTE = "\u25a1"


@cache
def register() -> frozenset[int]:
    """Make the typeface known to the PDF library; returns the code points that it can print."""
    glyphs: list[frozenset[int]] = []
    for name, file in _FILES.items():
        with as_file(files("adapters.documents") / "fonts" / file) as path:
            font = TTFont(name, str(path))
        pdfmetrics.registerFont(font)
        # The library's table for copying text knows code points of four digits only.
        glyphs.append(frozenset(code for code in font.face.charToGlyph if code <= 0xFFFF))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR)
    return frozenset.intersection(*glyphs)


def unprintable(text: str) -> str:
    """The characters of `text` that the typeface lacks, each once, in order."""
    printable = register()
    return "".join(
        dict.fromkeys(each for each in text if not each.isspace() and ord(each) not in printable)
    )


def markup(text: str, length_max: int) -> str:
    """`text` for the PDF library's paragraphs: escaped (it would load images that a tag names),
    shortened, line breaks kept, and a box for each character that the typeface lacks."""
    short = text if len(text) <= length_max else f"{text[: length_max - 1]}\u2026"
    shown = short.translate({ord(each): _SUBSTITUTE for each in unprintable(short)})
    return escape(shown.strip()).replace("\n", "<br/>")
