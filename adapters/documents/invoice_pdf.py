"""The invoice as a PDF: what section 14 UStG and article 226 of Directive 2006/112/EC ask of one,
laid out for the people who check and pay it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from reportlab.lib.colors import black
from reportlab.lib.units import mm
from reportlab.platypus import (
    Flowable,
    KeepTogether,
    LongTable,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from adapters.documents.formats import Format
from adapters.documents.pages import (
    BODY,
    FIGURE,
    HEADING,
    RULE,
    SENDER,
    SMALL,
    STRONG,
    STRONG_FIGURE,
    WIDTH,
    Foot,
    print_pages,
)
from adapters.documents.typeface import markup
from adapters.documents.words import Words
from canonical.client import Address, Client
from canonical.invoice import Invoice, InvoiceLine, TaxRow
from canonical.landscape import LegalEntity
from canonical.taxation import legal_texts

NAME_MAX, LINE_MAX, NOTE_MAX = 200, 1_000, 1_000
"""Characters printed of a name, of a line's description, of a note; more would break the layout."""

_TIGHT = TableStyle(
    [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 1),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
    ]
)
_LINES = TableStyle(
    [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, black),
        ("LINEBELOW", (0, 1), (-1, -1), 0.3, RULE),
    ]
)
_TOTALS = TableStyle([("LINEABOVE", (0, -1), (-1, -1), 0.8, black)], parent=_TIGHT)


@dataclass(frozen=True)
class InvoiceSheet:
    """A posted invoice with its parties and dates, in the words and formats that fit them."""

    invoice: Invoice
    client: Client
    entity: LegalEntity
    invoice_date: date
    due_date: date
    words: Words
    format: Format


def invoice_pdf(sheet: InvoiceSheet) -> bytes:
    """Deterministic bytes. Raises SetupInvalid when the entity lacks a tax code of the invoice."""
    title = f"{sheet.words.invoice} {sheet.invoice.number}"
    vat_id = _vat_id(sheet, sheet.entity.vat_id)
    foot = Foot(_dotted(_sender_line(sheet), vat_id), title[:NAME_MAX], sheet.words.page)
    story = [
        *_letterhead(sheet),
        Paragraph(markup(title, NAME_MAX), HEADING),
        _lines(sheet),
        Spacer(0, 3 * mm),
        KeepTogether([_totals(sheet), Spacer(0, 6 * mm), *_closing(sheet)]),
    ]
    return print_pages(
        story, foot, title=title, author=sheet.entity.name, language=sheet.words.language
    )


def address_lines(address: Address, home: str) -> list[str]:
    """The lines of an address; abroad, the country's code stands before the postal code."""
    code = address.postal_code
    if address.country and address.country != home:
        code = f"{address.country}-{code}" if code else address.country
    town = " ".join(part for part in (code, address.city) if part)
    return [line for line in (address.street, town, address.region) if line]


def _sender_line(sheet: InvoiceSheet) -> str:
    entity = sheet.entity
    return _dotted(entity.name, *address_lines(entity.address, sheet.client.address.country))


def _dotted(*parts: str) -> str:
    return " \u00b7 ".join(part for part in parts if part)[:NAME_MAX]


def _vat_id(sheet: InvoiceSheet, value: str) -> str:
    return f"{sheet.words.vat_id} {value}" if value else ""


def _letterhead(sheet: InvoiceSheet) -> Iterator[Flowable]:
    entity = sheet.entity
    lines = address_lines(entity.address, sheet.client.address.country)
    under = _dotted(*lines, _vat_id(sheet, entity.vat_id))
    yield Paragraph(markup(entity.name, NAME_MAX), SENDER)
    yield Paragraph(markup(under, NAME_MAX), SMALL)
    yield Spacer(0, 14 * mm)
    sides = [[_bill_to(sheet), _facts(sheet)]]
    yield Table(sides, colWidths=[WIDTH - 78 * mm, 78 * mm], style=_TIGHT)
    yield Spacer(0, 12 * mm)


