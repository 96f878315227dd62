"""The Salesforce simulator: an ASGI application that speaks the CRM's dialect offline.

Written from the vendor's documents; state is in memory. `/admin` is for tests and the demo: what
sales people and administrators do in the vendor's own pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI

from adapters.platforms.salesforce.simulator.faults import FaultLayer, Faults
from adapters.platforms.salesforce.simulator.organisation import Organisation, Record
from adapters.platforms.salesforce.simulator.rest import PAGE_ROWS_MAX, RestApi
from adapters.platforms.salesforce.simulator.schema import ObjectType
from adapters.platforms.salesforce.simulator.sessions import ClientApp, Sessions
from adapters.salesforce.simulator.admin import admin_routes
from adapters.salesforce.simulator.objects import STATUS_FIELDS, crm_objects, derive
from adapters.salesforce.simulator.outbound import Outbox, Target
from adapters.salesforce.simulator.seed import SeedDeal, Seeded, seed_deal

STAMPS = frozenset({"SystemModstamp", "LastModifiedDate", "CreatedDate"})


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class SimulatorConfig:
    """One organisation: who it is, which app may log in, and where its messages go."""

    app: ClientApp
    instance_url: str
    organisation_id: str = "00DAb00000012XyMAI"
    outbound: Target | None = None
    token_life: timedelta = timedelta(hours=2)
    page_size: int = PAGE_ROWS_MAX
    clock: Callable[[], datetime] = utc_now
    """Stamps records and paces messages."""
    login_clock: Callable[[], datetime] = utc_now
    """Judges assertions and tokens, whose makers have real clocks."""


class Simulator:
    """The organisation and everything that a test or the demo does to it."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.organisation = Organisation(crm_objects(), config.clock)
        self.organisation.derive = self._derive
        self.organisation.changed = self._changed
        self.sessions = Sessions(
            config.app,
            config.organisation_id,
            config.instance_url,
            config.token_life,
            config.login_clock,
        )
        self.faults = Faults()
        self.rest = RestApi(self.organisation, self.sessions, config.page_size)
        self.outbox = Outbox(
            self.organisation,
            config.organisation_id,
            config.instance_url,
            config.clock,
            config.outbound,
        )

    def seed(self, deal: SeedDeal) -> Seeded:
        """An open deal with account, lines and team."""
        return seed_deal(self.organisation, deal)

    def set_stage(self, opportunity: str, stage: str) -> None:
        """`Closed Won` wins the deal, an open stage opens it again; both send a message."""
        self.organisation.update("Opportunity", opportunity, {"StageName": stage}, as_admin=True)

    def win(self, opportunity: str) -> None:
        self.set_stage(opportunity, "Closed Won")

    def merge_accounts(self, loser: str, winner: str) -> None:
        """The loser goes to the recycle bin and names the winner; deals are left as they are, as
        happens when the integration reads in the middle of a merge."""
        self.organisation.delete("Account", loser, merged_into=winner)

    def _derive(self, kind: ObjectType, record: Record) -> None:
        derive(self.organisation, kind, record)

    def _changed(self, kind: ObjectType, before: Record, after: Record) -> None:
        if kind.name == "OpportunityLineItem":
            # A line changes its deal's amount, and so the deal.
            self.organisation.update("Opportunity", str(after["OpportunityId"]), {}, as_admin=True)
        elif kind.name == "Opportunity" and (before.get("IsWon") or after["IsWon"]):
            self._tell(before, after)

    def _tell(self, before: Record, after: Record) -> None:
        """The administrator's flow: a message when a won deal changes, but not for our own
        status."""
        quiet = STAMPS | STATUS_FIELDS
        if any(after[name] != before.get(name) for name in after if name not in quiet):
            self.outbox.enqueue(str(after["Id"]))


def create_app(config: SimulatorConfig) -> FastAPI:
    """The application; its `Simulator` is `app.state.simulator`."""
    simulator = Simulator(config)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        sender = asyncio.create_task(simulator.outbox.run())
        try:
            yield
        finally:
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.simulator = simulator
    simulator.rest.mount(app)
    app.include_router(admin_routes(simulator), prefix="/admin")
    app.add_middleware(FaultLayer, faults=simulator.faults)
    return app
