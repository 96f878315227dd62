"""The SOQL of the adapter: what is asked, and nothing more."""

from __future__ import annotations

from datetime import datetime

from adapters.platforms.salesforce.soql import moment, quoted, sub_select
from adapters.salesforce.settings import SalesforceSettings

OPPORTUNITY = ("Id", "Name", "AccountId", "Amount", "CloseDate", "IsWon", "SystemModstamp")
ACCOUNT = (
    "Id",
    "Name",
    "ParentId",
    "Parent.Name",
    "BillingStreet",
    "BillingCity",
    "BillingPostalCode",
    "BillingState",
)
LINE = ("Id", "ProductCode", "Quantity", "UnitPrice", "ServiceDate", "Description")


def one_deal(settings: SalesforceSettings, deal_id: str) -> str:
    """One opportunity with its account, the account's parent, its line items and its team."""
    return f"{_deals(settings)} WHERE Id = {quoted(deal_id)}"


def won_deals(settings: SalesforceSettings, since: datetime | None) -> str:
    """Won opportunities in the order of their last change; the same fields as `one_deal`."""
    conditions = ["IsWon = true"]
    if settings.deals_from is not None:
        conditions.append(f"CloseDate >= {settings.deals_from.isoformat()}")
    if since is not None:
        conditions.append(f"SystemModstamp >= {moment(since)}")
    return f"{_deals(settings)} WHERE {' AND '.join(conditions)} ORDER BY SystemModstamp, Id"


def account_in_any_state(settings: SalesforceSettings, account_id: str) -> str:
    """An account with what tells that it was merged into another."""
    fields = ", ".join(_unique([*account_fields(settings), "IsDeleted", "MasterRecordId"]))
    return f"SELECT {fields} FROM Account WHERE Id = {quoted(account_id)}"


def status_of(settings: SalesforceSettings, deal_id: str) -> str:
    names = [settings.status.version, settings.opportunity.currency]
    fields = ", ".join(_unique(["Id", "SystemModstamp", *names]))
    return f"SELECT {fields} FROM Opportunity WHERE Id = {quoted(deal_id)}"


def account_fields(settings: SalesforceSettings) -> list[str]:
    return _unique([*ACCOUNT, *settings.account.paths().values()])


def line_fields(settings: SalesforceSettings) -> list[str]:
    """The organisation's own fields of a line item."""
    retainer = settings.retainer.paths() if settings.retainer is not None else {}
    return _unique([*settings.line.paths().values(), *retainer.values()])


def _deals(settings: SalesforceSettings) -> str:
    fields = _unique(
        [
            *OPPORTUNITY,
            *settings.opportunity.paths().values(),
            *(f"Account.{name}" for name in account_fields(settings)),
        ]
    )
    lines = _unique([*LINE, *line_fields(settings)])
    subs = [sub_select(lines, "OpportunityLineItems", "SortOrder, Id")]
    if settings.team is not None:
        team = settings.team
        subs.append(
            sub_select(_unique(["Id", team.name, team.email, team.role]), team.relationship, "Id")
        )
    return f"SELECT {', '.join([*fields, *subs])} FROM Opportunity"


def _unique(names: list[str]) -> list[str]:
    """In order, each once, without the names of fields that the organisation has not."""
    return list(dict.fromkeys(name for name in names if name))
