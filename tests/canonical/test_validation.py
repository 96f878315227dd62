"""Validation of a closed deal: every finding at once, and none for a deal that is right."""

from __future__ import annotations

from decimal import Decimal

import pytest

from canonical.deal import Deal
from canonical.ids import ExternalRef
from canonical.validation import KnownClient, validate_deal
from tests.canonical.deals import (
    POLICY,
    codes_of,
    findings_of,
    make_account,
    make_address,
    make_deal,
    make_entity,
    make_landscape,
    role_line,
)


def test_a_deal_that_is_right_has_no_finding() -> None:
    assert codes_of(make_deal()) == []


FINDINGS = {
    "not won": (make_deal(is_won=False), "deal_not_won"),
    "no account": (make_deal(account=None), "account_missing"),
    "no currency": (make_deal(currency=""), "currency_invalid"),
    "odd currency": (make_deal(currency="EURO"), "currency_invalid"),
    "no billing method": (make_deal(billing_method=""), "billing_method_unknown"),
    "odd billing method": (make_deal(billing_method="barter"), "billing_method_unknown"),
    "no terms": (make_deal(net_days=None), "payment_terms_missing"),
    "terms below zero": (make_deal(net_days=-1), "payment_terms_missing"),
    "terms beyond a year": (make_deal(net_days=366), "payment_terms_missing"),
    "no purchase order": (make_deal(purchase_order=" "), "purchase_order_missing"),
    "no start": (make_deal(service_start=None), "service_start_missing"),
    "ends first": (make_deal(service_end="2026-02-28"), "service_dates_reversed"),
    "mark-up below zero": (make_deal(expense_markup_percent=Decimal("-0.01")), "markup_negative"),
    "mark-up beyond reason": (
        make_deal(expense_markup_percent=Decimal("1000.01")),
        "markup_too_high",
    ),
    "amends another": (
        make_deal(amends=ExternalRef(system="crm", kind="opportunity", id="006")),
        "deal_amends_another",
    ),
    "odd entity": (make_deal(legal_entity="NOBODY"), "legal_entity_unknown"),
    "no name": (make_deal(account=make_account(name=" ")), "account_name_missing"),
    "no e-mail": (make_deal(account=make_account(invoice_email="")), "invoice_email_missing"),
    "half an e-mail": (
        make_deal(account=make_account(invoice_email="a@")),
        "invoice_email_missing",
    ),
    "two e-mails": (
        make_deal(account=make_account(invoice_email="a@x.de, b@x.de")),
        "invoice_email_missing",
    ),
    "no city": (
        make_deal(account=make_account(address=make_address(city=""))),
        "address_incomplete",
    ),
    "no VAT id": (make_deal(account=make_account(vat_id="")), "vat_id_missing"),
    "wrong check digit": (make_deal(account=make_account(vat_id="DE136695977")), "vat_id_invalid"),
    "blank VAT id": (make_deal(account=make_account(vat_id=" ")), "vat_id_missing"),
    "VAT id of another country": (
        make_deal(account=make_account(vat_id="ATU13585627")),
        "vat_id_foreign",
    ),
    "role not mapped": (make_deal(role_line("10", role="Wizard")), "role_unmapped"),
    "rate below zero": (make_deal(role_line("-1")), "rate_negative"),
    "rate too fine": (make_deal(role_line("180.00005")), "rate_out_of_range"),
    "rate too high": (make_deal(role_line("10000000000")), "rate_out_of_range"),
    "two rates from one day": (
        make_deal(role_line("1", "2026-03-01"), role_line("2", "2026-03-01")),
        "rates_overlap",
    ),
    "two rates from the start": (
        make_deal(role_line("1"), role_line("2", "2026-03-01")),
        "rates_overlap",
    ),
    "two names of one role": (
        make_deal(role_line("1"), role_line("2", role="Senior Consultant")),
        "rates_overlap",
    ),
}


@pytest.mark.parametrize(("deal", "code"), FINDINGS.values(), ids=FINDINGS.keys())
def test_what_is_wrong_is_found_and_nothing_else(deal: Deal, code: str) -> None:
    assert codes_of(deal) == [code]


