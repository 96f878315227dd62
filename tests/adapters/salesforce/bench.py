"""Drives the Salesforce adapter through the conformance suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from adapters.platforms.salesforce.simulator.faults import Fault, FaultKind
from adapters.registry import Ports
from adapters.salesforce import build
from adapters.salesforce.simulator import Simulator
from canonical.ids import EngagementId, ExternalRef
from canonical.money import Money
from canonical.payment import BillingStage, BillingStatus
from canonical.ports import Crm
from tests.adapters.conformance.driver import Drift, DriftKind, Driver, Feed, Page, Read, Write
from tests.adapters.salesforce.organisation import make_app, make_context, make_deal

ABSENT = "006Ab0000000ZZZ"


class SimulatorFaults:
    """The suite's faults, as the simulator knows them."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def lose_next_write_answer(self) -> None:
        self._simulator.faults.arm(Fault(FaultKind.ANSWER_LOST, writes_only=True))

    async def delay_next_write(self) -> None:
        self._simulator.faults.arm(Fault(FaultKind.COMMITS_LATE, writes_only=True))

    async def land(self) -> None:
        assert await self._simulator.faults.land() == 1

    async def busy_once(self, retry_after_s: float) -> None:
        self._simulator.faults.arm(Fault(FaultKind.BUSY, seconds=retry_after_s))

    async def down_once(self) -> None:
        self._simulator.faults.arm(Fault(FaultKind.UNAVAILABLE))

    async def expire_token(self) -> None:
        self._simulator.sessions.expire_all()

    async def refuse_credentials(self) -> None:
        self._simulator.sessions.approved = False
        self._simulator.sessions.expire_all()

    def logins(self) -> int:
        return self._simulator.sessions.logins


@dataclass(frozen=True)
class SalesforceBench:
    """One won deal to read and write, five more to walk over."""

    simulator: Simulator
    ports: Ports
    faults: SimulatorFaults
    deal_id: str
    account_id: str
    line_id: str

    @property
    def crm(self) -> Crm:
        assert self.ports.crm is not None
        return self.ports.crm

    @property
    def deal(self) -> ExternalRef:
        return opportunity(self.deal_id)


def opportunity(record_id: str) -> ExternalRef:
    return ExternalRef(system="crm", kind="opportunity", id=record_id)


def make_status(version: int = 7, invoice_number: str = "INV-2026-00317") -> BillingStatus:
    return BillingStatus(
        engagement_id=EngagementId("crm/006"),
        stage=BillingStage.INVOICED,
        project_code="FALK-1",
        version=version,
        invoice_number=invoice_number,
        invoice_gross=Money(amount=Decimal("61500.00"), currency="EUR"),
        invoice_date=date(2026, 11, 30),
        as_of=datetime(2026, 11, 30, 12, 0, tzinfo=UTC),
    )


@asynccontextmanager
async def open_bench(
    request: pytest.FixtureRequest | None = None,
) -> AsyncIterator[SalesforceBench]:
    app, simulator = make_app(page_size=2)
    first = simulator.seed(make_deal())
    others = [simulator.seed(make_deal(f"deal {n}", account=None)) for n in range(5)]
    for seeded in (first, *others):
        simulator.win(seeded.opportunity)
    ports = build(make_context(app))
    try:
        yield SalesforceBench(
            simulator=simulator,
            ports=ports,
            faults=SimulatorFaults(simulator),
            deal_id=first.opportunity,
            account_id=first.account,
            line_id=first.lines[0],
        )
    finally:
        await ports.close()


async def read_deal(bench: SalesforceBench) -> object:
    return await bench.crm.read_deal(bench.deal)


async def read_missing(bench: SalesforceBench) -> object:
    return await bench.crm.read_deal(opportunity(ABSENT))


async def tell(bench: SalesforceBench) -> None:
    await bench.crm.tell_status(bench.deal, make_status())


async def tell_too_long_a_number(bench: SalesforceBench) -> None:
    await bench.crm.tell_status(bench.deal, make_status(invoice_number="9" * 81))


async def told(bench: SalesforceBench) -> int:
    record = bench.simulator.organisation.get("Opportunity", bench.deal_id)
    return int(record["Billing_Sync_Version__c"] == 7)


async def won_deals(bench: SalesforceBench, cursor: str) -> AsyncIterator[Page]:
    async for deals, after in bench.crm.deals_won_since(cursor):
        yield [deal.reference.id for deal in deals], after


async def edit_deal(bench: SalesforceBench) -> str:
    edit = {"PO_Number__c": "4500018"}
    bench.simulator.organisation.update("Opportunity", bench.deal_id, edit, as_admin=True)
    return bench.deal_id


async def all_won(bench: SalesforceBench) -> set[str]:
    deals = bench.simulator.organisation.records("Opportunity")
    return {str(deal["Id"]) for deal in deals if deal["IsWon"]}


async def hide_purchase_order(bench: SalesforceBench) -> None:
    bench.simulator.organisation.types["Opportunity"].hide("PO_Number__c")


async def put_text_for_a_rate(bench: SalesforceBench) -> None:
    organisation = bench.simulator.organisation
    organisation.corrupt("OpportunityLineItem", bench.line_id, "UnitPrice", "as agreed")


async def put_an_unknown_country(bench: SalesforceBench) -> None:
    organisation = bench.simulator.organisation
    organisation.corrupt("Account", bench.account_id, "BillingCountryCode", "Freedonia")


DRIVER: Driver[SalesforceBench] = Driver(
    adapter="salesforce",
    open=open_bench,
    reads=(Read("crm.read_deal", read_deal, missing=read_missing),),
    writes=(Write("crm.tell_status", tell, told, rejected=tell_too_long_a_number),),
    feeds=(Feed("crm.deals_won_since", won_deals, edit_deal, all_won),),
    drifts=(
        Drift(DriftKind.MISSING_FIELD, hide_purchase_order, read_deal, "PO_Number__c"),
        Drift(DriftKind.CHANGED_TYPE, put_text_for_a_rate, read_deal, "UnitPrice"),
        Drift(DriftKind.UNKNOWN_VALUE, put_an_unknown_country, read_deal, "BillingCountryCode"),
    ),
    covers=frozenset({"crm.check"}),
)
