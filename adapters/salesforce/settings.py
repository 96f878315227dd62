"""What the landscape says about one Salesforce organisation: hosts, login, and its own field names.

The platform has no standard fields for billing terms, so an administrator adds custom fields; their
names are the defaults below and can be changed one by one. An empty name means that the
organisation has no such field: it is not asked for, and the deal is read as if it were empty.

- Opportunity: legal entity, billing method (a picklist whose API values are our method names), PO
  number, "PO required" checkbox, payment days, expense mark-up in percent, service dates, and a
  lookup to the opportunity that it amends.
- Account: legal name, client key (External ID and Unique), VAT id, invoice e-mail.
- The team is a child object (`Project_Team_Member__c` with a master-detail to Opportunity), because
  consultants seldom have a Salesforce user; an organisation that keeps it in Opportunity Teams sets
  `team` to `{relationship: OpportunityTeamMembers, name: User.Name, email: User.Email,
  role: TeamMemberRole}`.
- What was sold are line items; the product's family says what a line means (`Role`, `Retainer`,
  `Milestone`, `Fixed Fee`, `Expenses`; docs/connecting-systems.md says what quantity, price and
  date are to each). Custom fields of the line: an id of its own, and the terms of a retainer.
- What no line says (policies, retention, progress, caps ...) stands on the terms sheet, a long text
  of the Opportunity in YAML.
- Billing status goes to custom fields of the Opportunity.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from adapters.platforms.salesforce.soql import FieldPath
from canonical.deal import LineKind
from canonical.errors import SetupInvalid
from canonical.landscape import SystemInstance
from canonical.payment import BillingStage

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def _safe_origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError(f"{url!r} must begin with https:// (http only on this machine)")
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError(f"{url!r} must be a host only, such as https://example.my.salesforce.com")
    return url.rstrip("/")


Origin = Annotated[str, AfterValidator(_safe_origin)]
OptionalPath = FieldPath | Literal[""]


class _Names(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def paths(self) -> dict[str, str]:
        """Our name of each field -> the organisation's, or an empty text."""
        return {name: str(path) for name, path in self}


class OpportunityFields(_Names):
    legal_entity: OptionalPath = "Legal_Entity__c"
    billing_method: OptionalPath = "Billing_Method__c"
    currency: OptionalPath = "CurrencyIsoCode"
    """Empty in an organisation with one currency, which has no such field; see `one_currency`."""
    purchase_order: OptionalPath = "PO_Number__c"
    purchase_order_required: OptionalPath = "PO_Required__c"
    net_days: OptionalPath = "Payment_Days__c"
    expense_markup_percent: OptionalPath = "Expense_Markup_Percent__c"
    service_start: OptionalPath = "Service_Start__c"
    service_end: OptionalPath = "Service_End__c"
    amends: OptionalPath = "Amends_Opportunity__c"
    contract_terms: OptionalPath = "Contract_Terms__c"
    """The terms sheet: a long text area, plain YAML."""


class AccountFields(_Names):
    legal_name: OptionalPath = "Legal_Name__c"
    code: OptionalPath = "Client_Key__c"
    vat_id: OptionalPath = "VAT_Id__c"
    invoice_email: OptionalPath = "Invoice_Email__c"
    country: OptionalPath = "BillingCountryCode"
    """`BillingCountry` where state and country picklists are off; then `countries` reads it."""


class LineFields(_Names):
    kind: OptionalPath = "Product2.Family"
    role: OptionalPath = "Product2.Name"
    item_id: OptionalPath = "Billing_Item_Id__c"
    """The line's own name: of a milestone, an instalment or a retainer."""


class RetainerFields(_Names):
    """Of a line item that sells a retainer, beside quantity and price."""

    period: OptionalPath = "Retainer_Period__c"
    """A picklist whose API values are month, quarter and year."""
    overage_rate: OptionalPath = "Overage_Rate__c"
    rollover_hours_max: OptionalPath = "Rollover_Hours_Max__c"
    rollover_periods: OptionalPath = "Rollover_Periods__c"
    deficit_rolls: OptionalPath = "Deficit_Rolls__c"
    unused_at_close: OptionalPath = "Unused_At_Close__c"
    """A picklist whose API values are refund and forfeit."""


class TeamFields(_Names):
    relationship: FieldPath = "Project_Team__r"
    name: FieldPath = "Name"
    email: FieldPath = "Email__c"
    role: FieldPath = "Role__c"


