"""Tax: the code that a client gets, the rate of a date, the rows of a document."""

from __future__ import annotations

from decimal import Decimal

import pytest

from canonical.client import Client
from canonical.contract import InvoiceGrouping, TaxMode
from canonical.engine.columns import AGENT, UNTAXED
from canonical.engine.story import Credit, Event, Post
from canonical.errors import CurrencyMismatch, RuleViolation, SetupInvalid
from canonical.invoice import Invoice, InvoiceType, TaxCategory
from canonical.landscape import TaxPolicy
from canonical.money import Money
from canonical.taxation import (
    check_against,
    erp_tax_of,
    legal_texts,
    tax_code_for,
    tax_rule_on,
)
from tests.canonical.builders import (
    OUTSIDE,
    REVERSE,
    VAT,
    bill,
    day,
    euro,
    make_client,
    make_contract,
    make_entity,
    make_entry,
    make_invoice,
    make_rate,
    time_line,
)

TAX_POINT = day("2026-03-31")

CLIENTS = {
    "domestic": (make_client(), "VAT19"),
    "domestic without VAT id": (make_client(vat_id=""), "VAT19"),
    "business in the EU": (make_client(country="AT", vat_id="ATU13585627"), "RC"),
    "Greek business": (make_client(country="GR", vat_id="EL094259216"), "RC"),
    "consumer in the EU": (make_client(country="AT", vat_id=""), "VAT19"),
    "third country": (make_client(country="CH", vat_id=""), "OUT"),
    "third country with a VAT id": (make_client(country="GB", vat_id="GB980780684"), "OUT"),
}


@pytest.mark.parametrize(("client", "code"), CLIENTS.values(), ids=CLIENTS.keys())
def test_a_client_gets_the_tax_code_of_its_place_of_supply(client: Client, code: str) -> None:
    assert tax_code_for(make_entity(), client) == code


def test_an_entity_outside_the_eu_treats_the_eu_as_third_countries() -> None:
    swiss = make_entity(country="CH")
    assert tax_code_for(swiss, make_client()) == "OUT"
    assert tax_code_for(swiss, make_client(country="CH", vat_id="")) == "VAT19"


UNTAXABLE = {
    "no code for third countries": (
        TaxPolicy(domestic="VAT19", eu_business="RC"),
        make_client(country="US", vat_id=""),
        "US",
    ),
    "no code for the EU": (
        TaxPolicy(domestic="VAT19"),
        make_client(country="AT", vat_id="ATU13585627"),
        "AT",
    ),
    "no code at home": (TaxPolicy(domestic="", eu_business="RC"), make_client(), "DE"),
    "country unknown": (
        TaxPolicy(domestic="VAT19", third_country="OUT"),
        make_client(country="", vat_id=""),
        "no country",
    ),
}


@pytest.mark.parametrize(("policy", "client", "named"), UNTAXABLE.values(), ids=UNTAXABLE.keys())
def test_a_client_that_the_policy_does_not_cover_is_refused_never_untaxed(
    policy: TaxPolicy, client: Client, named: str
) -> None:
    with pytest.raises(SetupInvalid, match=f"clients in {named}"):
        tax_code_for(make_entity(policy=policy), client)


RAISED = VAT.model_copy(update={"rate": Decimal("0.21"), "effective_from": day("2026-07-01")})


@pytest.mark.parametrize(("on", "rate"), [("2026-06-30", "0.19"), ("2026-07-01", "0.21")])
def test_the_rate_of_the_tax_point_holds(on: str, rate: str) -> None:
    entity = make_entity(taxes=(RAISED, VAT, REVERSE, OUTSIDE))
    assert tax_rule_on(entity, "VAT19", day(on)).rate == Decimal(rate)


@pytest.mark.parametrize(("code", "on"), [("VAT7", "2026-01-01"), ("VAT19", "2020-12-31")])
def test_a_tax_that_is_not_in_force_is_refused(code: str, on: str) -> None:
    with pytest.raises(SetupInvalid, match=f"no tax '{code}' in force on {on}"):
        tax_rule_on(make_entity(), code, day(on))


