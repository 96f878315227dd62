"""The scenario format: contracts, a story, and what is expected of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from canonical.base import Noun
from canonical.contract import ContractVersion, InvoiceGrouping
from canonical.engine.story import Event
from canonical.ids import EngagementId
from canonical.ledger.entity import EntityTerms
from canonical.periods import Period

EVENTS_MAX = 10_000
ROWS_MAX = 20_000


class ScenarioContract(ContractVersion):
    """A contract version with the defaults of a story; see the contract's own fields."""

    engagement_id: EngagementId = EngagementId("story")
    version: int = Field(default=1, ge=1)
    legal_entity: str = ""
    """Empty: the story's only entity."""
    net_days: int = Field(default=30, ge=0, le=365)
    grouping: InvoiceGrouping = InvoiceGrouping.ENTRY


class OpeningBalance(Noun):
    """A balance before the story begins; debits are positive."""

    account: str
    amount: Decimal
    contract: str = ""
    entity: str = ""
    currency: str = ""
    """Empty: the entity's."""
    invoice: str = ""
    """For 1100: an open invoice from before; it can be paid in the story."""


class ExpectedTransaction(Noun):
    """One billing transaction; only the fields that are written are compared."""

    entry: str | None = None
    portion: int | None = None
    contract: str | None = None
    line: str | None = None
    kind: str | None = None
    customer: str | None = None
    entity: str | None = None
    invoice: str | None = None
    work_date: date | None = None
    description: str | None = None
    quantity: Decimal | None = None
    rate: Decimal | None = None
    rate_basis: str | None = None
    beaten: tuple[str, ...] | None = None
    amount: Decimal | None = None
    discount: Decimal | None = None
    net: Decimal | None = None
    currency: str | None = None
    rate_currency: str | None = None
    fx: Decimal | None = None
    unrounded: Decimal | None = None
    status: str | None = None
    posting_period: Period | None = None
    service_period: Period | None = None


class ExpectedLine(Noun):
    """One line; without `line_no` the order of lines is not compared."""

    line_no: int | None = None
    net: Decimal | None = None
    quantity: Decimal | None = None
    description: str | None = None
    tax_code: str | None = None


class ExpectedTax(Noun):
    category: str | None = None
    rate: Decimal | None = None
    base: Decimal | None = None
    amount: Decimal | None = None
    code: str | None = None
    jurisdiction: str | None = None


class ExpectedInvoice(Noun):
    """One invoice or credit note; credit notes have negative amounts."""

    invoice: str
    type: str | None = None
    on: date | None = None
    contract: str | None = None
    entity: str | None = None
    customer: str | None = None
    currency: str | None = None
    credits: str | None = None
    dispute: str | None = None
    posted: bool | None = None
    net: Decimal | None = None
    tax: Decimal | None = None
    gross: Decimal | None = None
    discount: Decimal | None = None
    before_discount: Decimal | None = None
    lines: tuple[ExpectedLine, ...] | None = None
    taxes: tuple[ExpectedTax, ...] | None = None


class ExpectedSum(Noun):
    """The sum of an account in a period: `debit` and `credit` are compared as their difference."""

    period: Period
    account: str
    contract: str | None = None
    entity: str | None = None
    debit: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)


class ExpectedBalance(Noun):
    """A balance at the end of a day; debits are positive."""

    on: date
    account: str
    amount: Decimal
    contract: str | None = None
    entity: str | None = None


class ExpectedTerm(Noun):
    """One period of a retainer's ledger, in hours."""

    term: str
    opening_rolled: Decimal | None = None
    included: Decimal | None = None
    used: Decimal | None = None
    used_from_rolled: Decimal | None = None
    used_from_included: Decimal | None = None
    overage: Decimal | None = None
    deficit: Decimal | None = None
    """Used hours that are taken from the next period (`deficit_rolls`)."""
    forfeited: Decimal | None = None
    closing_rolled: Decimal | None = None
    breakage: Decimal | None = None
    """Revenue of the forfeited hours."""