def _bill_to(sheet: InvoiceSheet) -> list[Flowable]:
    client = sheet.client
    lines = [client.legal_name, *address_lines(client.address, sheet.entity.country)]
    lines += ["", _vat_id(sheet, client.vat_id())]
    window = "\n".join(line[:NAME_MAX] for line in lines)
    return [
        Paragraph(markup(_sender_line(sheet), NAME_MAX), SMALL),
        Spacer(0, 2 * mm),
        Paragraph(markup(window, 5 * NAME_MAX), BODY),
    ]


def _facts(sheet: InvoiceSheet) -> Table:
    rows = [
        [Paragraph(markup(label, NAME_MAX), BODY), Paragraph(markup(value, NAME_MAX), STRONG)]
        for label, value in _fact_texts(sheet)
        if value
    ]
    return Table(rows, colWidths=[34 * mm, 44 * mm], style=_TIGHT)


def _fact_texts(sheet: InvoiceSheet) -> Iterator[tuple[str, str]]:
    invoice, words, day = sheet.invoice, sheet.words, sheet.format.date
    yield words.number, invoice.number
    yield words.invoice_date, day(sheet.invoice_date)
    yield words.service_period, _span(day(invoice.service_from), day(invoice.service_to))
    yield words.due_date, day(sheet.due_date)
    yield words.purchase_order, invoice.purchase_order
    yield words.project, invoice.project_code
    yield words.client_code, sheet.client.code


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} \u2013 {last}"


def _lines(sheet: InvoiceSheet) -> LongTable:
    words = sheet.words
    head = [
        Paragraph(words.position, STRONG),
        Paragraph(words.description, STRONG),
        Paragraph(words.tax_rate, STRONG_FIGURE),
        Paragraph(words.net.format(currency=sheet.invoice.currency), STRONG_FIGURE),
    ]
    rates = {row.tax_code: sheet.format.percent(row.rate) for row in sheet.invoice.taxes}
    rows = [_line(sheet.format, rates, line) for line in sheet.invoice.lines]
    widths = [12 * mm, WIDTH - 62 * mm, 18 * mm, 32 * mm]
    return LongTable([head, *rows], colWidths=widths, repeatRows=1, style=_LINES)


def _line(style: Format, rates: dict[str, str], line: InvoiceLine) -> list[Flowable]:
    return [
        Paragraph(str(line.line_no), BODY),
        Paragraph(markup(line.description, LINE_MAX), BODY),
        Paragraph(rates.get(line.tax_code, ""), FIGURE),
        Paragraph(style.amount(line.net), FIGURE),
    ]


def _totals(sheet: InvoiceSheet) -> Table:
    invoice, words, money = sheet.invoice, sheet.words, sheet.format.money
    rows = [
        [Paragraph(words.net_total, BODY), Paragraph(money(invoice.net), FIGURE)],
        *([Paragraph(_tax_label(sheet, row), BODY), Paragraph(money(row.amount), FIGURE)]
          for row in invoice.taxes),
        [Paragraph(words.gross_total, STRONG), Paragraph(money(invoice.gross), STRONG_FIGURE)],
    ]  # fmt: skip
    return Table(rows, colWidths=[72 * mm, 38 * mm], hAlign="RIGHT", style=_TOTALS)


def _tax_label(sheet: InvoiceSheet, row: TaxRow) -> str:
    return sheet.words.tax_on.format(
        tax=sheet.words.taxes[row.category],
        rate=sheet.format.percent(row.rate),
        base=sheet.format.money(row.base),
    )


def _closing(sheet: InvoiceSheet) -> Iterator[Flowable]:
    """What the tax law makes us say, the terms, and where to pay."""
    invoice, words = sheet.invoice, sheet.words
    for text in legal_texts(invoice.taxes):
        yield Paragraph(markup(text, NOTE_MAX), BODY)
        yield Spacer(0, 2 * mm)
    due = sheet.format.date(sheet.due_date)
    terms = words.due_in_days.format(days=invoice.net_days, due=due)
    yield Paragraph(terms if invoice.net_days else words.due_now, BODY)
    if sheet.entity.bank_details:
        yield Spacer(0, 2 * mm)
        yield Paragraph(markup(words.pay_to.format(number=invoice.number), NOTE_MAX), BODY)
        yield Paragraph(markup(sheet.entity.bank_details, NOTE_MAX), STRONG)
