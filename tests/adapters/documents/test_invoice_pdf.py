"""The invoice as a clerk in accounts payable reads it."""

from __future__ import annotations

import re

import pytest

from adapters.documents.invoice_pdf import address_lines
from canonical.client import Address
from canonical.contract import InvoiceGrouping
from canonical.errors import DataRejected, RuleViolation
from tests.adapters.documents.reading import backup_rows, pdf_of, render, text_of
from tests.canonical.builders import (
    make_client,
    make_contract,
    make_entity,
    make_entry,
    make_expense,
    make_invoice,
    make_rate,
    posted,
    time_line,
    worked_contract,
)
from tests.folding import Item

WORK: list[Item] = [
    make_entry("13.75"),
    make_entry("8.33", "2026-03-31"),
    make_expense("180.00"),
]

MANDATORY = {
    "seller": "Nordwind Beratung GmbH",
    "seller's address": "Speicherstraße 12 · 20457 Hamburg",
    "seller's VAT id": "USt-IdNr. DE123456788",
    "buyer": "Falkenstein Maschinenbau GmbH",
    "buyer's street": "Werkstraße 7",
    "buyer's town": "09111 Chemnitz",
    "buyer's VAT id": "USt-IdNr. DE136695976",
    "number": "RE-2026-0042",
    "invoice date": "Rechnungsdatum\n02.04.2026",
    "service period": "Leistungszeitraum\n10.03.2026 \u2013 31.03.2026",
    "due date": "Fällig am\n02.05.2026",
    "terms": "innerhalb von 30 Tagen, bis zum 02.05.2026",
    "purchase order": "4500012345",
    "project": "FALK-000000000001",
    "hours": "13.75 h at 180 EUR",
    "line net": "2.475,00",
    "net": "4.288,35 EUR",
    "tax by rate": "Umsatzsteuer 19 % auf 4.288,35 EUR",
    "tax": "814,79 EUR",
    "gross": "5.103,14 EUR",
    "bank": "IBAN DE02 1203 0000 0000 2020 51",
    "page": "Seite 1 von 1",
}


@pytest.mark.parametrize("text", MANDATORY.values(), ids=MANDATORY.keys())
async def test_an_invoice_says_all_that_it_must(text: str) -> None:
    assert text in text_of(await render(WORK))


async def test_reverse_charge_is_said_with_a_tax_of_zero() -> None:
    invoice = posted(make_invoice(WORK, version=worked_contract(tax_code="RC")))
    client = make_client(country="AT", vat_id="ATU13585627")
    text = text_of(await render(WORK, client=client, invoice=invoice))
    assert "Steuerschuldnerschaft des Leistungsempfängers." in text
    assert "0 % auf 4.288,35 EUR" in text
    assert "\n 0,00 EUR" in text
    assert "AT-09111 Chemnitz" in text


async def test_each_tax_rate_has_its_row() -> None:
    taxed_apart = worked_contract(tax_code_of_expenses="RC")
    invoice = posted(make_invoice(WORK, version=taxed_apart))
    text = text_of(await render(WORK, invoice=invoice))
    assert "19 % auf 4.099,35 EUR" in text
    assert "0 % auf 189,00 EUR" in text


async def test_words_follow_the_client_and_numbers_the_entity() -> None:
    client = make_client(country="FR", vat_id="FR40303265045")
    text = text_of(await render(WORK, client=client))
    assert "Service period" in text
    assert "5.103,14 EUR" in text
    swiss = text_of(await render(WORK, entity=make_entity(country="CH")))
    assert "5\u2019103.14 EUR" in swiss


async def test_amounts_have_the_decimals_of_their_currency() -> None:
    yen = make_contract(time_line(make_rate("1234567")), currency="JPY")
    invoice = posted(
        make_invoice([make_entry("1")], version=yen, entity=make_entity(currency="JPY"))
    )
    rows = [
        row.model_copy(update={"amount": invoice.net}) for row in backup_rows([make_entry("1")])
    ]
    text = text_of(await render((), invoice=invoice, rows=rows))
    assert "1.234.567 JPY" in text