def taxed(*codes: str, mode: TaxMode = TaxMode.PER_RATE_TOTAL, rate: str = "0.03") -> Invoice:
    """An hour at `rate` on an invoice line of its own for each tax code."""
    names = sorted(set(codes))
    lines = [time_line(make_rate(rate), tax_code=code, line_id=code) for code in names]
    version = make_contract(*lines, tax_mode=mode, grouping=InvoiceGrouping.ENTRY)
    work = [make_entry("1", line=code, external_id=f"{n}") for n, code in enumerate(codes)]
    twin = REVERSE.model_copy(update={"code": "RC2"})
    entity = make_entity(taxes=(VAT, REVERSE, twin, OUTSIDE))
    return make_invoice(work, version=version, entity=entity)


@pytest.mark.parametrize(
    ("mode", "tax"), [(TaxMode.PER_RATE_TOTAL, "0.02"), (TaxMode.PER_LINE, "0.03")]
)
def test_the_mode_decides_whether_lines_or_their_sum_are_rounded(mode: TaxMode, tax: str) -> None:
    invoice = taxed("VAT19", "VAT19", "VAT19", mode=mode)
    [row] = invoice.taxes
    assert (row.base, row.amount) == (euro("0.09"), euro(tax))
    assert invoice.tax_mode is mode


def test_each_code_has_one_row_and_reverse_charge_a_row_of_zero() -> None:
    invoice = taxed("VAT19", "RC", "VAT19", rate="60")
    rows = {row.tax_code: row for row in invoice.taxes}
    assert list(rows) == ["VAT19", "RC"]
    assert (rows["VAT19"].base, rows["VAT19"].amount) == (euro("120.00"), euro("22.80"))
    assert (rows["RC"].category, rows["RC"].base, rows["RC"].amount) == (
        TaxCategory.REVERSE_CHARGE,
        euro("60.00"),
        euro("0.00"),
    )


def test_a_credit_has_negative_tax() -> None:
    work = [make_entry("1")]
    version = make_contract(time_line(make_rate("0.50")))
    key = make_invoice(work, version=version).key
    credit = Event(on=day("2026-04-03"), credit=Credit(invoice=key))
    _, note = bill(
        work, Event(on=day("2026-04-02"), post=Post(invoice=key)), credit, version=version
    ).invoices
    [row] = note.taxes
    assert (note.type, note.net) == (InvoiceType.CREDIT_NOTE, euro("-0.50"))
    assert row.amount == note.tax == euro("-0.10")


def test_a_document_says_what_its_taxes_ask_for_and_says_it_once() -> None:
    rows = taxed("VAT19", "RC", "RC2", "OUT").taxes
    assert sorted(legal_texts(rows)) == sorted([OUTSIDE.legal_text, REVERSE.legal_text])
    assert legal_texts(row for row in rows if row.tax_code == "VAT19") == ()


@pytest.mark.parametrize("code", ["", AGENT, UNTAXED])
def test_a_line_without_tax_has_none_in_the_erp(code: str) -> None:
    assert erp_tax_of(make_entity(), code, TAX_POINT) is None


def test_the_erp_knows_a_tax_by_its_own_name() -> None:
    assert erp_tax_of(make_entity(), "RC", TAX_POINT) == REVERSE.erp_tax
    with pytest.raises(SetupInvalid, match="no tax 'VAT7'"):
        erp_tax_of(make_entity(), "VAT7", TAX_POINT)


@pytest.mark.parametrize("theirs", ["100.00", "100.03", "99.97"])
def test_a_difference_of_a_cent_per_line_is_accepted(theirs: str) -> None:
    check_against(euro("100.00"), euro(theirs), lines=3, what="tax")


@pytest.mark.parametrize("theirs", ["100.04", "99.96"])
def test_a_greater_difference_is_told_with_both_figures(theirs: str) -> None:
    with pytest.raises(RuleViolation, match=rf"tax of X: we compute 100\.00 EUR.*{theirs} EUR"):
        check_against(euro("100.00"), euro(theirs), lines=3, what="tax of X")


def test_figures_in_two_currencies_are_never_compared() -> None:
    with pytest.raises(CurrencyMismatch):
        check_against(euro("1.00"), Money.zero("USD"), lines=1, what="tax")
