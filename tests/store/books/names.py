"""A scenario's names and its firm, as the store must know them: ids, references, a landscape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pydantic import JsonValue

from canonical.engine import story
from canonical.ids import ExternalRef, derive, payment_id
from canonical.landscape import (
    ErpMapping,
    Landscape,
    LegalEntity,
    SystemInstance,
    SystemRole,
    TaxPolicy,
    TaxRule,
)
from canonical.ledger.entity import EntityTerms
from canonical.scenario.model import Scenario, entities_of
from tests import builders as make

SOURCE = "story"
LONG_AGO = date(1990, 1, 1)


class Names:
    """The story's names as the store knows them: contracts and customers have ids, entries the
    system that recorded them."""

    def __init__(self, scenario: Scenario) -> None:
        versions = scenario.contracts
        customers = {each.bill_to for each in versions}
        customers |= {payer.customer for each in versions for payer in each.payers}
        self.contracts: dict[str, str] = {
            each.contract_id: derive("contract", each.contract_id) for each in versions
        }
        self.customers: dict[str, str] = {each: derive("client", each) for each in customers}
        self.entries: dict[str, str] = {}
        self.payments: dict[str, str] = {}
        for event in scenario.story:
            self._add(event)

    def _add(self, event: story.Event) -> None:
        times = (*(event.time or ()), *(event.submitted or ()))
        self.entries |= {each.id: f"{SOURCE}/time/{each.id}" for each in times}
        self.entries |= {each.id: f"{SOURCE}/expense/{each.id}" for each in event.expense or ()}
        if event.payment is not None:
            self.payments[event.payment.id] = payment_id(paid_as(event.payment.id))

    def told(self, value: JsonValue, field: str = "") -> JsonValue:
        """A model's JSON in the store's names."""
        match value:
            case str():
                return self._of(field).get(value, value)
            case list():
                return [self.told(each, field) for each in value]
            case dict():
                return {
                    self._label(name) if field == "invoices" else name: self.told(each, name)
                    for name, each in value.items()
                }
            case _:
                return value

    def _of(self, field: str) -> Mapping[str, str]:
        tables: Mapping[str, Mapping[str, str]] = {
            "contract": self.contracts,
            "contracts": self.contracts,
            "contract_id": self.contracts,
            "bill_to": self.customers,
            "customer": self.customers,
            "entry": self.entries,
            "entries": self.entries,
            "payment": self.payments,
        }
        return tables.get(field, {})

    def _label(self, label: str) -> str:
        """`<contract>/<customer>` and its like, in a cut-off's names of invoices."""
        known = self.contracts | self.customers
        return "/".join(known.get(part, part) for part in label.split("/"))

    def put_back(self, said: str) -> str:
        """A text of the store in the story's names."""
        for table in (self.contracts, self.customers, self.entries, self.payments):
            for ours, theirs in table.items():
                said = said.replace(theirs, ours)
        return said


def paid_as(name: str) -> ExternalRef:
    return ExternalRef(system=make.ERP, kind="payment", id=name)


def booked_as(document: str) -> ExternalRef:
    return ExternalRef(system=make.ERP, kind="account.invoice", id=document)


def landscape_of(scenario: Scenario) -> Landscape:
    return Landscape(
        environment="story",
        systems=(SystemInstance(name=make.ERP, adapter=make.ERP),),
        entities=tuple(_entity(terms) for terms in entities_of(scenario)),
    )


def _entity(terms: EntityTerms) -> LegalEntity:
    return LegalEntity(
        code=terms.code,
        name=terms.code,
        country="DE",
        currency=terms.currency,
        time_zone="UTC",
        systems={SystemRole.ERP: make.ERP},
        taxes=tuple(
            TaxRule(
                code=tax.code,
                category=tax.category,
                rate=tax.rate,
                effective_from=max(tax.effective_from, LONG_AGO),
                erp_tax=tax.code,
                legal_text=tax.reason,
            )
            for tax in terms.taxes
        ),
        tax_policy=TaxPolicy(domestic=""),
        erp=ErpMapping(
            company=terms.code,
            accounts={account.value: number for account, number in terms.accounts.items()},
        ),
        tax_owner=terms.tax_owner,
        revenue_owner=terms.revenue_owner,
        claims_owner=terms.claims_owner,
        invoice_from="invoices@firm.example",
        go_live=terms.go_live or LONG_AGO,
    )
