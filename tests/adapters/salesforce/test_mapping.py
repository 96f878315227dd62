"""Mapping alone: rows in, nouns out; and settings that cannot be right."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from pydantic import JsonValue, ValidationError

from adapters.platforms.salesforce.ids import to_18
from adapters.salesforce.mapping import deal_of, status_body
from adapters.salesforce.settings import SalesforceSettings, settings_of
from canonical.errors import AnswerUnreadable, SetupInvalid
from canonical.landscape import SystemInstance
from canonical.payment import BillingStage
from tests.adapters.salesforce.bench import make_status

SETTINGS = SalesforceSettings(instance_url="https://x.my.salesforce.com", username="u")
ROW: dict[str, Any] = {
    "Id": "006Ab00000LmNopIAF",
    "Name": "ERP advisory",
    "AccountId": "001Ab00000QrStUIAV",
    "Amount": Decimal("184500.00"),
    "CloseDate": "2026-03-31",
    "IsWon": True,
    "SystemModstamp": "2026-03-31T16:05:09.000+0000",
    "Legal_Entity__c": "NF-DE",
    "Billing_Method__c": None,
    "CurrencyIsoCode": "EUR",
    "PO_Number__c": None,
    "PO_Required__c": False,
    "Payment_Days__c": Decimal("30.0"),
    "Expense_Markup_Percent__c": Decimal("5.0"),
    "Service_Start__c": None,
    "Service_End__c": None,
    "Amends_Opportunity__c": "006Ab00000AAAAA",
    "Contract_Terms__c": None,
    "Account": {
        "Id": "001Ab00000QrStUIAV",
        "Name": "Harrow & Pike",
        "ParentId": None,
        "Parent": None,
        "BillingStreet": "4 Quay Lane",
        "BillingCity": "Bristol",
        "BillingPostalCode": "BS1 4QA",
        "BillingState": None,
        "Legal_Name__c": None,
        "Client_Key__c": None,
        "VAT_Id__c": None,
        "Invoice_Email__c": None,
        "BillingCountryCode": "GB",
    },
    "OpportunityLineItems": None,
    "Project_Team__r": None,
}


def row(**changes: object) -> dict[str, Any]:
    return deepcopy(ROW) | changes


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in row().items() if key != name}


def test_what_the_crm_has_not_is_empty_and_not_invented() -> None:
    deal = deal_of("crm", row(), SETTINGS)
    assert (deal.billing_method, deal.purchase_order, deal.service_start) == ("", "", None)
    assert (deal.lines, deal.team) == ((), ())
    assert deal.account is not None
    assert (deal.account.vat_id, deal.account.parent, deal.account.parent_name) == ("", None, "")


def test_numbers_keep_their_kind() -> None:
    deal = deal_of("crm", row(), SETTINGS)
    assert (deal.net_days, deal.amount) == (30, Decimal("184500.00"))


def test_a_deal_names_the_one_that_it_amends_in_full() -> None:
    deal = deal_of("crm", row(), SETTINGS)
    assert str(deal.amends) == f"crm/opportunity/{to_18('006Ab00000AAAAA')}"


@pytest.mark.parametrize(
    "name",
    [
        *("Name", "Amount", "PO_Number__c", "Contract_Terms__c"),
        *("OpportunityLineItems", "Project_Team__r"),
    ],
)
def test_a_missing_field_is_drift_at_its_place(name: str) -> None:
    with pytest.raises(AnswerUnreadable) as unreadable:
        deal_of("crm", without(name), SETTINGS)
    assert unreadable.value.where == f"Opportunity.{name}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IsWon", "yes"),
        ("Amount", "a lot"),
        ("CloseDate", "31.03.2026"),
        ("Payment_Days__c", Decimal("30.5")),
        ("Contract_Terms__c", Decimal(5)),
        ("Name", None),
        ("Amends_Opportunity__c", "the first one"),
        ("OpportunityLineItems", "none"),
    ],
)
def test_a_changed_type_is_drift_at_its_place(name: str, value: object) -> None:
    with pytest.raises(AnswerUnreadable) as unreadable:
        deal_of("crm", row(**{name: value}), SETTINGS)
    assert unreadable.value.where == f"Opportunity.{name}"


def test_the_reason_of_drift_does_not_show_the_value() -> None:
    with pytest.raises(AnswerUnreadable) as unreadable:
        deal_of("crm", row(Amount="secret figures"), SETTINGS)
    assert "secret figures" not in str(unreadable.value)


def test_unknown_fields_do_not_disturb() -> None:
    known = deal_of("crm", row(), SETTINGS)
    more = deal_of("crm", row(Added_Next_Year__c={"x": [1]}), SETTINGS)
    assert more == known.model_copy(update={"revision": more.revision})


def test_a_country_name_is_read_by_the_settings_and_never_guessed() -> None:
    text = SETTINGS.model_copy(update={"countries": {"united kingdom": "GB"}})
    account = row()["Account"]
    told = row(Account=account | {"BillingCountryCode": "United Kingdom"})
    deal = deal_of("crm", told, text)
    assert deal.account is not None
    assert deal.account.address.country == "GB"
    with pytest.raises(AnswerUnreadable, match="countries"):
        deal_of("crm", told, SETTINGS)


def test_a_field_that_the_organisation_has_not_is_empty() -> None:
    names = SETTINGS.opportunity.model_copy(update={"purchase_order_required": ""})
    settings = SETTINGS.model_copy(update={"opportunity": names})
    assert deal_of("crm", without("PO_Required__c"), settings).purchase_order_required is False


def test_a_status_leaves_alone_what_it_does_not_speak_of() -> None:
    status = make_status().model_copy(
        update={
            "stage": BillingStage.PROJECT_READY,
            "invoice_number": "",
            "invoice_gross": None,
            "invoice_date": None,
        }
    )
    assert status_body(status, SETTINGS) == {
        "Billing_Sync_Version__c": 7,
        "Billing_Status__c": "Project ready",
        "Project_Code__c": "FALK-1",
    }


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({}, "instance_url"),
        ({"instance_url": "http://northfield.my.salesforce.com"}, "https"),
        ({"instance_url": "https://x.my.salesforce.com/path"}, "host only"),
        ({"instance_url": "https://x.my.salesforce.com"}, "username"),
        (
            {"instance_url": "https://x.example", "username": "u", "api_version": "67"},
            "api_version",
        ),
        ({"instance_url": "https://x.example", "username": "u", "one_currency": "EUR"}, "currency"),
        ({"instance_url": "https://x.example", "username": "u", "usernam": "u"}, "usernam"),
        ({"instance_url": "https://x.example", "username": "u", "stages": {}}, "stages"),
        ({"instance_url": "https://x.example", "username": "u", "fee_family": "ROLE"}, "family"),
        (
            {
                "instance_url": "https://x.example",
                "username": "u",
                "status": {"version": "V__c FROM User --"},
            },
            "status.version",
        ),
    ],
)
def test_settings_that_cannot_be_right_are_refused_with_their_place(
    settings: dict[str, JsonValue], place: str
) -> None:
    system = SystemInstance(name="crm", adapter="salesforce", settings=settings)
    with pytest.raises(SetupInvalid, match=place):
        settings_of(system)


def test_a_simulator_on_this_machine_may_be_reached_without_tls() -> None:
    for url in ("http://127.0.0.1:8091", "http://localhost:8091"):
        assert SalesforceSettings(instance_url=url, username="u").instance_url == url
    with pytest.raises(ValidationError):
        SalesforceSettings(instance_url="http://127.0.0.1.evil.example", username="u")
