"""The sheet that an invoice is printed on: A4, the sender's foot on each page, numbered pages."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate

from adapters.documents.typeface import BOLD, REGULAR

LEFT, RIGHT, TOP, BOTTOM = 25 * mm, 20 * mm, 20 * mm, 28 * mm
WIDTH = A4[0] - LEFT - RIGHT
GREY, RULE = HexColor("#555555"), HexColor("#BBBBBB")

BODY = ParagraphStyle("body", fontName=REGULAR, fontSize=9, leading=12)
STRONG = ParagraphStyle("strong", BODY, fontName=BOLD)
SMALL = ParagraphStyle("small", BODY, fontSize=7, leading=9, textColor=GREY)
FIGURE = ParagraphStyle("figure", BODY, alignment=TA_RIGHT)
STRONG_FIGURE = ParagraphStyle("strong figure", STRONG, alignment=TA_RIGHT)
SENDER = ParagraphStyle("sender", BODY, fontName=BOLD, fontSize=13, leading=17)
HEADING = ParagraphStyle("heading", BODY, fontName=BOLD, fontSize=15, leading=20, spaceAfter=3 * mm)


class Foot:
    """The sender, the document and the page's number, below a rule."""

    def __init__(self, sender: str, document: str, page_of: str) -> None:
        self._sender, self._document, self._page_of = sender, document, page_of

    def draw(self, canvas: Canvas, page: int, pages: int) -> None:
        base = BOTTOM - 10 * mm
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.5)
        canvas.line(LEFT, base + 4 * mm, A4[0] - RIGHT, base + 4 * mm)
        canvas.setFont(REGULAR, 7)
        canvas.setFillColor(GREY)
        canvas.drawString(LEFT, base, self._sender)
        canvas.drawString(LEFT, base - 4 * mm, self._document)
        text = self._page_of.format(page=page, pages=pages)
        canvas.drawRightString(A4[0] - RIGHT, base - 4 * mm, text)


class _NumberedCanvas(Canvas):
    """Holds pages back until their count is known, then draws the foot on each."""

    def __init__(self, *arguments: Any, foot: Foot, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._foot = foot
        self._held: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._held.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined]  # showPage without its output; no stub

    def save(self) -> None:
        held = self._held
        for page, state in enumerate(held, start=1):
            self.__dict__.update(state)
            self._foot.draw(self, page, len(held))
            super().showPage()
        super().save()


def print_pages(
    story: Sequence[Flowable], foot: Foot, *, title: str, author: str, language: str
) -> bytes:
    """The story as a PDF; the same story gives the same bytes (no clock, no chance in it)."""
    sheet = BytesIO()
    template = BaseDocTemplate(
        sheet, pagesize=A4, title=title, author=author, lang=language, invariant=1
    )
    frame = Frame(
        LEFT, BOTTOM, WIDTH, A4[1] - TOP - BOTTOM,
        leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0,
    )  # fmt: skip
    template.addPageTemplates([PageTemplate(frames=[frame])])

    def canvas(*arguments: Any, **options: Any) -> Canvas:
        return _NumberedCanvas(*arguments, foot=foot, **options)

    template.build(list(story), canvasmaker=canvas)
    return sheet.getvalue()