def test_a_client_that_the_tax_policy_does_not_cover_is_found() -> None:
    deal = make_deal(account=make_account(address=make_address("US"), vat_id=""))
    no_export = POLICY.model_copy(update={"third_country": ""})
    landscape = make_landscape(make_entity(policy=no_export))
    assert codes_of(deal, landscape=landscape) == ["tax_unmapped"]


def test_more_lines_than_can_be_judged_are_found() -> None:
    lines = [role_line("1", role="nobody")] * 2_001
    codes = codes_of(make_deal(*lines))
    assert codes[0] == "lines_too_many"
    assert codes.count("role_unmapped") == 2_000


def test_all_findings_are_told_at_once_each_with_field_and_remedy() -> None:
    account = make_account(name="", vat_id="DE1", address=make_address(city=""), invoice_email="")
    deal = make_deal(
        role_line("-1", role="Wizard"),
        account=account,
        currency="",
        net_days=None,
        purchase_order="",
        service_start=None,
        is_won=False,
        billing_method="",
        expense_markup_percent=Decimal(-1),
    )
    found = findings_of(deal)
    assert [each.code for each in found] == [
        *("deal_not_won", "currency_invalid", "billing_method_unknown", "payment_terms_missing"),
        *("purchase_order_missing", "service_start_missing", "markup_negative"),
        *("account_name_missing", "invoice_email_missing", "address_incomplete"),
        *("vat_id_invalid", "role_unmapped", "rate_negative"),
    ]
    assert all(each.message and each.remedy and each.field for each in found)
    report = validate_deal(deal, make_landscape(), ())
    assert all(each.field in report.text() for each in found)


@pytest.mark.parametrize(
    ("vat_id", "country"),
    [
        ("DE136695976", "DE"),
        ("de 136 695 976", "DE"),
        ("DE-136.695.976", "DE"),
        ("ATU13585627", "AT"),
        ("EL094259216", "GR"),
        ("FR40303265045", "FR"),
        ("NL004495445B01", "NL"),
    ],
)
def test_a_vat_id_is_read_as_people_write_it(vat_id: str, country: str) -> None:
    assert (
        codes_of(make_deal(account=make_account(vat_id=vat_id, address=make_address(country))))
        == []
    )


def test_a_client_outside_the_eu_needs_no_vat_id() -> None:
    assert codes_of(make_deal(account=make_account(address=make_address("CH"), vat_id=""))) == []


def known(*, code: str = "", name: str = "", vat_id: str = "", number: int = 2) -> KnownClient:
    reference = ExternalRef(system="crm", kind="account", id=f"00100000000000{number}AAA")
    return KnownClient(reference=reference, code=code, name=name, vat_id=vat_id)


DUPLICATES = {
    "VAT id": known(vat_id="DE136695976"),
    "VAT id, written otherwise": known(vat_id="de 136695976"),
    "code": known(code="K-10042"),
    "name": known(name="FALKENSTEIN maschinenbau GmbH"),
}


@pytest.mark.parametrize("other", DUPLICATES.values(), ids=DUPLICATES.keys())
def test_a_client_that_we_have_already_is_found(other: KnownClient) -> None:
    assert codes_of(make_deal(), other) == ["client_duplicate"]


def test_a_vat_id_written_with_spaces_is_a_duplicate_too() -> None:
    deal = make_deal(account=make_account(vat_id="DE 136 695 976"))
    assert codes_of(deal, known(vat_id="DE136695976")) == ["client_duplicate"]


def test_the_same_account_is_no_duplicate_of_itself() -> None:
    same = known(number=1, vat_id="DE136695976")._replace(reference=make_account().reference)
    assert codes_of(make_deal(), same, known(name="Somebody else")) == []


def test_empty_codes_and_vat_ids_are_not_equal() -> None:
    account = make_account(address=make_address("CH"), vat_id="", code="")
    assert codes_of(make_deal(account=account), known(name="Somebody else")) == []
