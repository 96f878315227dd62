"""A deal with all that belongs to it, put into the simulated organisation as sales would."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from adapters.platforms.salesforce.decimals import Json
from adapters.platforms.salesforce.simulator.organisation import Organisation


class _Seed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeedAccount(_Seed):
    name: str
    legal_name: str = ""
    client_key: str = ""
    vat_id: str = ""
    invoice_email: str = ""
    street: str = ""
    city: str = ""
    postal_code: str = ""
    country: str = ""
    parent_name: str = ""
    """A parent account of this name is created too."""


class SeedLine(_Seed):
    """A line of any family. A role: `hours` sold at `rate`; a retainer: `hours` of a period at
    `rate` for the period; a milestone or an instalment: `hours` (1) x `rate` is the amount, and
    `effective_from` the day on which an instalment is due."""

    product: str
    family: str = "Role"
    code: str = ""
    hours: Decimal = Decimal(1)
    rate: Decimal = Decimal(0)
    effective_from: date | None = None
    description: str = ""
    item_id: str = ""
    period: str = ""
    """Of a retainer, like all that follows: `month`, `quarter` or `year`."""
    overage_rate: Decimal | None = None
    rollover_hours_max: Decimal | None = None
    rollover_periods: int | None = None
    deficit_rolls: bool = False
    unused_at_close: str = ""


class SeedPerson(_Seed):
    name: str
    email: str
    role: str


class SeedDeal(_Seed):
    """An open deal; empty texts are left empty in the CRM, so that bad deals can be told too."""

    name: str
    account: SeedAccount | None
    close_date: date
    currency: str = "EUR"
    legal_entity: str = ""
    billing_method: str = "time_and_materials"
    purchase_order: str = ""
    purchase_order_required: bool = False
    net_days: int | None = 30
    expense_markup_percent: Decimal | None = None
    service_start: date | None = None
    service_end: date | None = None
    amends: str = ""
    contract_terms: str = ""
    """The terms sheet, as people write it: YAML."""
    lines: tuple[SeedLine, ...] = ()
    team: tuple[SeedPerson, ...] = ()


class Seeded(NamedTuple):
    """The ids of what was made."""

    opportunity: str
    account: str
    lines: tuple[str, ...]


def seed_deal(organisation: Organisation, deal: SeedDeal) -> Seeded:
    """Create the deal as an open opportunity. Raises Refusal as the platform would."""
    account = _account(organisation, deal.account) if deal.account else ""
    opportunity = organisation.create(
        "Opportunity", _values(_opportunity(deal) | {"AccountId": account}), as_admin=True
    )
    lines = tuple(
        _line(organisation, opportunity, deal.currency, line, order)
        for order, line in enumerate(deal.lines, start=1)
    )
    for person in deal.team:
        member = {"Name": person.name, "Email__c": person.email, "Role__c": person.role}
        organisation.create(
            "Project_Team_Member__c",
            _values(member | {"Opportunity__c": opportunity}),
            as_admin=True,
        )
    return Seeded(opportunity, account, lines)


def _account(organisation: Organisation, account: SeedAccount) -> str:
    """The account with this client key if there is one, else a new one."""
    for known in organisation.records("Account"):
        if account.client_key and known["Client_Key__c"] == account.client_key:
            return str(known["Id"])
    parent = ""
    if account.parent_name:
        parent = organisation.create("Account", {"Name": account.parent_name}, as_admin=True)
    values = {
        "Name": account.name,
        "ParentId": parent,
        "Legal_Name__c": account.legal_name,
        "Client_Key__c": account.client_key,
        "VAT_Id__c": account.vat_id,
        "Invoice_Email__c": account.invoice_email,
        "BillingStreet": account.street,
        "BillingCity": account.city,
        "BillingPostalCode": account.postal_code,
        "BillingCountryCode": account.country,
    }
    return organisation.create("Account", _values(values), as_admin=True)


def _opportunity(deal: SeedDeal) -> dict[str, object]:
    return {
        "Name": deal.name,
        "StageName": "Negotiation/Review",
        "CloseDate": deal.close_date,
        "CurrencyIsoCode": deal.currency,
        "Legal_Entity__c": deal.legal_entity,
        "Billing_Method__c": deal.billing_method,
        "PO_Number__c": deal.purchase_order,
        "PO_Required__c": deal.purchase_order_required,
        "Payment_Days__c": deal.net_days,
        "Expense_Markup_Percent__c": deal.expense_markup_percent,
        "Service_Start__c": deal.service_start,
        "Service_End__c": deal.service_end,
        "Amends_Opportunity__c": deal.amends,
        "Contract_Terms__c": deal.contract_terms,
    }


def _line(
    organisation: Organisation, opportunity: str, currency: str, line: SeedLine, order: int
) -> str:
    product = organisation.create(
        "Product2",
        _values({"Name": line.product, "ProductCode": line.code, "Family": line.family}),
        as_admin=True,
    )
    entry = organisation.create(
        "PricebookEntry",
        {"Product2Id": product, "UnitPrice": line.rate, "CurrencyIsoCode": currency},
        as_admin=True,
    )
    values = {
        "OpportunityId": opportunity,
        "PricebookEntryId": entry,
        "Quantity": line.hours,
        "UnitPrice": line.rate,
        "ServiceDate": line.effective_from,
        "Description": line.description,
        "SortOrder": order,
        **_own_fields(line),
    }
    return organisation.create("OpportunityLineItem", _values(values), as_admin=True)


def _own_fields(line: SeedLine) -> dict[str, object]:
    """The administrator's; told only where they say something, since an organisation may lack
    them."""
    fields: dict[str, object] = {
        "Billing_Item_Id__c": line.item_id,
        "Retainer_Period__c": line.period,
        "Overage_Rate__c": line.overage_rate,
        "Rollover_Hours_Max__c": line.rollover_hours_max,
        "Rollover_Periods__c": line.rollover_periods,
        "Deficit_Rolls__c": line.deficit_rolls or None,
        "Unused_At_Close__c": line.unused_at_close,
    }
    return fields


def _values(told: Mapping[str, object]) -> dict[str, Json]:
    """In the platform's types; what is empty is not told."""
    values: dict[str, Json] = {}
    for name, value in told.items():
        if isinstance(value, date):
            values[name] = value.isoformat()
        elif isinstance(value, bool | int | Decimal) or (isinstance(value, str) and value):
            values[name] = value
    return values
