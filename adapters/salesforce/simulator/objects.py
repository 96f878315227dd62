"""The CRM's objects in the simulated organisation: standard ones, and the custom fields that an
administrator adds for billing."""

from __future__ import annotations

from decimal import Decimal

from adapters.platforms.salesforce.simulator.errors import Refusal
from adapters.platforms.salesforce.simulator.organisation import Organisation, Record
from adapters.platforms.salesforce.simulator.schema import (
    Child,
    Field,
    FieldType,
    ObjectType,
    reference,
    sobject,
    text,
)

STAGES = {
    "Negotiation/Review": (False, False),
    "Closed Won": (True, True),
    "Closed Lost": (True, False),
}
"""Stage -> closed, won."""
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "JPY")


def crm_objects() -> tuple[ObjectType, ...]:
    return (_account(), _opportunity(), *_products(), _line(), *_team())


def derive(organisation: Organisation, kind: ObjectType, record: Record) -> None:
    """Set what the platform calculates. Raises Refusal for a stage or price that is not there."""
    if kind.name == "Opportunity":
        _derive_opportunity(organisation, record)
    elif kind.name == "OpportunityLineItem":
        _derive_line(organisation, record)


def _derive_opportunity(organisation: Organisation, record: Record) -> None:
    record["IsClosed"], record["IsWon"] = STAGES[str(record["StageName"])]
    lines = [
        line
        for line in organisation.records("OpportunityLineItem")
        if line["OpportunityId"] == record["Id"]
    ]
    record["HasOpportunityLineItem"] = bool(lines)
    if lines:
        record["Amount"] = sum((_number(line["TotalPrice"]) for line in lines), Decimal(0))


def _derive_line(organisation: Organisation, record: Record) -> None:
    entry = organisation.find("PricebookEntry", record["PricebookEntryId"])
    product = organisation.find("Product2", entry["Product2Id"]) if entry else None
    if entry is None or product is None:
        raise Refusal(
            400, "STANDARD_PRICE_NOT_DEFINED", "No standard price defined for this product"
        )
    record["Product2Id"] = product["Id"]
    record["ProductCode"], record["Name"] = product["ProductCode"], product["Name"]
    record["TotalPrice"] = _number(record["Quantity"]) * _number(record["UnitPrice"])


