"""A simulated Kantata account with people in it, and the adapter built against it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from pydantic import JsonValue, SecretStr

from adapters.kantata import build
from adapters.kantata.simulated.office import Office
from adapters.kantata.simulator import ACCOUNT_ID, TOKEN, ConnectionDropped, Simulator, create_app
from adapters.registry import AdapterContext, Ports
from canonical.client import Address, Client
from canonical.ids import ClientId, EngagementId, ExternalRef, ProjectId
from canonical.invoice import TaxCategory
from canonical.landscape import (
    ErpMapping,
    Landscape,
    LegalEntity,
    SystemInstance,
    SystemLimits,
    SystemRole,
    TaxPolicy,
    TaxRule,
)
from canonical.money import Money
from canonical.payment import BillingStage, BillingStatus
from canonical.ports import Psa, TimeSource
from canonical.project import ProjectPlan, RoleRate, TeamMember
from canonical.work import Expense, TimeEntry
from tests.adapters.conformance.transport import InProcess

SYSTEM = "psa"
ENVIRONMENT = "test"
SEPTEMBER = date(2026, 9, 1), date(2026, 9, 30)
NO_WAIT: Mapping[str, JsonValue] = {"settle_s": 0}
Item = TimeEntry | Expense


@dataclass(frozen=True)
class Workshop:
    """One project with a consultant, an approver and a role; the adapter's ports."""

    simulator: Simulator
    ports: Ports
    consultant: str
    approver: str
    role: str
    project: ExternalRef

    @property
    def office(self) -> Office:
        return self.simulator.office

    @property
    def psa(self) -> Psa:
        assert self.ports.psa is not None
        return self.ports.psa

    @property
    def time(self) -> TimeSource:
        assert self.ports.time is not None
        return self.ports.time

    def log(self, count: int = 1, *, minutes: int = 90, day: date = SEPTEMBER[0]) -> list[str]:
        return self.office.log_time(
            self.project.id, self.consultant, day, minutes, role=self.role, count=count
        )

    def spend(self, cents: int = 12_345, day: date = SEPTEMBER[0]) -> str:
        return self.office.add_expense(self.project.id, self.consultant, day, cents)

    async def listed(self) -> list[Item]:
        pages = self.time.items_of(self.project, *SEPTEMBER)
        return [item async for items in pages for item in items]

    async def item(self) -> Item:
        (item,) = await self.listed()
        return item

    async def pulled(self, cursor: str) -> tuple[dict[str, Item], str]:
        """What one whole pull tells, by id, and the cursor after it."""
        found: dict[str, Item] = {}
        async for page in self.time.changes_since(cursor):
            found.update({item.external_id: item for item in page.items})
            cursor = page.cursor
        return found, cursor

    def calls(self, name: str) -> int:
        return self.office.calls().get(name, 0)


def make_entity() -> LegalEntity:
    rule = TaxRule(
        code="DE-19",
        category=TaxCategory.STANDARD,
        rate=Decimal("0.19"),
        effective_from=date(2021, 1, 1),
        erp_tax="19%",
    )
    return LegalEntity(
        code="NC-DE",
        name="Northwind Consulting GmbH",
        country="DE",
        currency="EUR",
        time_zone="Europe/Berlin",
        systems={SystemRole.PSA: SYSTEM, SystemRole.TIME: SYSTEM},
        roles={"senior consultant": "SENIOR"},
        taxes=(rule,),
        tax_policy=TaxPolicy(domestic="DE-19"),
        erp=ErpMapping(company="1"),
        invoice_from="billing@northwind.example",
        go_live=date(2026, 1, 1),
    )


def make_context(
    simulator: Simulator, settings: Mapping[str, JsonValue], token: str = TOKEN
) -> AdapterContext:
    system = SystemInstance(
        name=SYSTEM,
        adapter="kantata",
        organisation=ACCOUNT_ID,
        settings=dict(settings),
        limits=SystemLimits(requests_per_second=100_000, calls_at_once=8),
    )
    landscape = Landscape(environment=ENVIRONMENT, systems=(system,), entities=(make_entity(),))
    transport = InProcess(simulator, ConnectionDropped)
    return AdapterContext(system, landscape, {"token": SecretStr(token)}, transport)


@asynccontextmanager
async def open_workshop(
    settings: Mapping[str, JsonValue] = NO_WAIT, *, token: str = TOKEN
) -> AsyncIterator[Workshop]:
    simulator = create_app()
    office = simulator.office
    ports = build(make_context(simulator, settings, token))
    try:
        yield Workshop(
            simulator=simulator,
            ports=ports,
            consultant=office.add_user("Nadia Ferrer", "nadia@northwind.example"),
            approver=office.add_user("Ole Brandt", "ole@northwind.example"),
            role=office.add_role("Senior Consultant"),
            project=ExternalRef(system=SYSTEM, kind="workspace", id=office.add_project("ERP")),
        )
    finally:
        await ports.close()


def make_client(**changes: object) -> Client:
    client = Client(
        id=ClientId("client-1"),
        reference=ExternalRef(system="crm", kind="Account", id="001"),
        code="FALK",
        name="Falkenstein Maschinenbau",
        legal_name="Falkenstein Maschinenbau GmbH",
        address=Address(street="Werkstr. 1", postal_code="70173", city="Stuttgart", country="DE"),
        currency="EUR",
        net_days=30,
        invoice_email="ap@falkenstein.example",
    )
    return client.model_copy(update=changes)


def make_plan(**changes: object) -> ProjectPlan:
    plan = ProjectPlan(
        id=ProjectId("project-1"),
        engagement_id=EngagementId("crm/006"),
        deal=ExternalRef(system="crm", kind="Opportunity", id="006"),
        code="FALK-006",
        name="ERP roll-out",
        legal_entity="NC-DE",
        currency="EUR",
        starts=date(2026, 9, 1),
        ends=date(2026, 12, 31),
        purchase_order="PO-77120",
        team=(TeamMember(name="Nadia", email="nadia@northwind.example", role="SENIOR"),),
        rates=(
            RoleRate(role="SENIOR", rate=Decimal(180), effective_from=date(2026, 9, 1)),
            RoleRate(role="SENIOR", rate=Decimal("187.50"), effective_from=date(2026, 9, 16)),
        ),
    )
    return plan.model_copy(update=changes)


def make_status(version: int = 1, stage: BillingStage = BillingStage.INVOICED) -> BillingStatus:
    return BillingStatus(
        engagement_id=EngagementId("crm/006"),
        stage=stage,
        project_code="FALK-006",
        version=version,
        invoice_number="2026-0001",
        invoice_gross=Money(amount=Decimal("1190.00"), currency="EUR"),
        as_of=datetime(2026, 10, 1, 8, 0, tzinfo=UTC),
    )