async def test_a_long_invoice_repeats_the_head_of_its_table_and_counts_its_pages() -> None:
    work = [make_entry("1", "2026-03-02", external_id=f"{number}") for number in range(150)]
    version = worked_contract(grouping=InvoiceGrouping.ENTRY)
    files = await render(work, invoice=posted(make_invoice(work, version=version)))
    pages = [page.extract_text() for page in pdf_of(files).pages]
    assert len(pages) > 3
    assert all("Netto (EUR)" in page for page in pages[:-1])
    assert [re.findall(r"Seite (\d+) von (\d+)", page) for page in pages] == [
        [(str(number), str(len(pages)))] for number in range(1, len(pages) + 1)
    ]


async def test_the_same_invoice_gives_the_same_bytes() -> None:
    assert await render(WORK) == await render(WORK)


async def test_names_of_all_europe_are_printed_as_they_are() -> None:
    name = "Łódzkie Zakłady Škoda-Győr Αθήνα Țițeica \u201eŽ\u201c"
    assert name in text_of(await render(WORK, client=make_client(legal_name=name)))


async def test_a_name_without_letters_in_the_typeface_is_refused_by_field() -> None:
    with pytest.raises(DataRejected, match="株式会社") as refused:
        await render(WORK, client=make_client(legal_name="株式会社 Falkenstein"))
    assert refused.value.fields == ("client.legal_name",)


async def test_markup_in_texts_is_shown_and_never_followed() -> None:
    name = '<img src="file:///etc/hostname"/> & <b>Söhne</b>'
    role = "<para>Role</para> \U0001f600"
    version = make_contract(time_line(make_rate("180", role=role)))
    invoice = posted(make_invoice([make_entry(role=role)], version=version))
    client = make_client(legal_name=name)
    text = text_of(await render([make_entry()], client=client, invoice=invoice))
    assert name in text
    assert "<para>Role</para> \u25a1" in text


async def test_texts_without_end_still_make_a_document() -> None:
    client = make_client(legal_name="Lang" * 5_000)
    entity = make_entity(bank_details="Bank\n" * 5_000, name="Nord" * 5_000)
    assert "RE-2026-0042" in text_of(await render(WORK, client=client, entity=entity))


async def test_an_invoice_that_is_not_posted_has_no_document() -> None:
    with pytest.raises(RuleViolation, match="no number or date"):
        await render(WORK, invoice=make_invoice(WORK))


async def test_a_due_date_that_the_erp_did_not_tell_follows_from_the_terms() -> None:
    invoice = posted(make_invoice(WORK)).model_copy(update={"due_date": None})
    assert "Fällig am\n02.05.2026" in text_of(await render(WORK, invoice=invoice))


async def test_file_names_are_safe_whatever_the_number_is() -> None:
    invoice = posted(make_invoice(WORK), number="../2026/0042 \r\n")
    files = await render(WORK, invoice=invoice)
    assert [each.name for each in files] == [
        "Rechnung-..-2026-0042-.pdf",
        "Rechnung-..-2026-0042--Leistungsnachweis.xlsx",
    ]


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        pytest.param(
            Address(street="A 1", city="Hamburg", postal_code="20457", country="DE"),
            ["A 1", "20457 Hamburg"],
            id="at home",
        ),
        pytest.param(
            Address(street="A 1", city="Wien", postal_code="1010", country="AT"),
            ["A 1", "AT-1010 Wien"],
            id="abroad",
        ),
        pytest.param(Address(city="Dublin", country="IE"), ["IE Dublin"], id="no postal code"),
        pytest.param(Address(), [], id="nothing known"),
    ],
)
def test_an_address_is_written_for_the_post_at_home(address: Address, lines: list[str]) -> None:
    assert address_lines(address, home="DE") == lines