class ExpectedRevenue(Noun):
    """One row of a revenue schedule."""

    on: date
    contract: str | None = None
    line: str | None = None
    to_date: Decimal | None = None
    estimate: Decimal | None = None
    revenue_to_date: Decimal | None = None
    revenue_in_period: Decimal | None = None
    billed_to_date: Decimal | None = None
    contract_asset: Decimal | None = None
    contract_liability: Decimal | None = None
    loss_provision: Decimal | None = None


class ExpectedStanding(Noun):
    """Where an invoice stood at the end of a day."""

    invoice: str
    on: date
    open: Decimal | None = None
    disputed: Decimal | None = None
    status: str | None = None


class ExpectedPart(Noun):
    """A part of an entry at the end of the story."""

    entry: str
    state: str
    quantity: Decimal | None = None
    amount: Decimal | None = None
    reason: str | None = None


class ExpectedRealisation(Noun):
    contract: str | None = None
    standard_value: Decimal | None = None
    billed_value: Decimal | None = None
    write_downs: Decimal | None = None
    write_ups: Decimal | None = None
    concessions: Decimal | None = None
    realisation_percent: Decimal | None = None
    write_down_percent: Decimal | None = None
    write_up_percent: Decimal | None = None


class ExpectedTransfer(Noun):
    """An intercompany transaction."""

    entry: str
    performed_by: str | None = None
    billed_by: str | None = None
    amount: Decimal | None = None


class ExpectedPosition(Noun):
    """A contract's net position at the end: 1200 + 1250 - 2200."""

    contract: str | None = None
    amount: Decimal


class ExpectedCase(Noun):
    subject: str
    reason: str | None = None


class Expect(Noun):
    """What must come out. A block that is written is compared whole: a row too many is a
    difference, like a row too few."""

    transactions: tuple[ExpectedTransaction, ...] | None = None
    invoices: tuple[ExpectedInvoice, ...] | None = None
    journals: tuple[ExpectedSum, ...] | None = None
    balances: dict[str, Decimal] | None = None
    """By account at the end, opening balances included; accounts not named are zero."""
    movements: dict[str, Decimal] | None = None
    """The same without opening balances."""
    balances_at: tuple[ExpectedBalance, ...] | None = None
    """Only the rows written are compared."""
    retainer: tuple[ExpectedTerm, ...] | None = None
    revenue: tuple[ExpectedRevenue, ...] | None = None
    receivables: tuple[ExpectedStanding, ...] | None = None
    parts: tuple[ExpectedPart, ...] | None = None
    realisation: tuple[ExpectedRealisation, ...] | None = None
    intercompany: tuple[ExpectedTransfer, ...] | None = None
    position: tuple[ExpectedPosition, ...] | None = None
    cases: tuple[ExpectedCase, ...] | None = None
    refused: str | None = None
    """The story is refused, and the reason holds this text."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> Expect:
        if not self.model_fields_set:
            raise ValueError("nothing is expected; write at least one block")
        return self


class Scenario(Noun):
    """A whole scenario."""

    scenario: Annotated[str, Field(min_length=1, max_length=80)]
    title: str = ""
    why: str = ""
    entities: tuple[EntityTerms, ...] = ()
    """Empty: one entity, `FIRM`, in the first contract's currency."""
    contracts: tuple[ScenarioContract, ...] = Field(min_length=1, max_length=100)
    opening: tuple[OpeningBalance, ...] = Field(default=(), max_length=1_000)
    story: tuple[Event, ...] = Field(max_length=EVENTS_MAX)
    expect: Expect


def entities_of(scenario: Scenario) -> list[EntityTerms]:
    if scenario.entities:
        return list(scenario.entities)
    return [EntityTerms(code="FIRM", currency=scenario.contracts[0].currency)]


def versions_of(scenario: Scenario, entities: list[EntityTerms]) -> list[ContractVersion]:
    """The contracts, with their legal entity filled in."""
    only = entities[0].code
    return [
        contract if contract.legal_entity else contract.model_copy(update={"legal_entity": only})
        for contract in scenario.contracts
    ]