def _number(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(0)


def _account() -> ObjectType:
    return sobject(
        "Account",
        "001",
        text("Name", required=True),
        reference("ParentId", "Account", "Parent"),
        Field("MasterRecordId", FieldType.REFERENCE, calculated=True),
        Field("CurrencyIsoCode", FieldType.PICKLIST, values=CURRENCIES),
        Field("BillingStreet", FieldType.TEXTAREA, length=255),
        text("BillingCity", 40),
        text("BillingState", 80),
        text("BillingPostalCode", 20),
        text("BillingCountry", 80),
        text("BillingCountryCode", 10),
        text("Phone", 40),
        text("Website"),
        text("Legal_Name__c"),
        Field("Client_Key__c", FieldType.STRING, length=40, external_id=True, unique=True),
        text("VAT_Id__c", 20),
        Field("Invoice_Email__c", FieldType.EMAIL, length=80),
    )


def _opportunity() -> ObjectType:
    return sobject(
        "Opportunity",
        "006",
        text("Name", 120, required=True),
        reference("AccountId", "Account", "Account"),
        Field("StageName", FieldType.PICKLIST, required=True, values=tuple(STAGES)),
        Field("IsClosed", FieldType.BOOLEAN, calculated=True),
        Field("IsWon", FieldType.BOOLEAN, calculated=True),
        Field("HasOpportunityLineItem", FieldType.BOOLEAN, calculated=True),
        Field("CloseDate", FieldType.DATE, required=True),
        Field("Amount", FieldType.CURRENCY),
        Field("CurrencyIsoCode", FieldType.PICKLIST, values=CURRENCIES),
        Field("Description", FieldType.TEXTAREA, length=32_000),
        *_terms(),
        *_status(),
        children={
            "OpportunityLineItems": Child("OpportunityLineItem", "OpportunityId"),
            "OpportunityTeamMembers": Child("OpportunityTeamMember", "OpportunityId"),
            "Project_Team__r": Child("Project_Team_Member__c", "Opportunity__c"),
        },
    )


def _terms() -> tuple[Field, ...]:
    return (
        text("Legal_Entity__c", 20),
        text("Billing_Method__c", 40),
        text("PO_Number__c", 80),
        Field("PO_Required__c", FieldType.BOOLEAN),
        Field("Payment_Days__c", FieldType.DOUBLE),
        Field("Expense_Markup_Percent__c", FieldType.PERCENT),
        Field("Service_Start__c", FieldType.DATE),
        Field("Service_End__c", FieldType.DATE),
        reference("Amends_Opportunity__c", "Opportunity", "Amends_Opportunity__r"),
        Field("Contract_Terms__c", FieldType.TEXTAREA, length=131_072),
    )


def _status() -> tuple[Field, ...]:
    stages = ("Project ready", "Invoiced", "Part paid", "Paid", "Closed")
    return (
        Field("Billing_Status__c", FieldType.PICKLIST, values=stages),
        Field("Billing_Sync_Version__c", FieldType.DOUBLE),
        text("Project_Code__c", 40),
        text("Last_Invoice_Number__c", 80),
        Field("Last_Invoice_Amount__c", FieldType.CURRENCY),
        Field("Last_Invoice_Date__c", FieldType.DATE),
        Field("Paid_Amount__c", FieldType.CURRENCY),
    )


STATUS_FIELDS = frozenset(field.name for field in _status())


def _products() -> tuple[ObjectType, ObjectType]:
    product = sobject(
        "Product2",
        "01t",
        text("Name", required=True),
        text("ProductCode"),
        Field("Family", FieldType.PICKLIST),
        Field("IsActive", FieldType.BOOLEAN),
    )
    entry = sobject(
        "PricebookEntry",
        "01u",
        reference("Product2Id", "Product2", "Product2", required=True),
        Field("UnitPrice", FieldType.CURRENCY, required=True),
        Field("CurrencyIsoCode", FieldType.PICKLIST, values=CURRENCIES),
        Field("IsActive", FieldType.BOOLEAN),
    )
    return product, entry


def _line() -> ObjectType:
    return sobject(
        "OpportunityLineItem",
        "00k",
        reference("OpportunityId", "Opportunity", "Opportunity", required=True),
        reference("PricebookEntryId", "PricebookEntry", "PricebookEntry", required=True),
        Field(
            "Product2Id",
            FieldType.REFERENCE,
            calculated=True,
            reference_to="Product2",
            relationship="Product2",
        ),
        text("ProductCode", calculated=True),
        text("Name", 376, calculated=True),
        Field("Quantity", FieldType.DOUBLE, required=True),
        Field("UnitPrice", FieldType.CURRENCY, required=True),
        Field("TotalPrice", FieldType.CURRENCY, calculated=True),
        Field("ServiceDate", FieldType.DATE),
        text("Description"),
        Field("SortOrder", FieldType.DOUBLE),
        text("Billing_Item_Id__c", 80),
        *_retainer(),
    )


def _retainer() -> tuple[Field, ...]:
    """The picklists take any value, as unrestricted ones do, so that bad deals can be told."""
    return (
        Field("Retainer_Period__c", FieldType.PICKLIST),
        Field("Overage_Rate__c", FieldType.CURRENCY),
        Field("Rollover_Hours_Max__c", FieldType.DOUBLE),
        Field("Rollover_Periods__c", FieldType.DOUBLE),
        Field("Deficit_Rolls__c", FieldType.BOOLEAN),
        Field("Unused_At_Close__c", FieldType.PICKLIST),
    )


def _team() -> tuple[ObjectType, ObjectType, ObjectType]:
    user = sobject(
        "User", "005", text("Name", required=True), Field("Email", FieldType.EMAIL, length=80)
    )
    standard = sobject(
        "OpportunityTeamMember",
        "00q",
        reference("OpportunityId", "Opportunity", "Opportunity", required=True),
        reference("UserId", "User", "User", required=True),
        text("TeamMemberRole", 80),
    )
    custom = sobject(
        "Project_Team_Member__c",
        "a0T",
        reference("Opportunity__c", "Opportunity", "Opportunity__r", required=True),
        text("Name", 80, required=True),
        Field("Email__c", FieldType.EMAIL, length=80),
        text("Role__c", 80),
    )
    return user, standard, custom