class StatusFields(_Names):
    version: FieldPath = "Billing_Sync_Version__c"
    stage: FieldPath = "Billing_Status__c"
    project_code: OptionalPath = "Project_Code__c"
    invoice_number: OptionalPath = "Last_Invoice_Number__c"
    invoice_gross: OptionalPath = "Last_Invoice_Amount__c"
    invoice_date: OptionalPath = "Last_Invoice_Date__c"
    paid: OptionalPath = "Paid_Amount__c"


STAGES = {
    BillingStage.PROJECT_READY: "Project ready",
    BillingStage.INVOICED: "Invoiced",
    BillingStage.PART_PAID: "Part paid",
    BillingStage.PAID: "Paid",
    BillingStage.CLOSED: "Closed",
}


class SalesforceSettings(BaseModel):
    """The settings of one organisation in the landscape."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    instance_url: Origin
    """The organisation's own host (My Domain); a token for another host is refused."""
    login_url: Origin = "https://login.salesforce.com"
    """Where tokens are asked for; client credentials need the organisation's own host."""
    audience: str = ""
    """The assertion's audience; empty: the login host."""
    flow: Literal["jwt_bearer", "client_credentials"] = "jwt_bearer"
    username: str = ""
    """The integration user, for the JWT flow."""
    api_version: str = Field(default="v67.0", pattern=r"^v\d{2,3}\.0$")
    """Pinned: the shapes of answers follow it."""
    opportunity: OpportunityFields = OpportunityFields()
    account: AccountFields = AccountFields()
    line: LineFields = LineFields()
    retainer: RetainerFields | None = RetainerFields()
    """None: line items have no such fields; the terms sheet says how a retainer works."""
    team: TeamFields | None = TeamFields()
    status: StatusFields = StatusFields()
    one_currency: str = ""
    """The organisation's currency where it has only one."""
    role_family: str = "Role"
    """The product family of lines that sell a role's hours."""
    retainer_family: str = "Retainer"
    milestone_family: str = "Milestone"
    fee_family: str = "Fixed Fee"
    expenses_family: str = "Expenses"
    """Of estimates; whether expenses are billed is the deal's mark-up."""
    other_families: tuple[str, ...] = ()
    """Of lines that are sold on the same deals and billed elsewhere. A family that is named nowhere
    is told as it is, and a deal with such a line is refused when the line has a price."""
    countries: dict[str, str] = {}
    """Country names as people write them (case folded) to ISO 3166-1 alpha-2 codes."""
    stages: dict[BillingStage, str] = STAGES
    """Our stages in the values of the status picklist."""
    deals_from: date | None = None
    """The feed tells no deal that closed before this day; empty: all that were ever won."""
    overlap_s: float = Field(default=300, ge=0, le=86_400)
    """How far behind its cursor the feed of won deals reads: rows become visible out of order."""

    @model_validator(mode="after")
    def _is_complete(self) -> SalesforceSettings:
        if self.flow == "jwt_bearer" and not self.username:
            raise ValueError("`username` is needed for the flow jwt_bearer")
        if bool(self.one_currency) == bool(self.opportunity.currency):
            raise ValueError("set `one_currency`, or name `opportunity.currency`, not both")
        missing = set(BillingStage) - set(self.stages)
        if missing:
            raise ValueError(f"`stages` has no value for {', '.join(sorted(missing))}")
        if len(self.kinds) < len(self.other_families) + 5:
            raise ValueError("a product family has two meanings; name each of them once")
        return self

    @property
    def kinds(self) -> dict[str, LineKind]:
        """What the lines of a product family are, by its name in any case."""
        families = [
            (self.role_family, LineKind.ROLE),
            (self.retainer_family, LineKind.RETAINER),
            (self.milestone_family, LineKind.MILESTONE),
            (self.fee_family, LineKind.FEE),
            (self.expenses_family, LineKind.EXPENSES),
            *((family, LineKind.OTHER) for family in self.other_families),
        ]
        return {family.casefold(): kind for family, kind in families}


def settings_of(system: SystemInstance) -> SalesforceSettings:
    """Raises SetupInvalid naming the first setting that cannot be right."""
    try:
        return SalesforceSettings.model_validate(system.settings)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SetupInvalid(f"system {system.name}, settings {place}: {first['msg']}") from error
