"""The words of the documents, in the language of the client's country."""

from __future__ import annotations

from dataclasses import dataclass

from canonical.invoice import TaxCategory


@dataclass(frozen=True)
class Words:
    """All words of one language. `{...}` is filled in by the document."""

    language: str
    invoice: str
    number: str
    invoice_date: str
    service_period: str
    due_date: str
    purchase_order: str
    project: str
    client_code: str
    vat_id: str
    position: str
    description: str
    tax_rate: str
    net: str
    net_total: str
    tax_on: str
    gross_total: str
    due_in_days: str
    due_now: str
    pay_to: str
    page: str
    backup: str
    backup_of: str
    backup_columns: tuple[str, ...]
    sum_of: str
    taxes: dict[TaxCategory, str]


GERMAN = Words(
    language="de",
    invoice="Rechnung",
    number="Rechnungsnummer",
    invoice_date="Rechnungsdatum",
    service_period="Leistungszeitraum",
    due_date="Fällig am",
    purchase_order="Ihre Bestellnummer",
    project="Projekt",
    client_code="Kundennummer",
    vat_id="USt-IdNr.",
    position="Pos.",
    description="Leistung",
    tax_rate="USt.",
    net="Netto ({currency})",
    net_total="Summe netto",
    tax_on="{tax} {rate} auf {base}",
    gross_total="Rechnungsbetrag",
    due_in_days="Zahlbar ohne Abzug innerhalb von {days} Tagen, bis zum {due}.",
    due_now="Zahlbar sofort ohne Abzug.",
    pay_to="Bitte überweisen Sie unter Angabe der Rechnungsnummer {number} auf:",
    page="Seite {page} von {pages}",
    backup="Leistungsnachweis",
    backup_of="Leistungsnachweis zur Rechnung {number}",
    backup_columns=(
        "Datum",
        "Person",
        "Rolle",
        "Beschreibung",
        "Menge",
        "Einheit",
        "Satz ({currency})",
        "Betrag ({currency})",
    ),
    sum_of="Summe {unit}",
    taxes={
        TaxCategory.STANDARD: "Umsatzsteuer",
        TaxCategory.ZERO: "Umsatzsteuer, Nullsatz",
        TaxCategory.EXEMPT: "Steuerfrei, Umsatzsteuer",
        TaxCategory.REVERSE_CHARGE: "Steuerschuldnerschaft des Leistungsempfängers, Umsatzsteuer",
        TaxCategory.OUTSIDE_SCOPE: "Nicht steuerbar, Umsatzsteuer",
        TaxCategory.EXPORT: "Ausfuhr, steuerfrei, Umsatzsteuer",
    },
)

ENGLISH = Words(
    language="en",
    invoice="Invoice",
    number="Invoice number",
    invoice_date="Invoice date",
    service_period="Service period",
    due_date="Due date",
    purchase_order="Your purchase order",
    project="Project",
    client_code="Client number",
    vat_id="VAT ID",
    position="No.",
    description="Description",
    tax_rate="VAT",
    net="Net ({currency})",
    net_total="Net total",
    tax_on="{tax} {rate} on {base}",
    gross_total="Total due",
    due_in_days="Payable without deduction within {days} days, by {due}.",
    due_now="Payable immediately without deduction.",
    pay_to="Please pay, stating invoice number {number}, to:",
    page="Page {page} of {pages}",
    backup="Detail",
    backup_of="Detail of invoice {number}",
    backup_columns=(
        "Date",
        "Person",
        "Role",
        "Description",
        "Quantity",
        "Unit",
        "Rate ({currency})",
        "Amount ({currency})",
    ),
    sum_of="Sum {unit}",
    taxes={
        TaxCategory.STANDARD: "VAT",
        TaxCategory.ZERO: "VAT, zero rate",
        TaxCategory.EXEMPT: "Exempt, VAT",
        TaxCategory.REVERSE_CHARGE: "Reverse charge, VAT",
        TaxCategory.OUTSIDE_SCOPE: "Outside the scope of VAT",
        TaxCategory.EXPORT: "Export, VAT",
    },
)

_GERMAN_SPEAKING = frozenset({"DE", "AT", "CH", "LI"})


def words_of(country: str) -> Words:
    """German for clients in German-speaking countries, else English."""
    return GERMAN if country in _GERMAN_SPEAKING else ENGLISH
