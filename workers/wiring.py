"""Where concrete classes meet: the landscape becomes ports, ports and stores become activities."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.worker import Worker

from activities.billing import BillingActivities
from activities.deals import DealActivities
from activities.failures import FailureInterceptor
from activities.invoices import InvoiceActivities, PaymentFeedActivities
from activities.journals import JournalActivities
from activities.news import NewsActivities
from activities.posting import PostingActivities
from activities.reconcile import ReconcileActivities
from activities.revenue import RevenueActivities
from activities.setup import EngagementActivities, ErpSetupActivities, PsaSetupActivities
from activities.sources import DealFeedActivities, PushedSourceActivities, SourceActivities
from activities.status import CrmStatusActivities, PsaStatusActivities
from adapters.documents import InvoiceDocuments
from adapters.registry import AdapterContext, Ports, adapter_named
from canonical.errors import SetupInvalid
from canonical.landscape import Landscape, SystemInstance, SystemRole
from canonical.ports import Mail
from runtime.landscape import Secrets, load_landscape, require_environment, resolve_secrets
from runtime.settings import Settings
from store import environment
from store.billing import BillingStore
from store.book_store import BookStore
from store.books.ledger import Ledger
from store.cases import CaseStore
from store.engagements import EngagementStore
from store.engine import create_engine
from store.events import EventStore
from store.invoices import InvoiceStore
from store.lanes import LeaseLanes
from store.reconcile import ReconcileStore
from store.revenue_closes import RevenueStore
from store.work import WorkStore
from workers.roles import PUSH, require_roles
from workers.sandbox import workflow_runner
from workflows import names
from workflows.registry import WORKFLOWS
from workflows.tolerance import SignalTolerance

GRACEFUL_SHUTDOWN = timedelta(seconds=30)
"""Longer than the longest short activity; longer ones are taken up by another worker."""

MAIN_ACTIVITIES_AT_ONCE = 20

Transports = Callable[[SystemInstance], httpx.AsyncBaseTransport | None]


def utc_now() -> datetime:
    return datetime.now(UTC)


def no_transports(system: SystemInstance) -> httpx.AsyncBaseTransport | None:
    """Systems are reached over the network."""
    return None


@dataclass(frozen=True)
class House:
    """Everything that a process of ours works with."""

    settings: Settings
    landscape: Landscape
    engine: AsyncEngine
    ports: dict[str, Ports]
    """By system instance; sources that push have none."""

    def mail(self) -> Mail:
        """The one mail system. Raises SetupInvalid when the landscape has none."""
        for ports in self.ports.values():
            if ports.mail is not None:
                return ports.mail
        raise SetupInvalid("the landscape has no system with the adapter smtp; invoices need one")


@asynccontextmanager
async def open_house(
    settings: Settings, *, transports: Transports = no_transports
) -> AsyncIterator[House]:
    """Landscape, database and systems, opened and closed together.

    The first house that is opened on a database makes it its environment's. Raises SetupInvalid
    when settings, landscape and database do not belong together.
    """
    async with unclaimed_house(settings, transports=transports) as house:
        await environment.claim(house.engine, settings.environment_id)
        yield house


@asynccontextmanager
async def unclaimed_house(
    settings: Settings, *, transports: Transports = no_transports
) -> AsyncIterator[House]:
    """The same for checks, which ask nothing of the database and leave it as it is."""
    landscape = load_landscape(settings.landscape_path)
    require_environment(landscape, settings.environment_id)
    require_roles(landscape)
    secrets = resolve_secrets(landscape, settings.landscape_path)
    async with AsyncExitStack() as stack:
        engine = create_engine(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool_size,
            audit_keys=settings.audit_keys,
        )
        stack.push_async_callback(engine.dispose)
        ports = build_ports(landscape, secrets, transports)
        for each in ports.values():
            stack.push_async_callback(each.close)
        yield House(settings=settings, landscape=landscape, engine=engine, ports=ports)


def build_ports(
    landscape: Landscape, secrets: Secrets, transports: Transports = no_transports
) -> dict[str, Ports]:
    """The ports of every system that is asked something. Raises SetupInvalid."""
    return {
        system.name: adapter_named(system.adapter).build(
            AdapterContext(
                system=system,
                landscape=landscape,
                secrets=secrets.get(system.name, {}),
                transport=transports(system),
            )
        )
        for system in landscape.systems
        if system.adapter != PUSH
    }


class Activities:
    """The activities of a house, by task queue."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._landscape = house.landscape
        self._engagements = EngagementStore(house.engine)
        self._work = WorkStore(house.engine)
        self._ledger = Ledger(house.landscape)
        self._billing = BillingStore(house.engine, self._ledger)
        self._books = BookStore(house.engine, self._ledger, house.landscape)
        self._invoices = InvoiceStore(house.engine)
        self._cases = CaseStore(house.engine)
        self._events = EventStore(house.engine)
        self._reconcile = ReconcileStore(house.engine, house.landscape)
        self._revenue = RevenueStore(house.engine, house.landscape)
        self._lanes = LeaseLanes(house.engine)

    @property
    def cases(self) -> CaseStore:
        return self._cases

    def main(self) -> list[Callable[..., Any]]:
        """What needs the store, documents and mail."""
        return activities_of(
            NewsActivities(self._engagements, self._cases),
            EngagementActivities(self._engagements, self._books, self._landscape, utc_now),
            PushedSourceActivities(self._work, self._engagements),
            BillingActivities(self._billing, utc_now),
            RevenueActivities(self._books, self._revenue, self._cases, utc_now),
            InvoiceActivities(
                self._invoices,
                self._books,
                self._engagements,
                InvoiceDocuments(),
                self._house.mail(),
                self._landscape,
                utc_now,
            ),
        )

    def of_system(self, system: str) -> list[Callable[..., Any]]:
        """What calls one system instance. Raises SetupInvalid for one that is not called."""
        if self._landscape.system(system).adapter == PUSH:
            raise SetupInvalid(f"system {system} sends by itself; it has no task queue to serve")
        ports = self._house.ports[system]
        return activities_of(*self._crm(system, ports), *self._psa(system, ports)) + activities_of(
            *self._time(system, ports), *self._erp(system, ports)
        )

    def _crm(self, system: str, ports: Ports) -> Iterable[object]:
        if ports.crm is not None:
            yield DealActivities(
                ports.crm, self._engagements, self._billing, self._cases, self._landscape
            )
            yield CrmStatusActivities(ports.crm, self._engagements)
            yield DealFeedActivities(system, ports.crm, self._work, self._events)

    def _psa(self, system: str, ports: Ports) -> Iterable[object]:
        if ports.psa is not None:
            yield PsaSetupActivities(system, ports.psa, self._engagements)
            yield PsaStatusActivities(system, ports.psa, self._engagements)

    def _time(self, system: str, ports: Ports) -> Iterable[object]:
        if ports.time is not None:
            yield SourceActivities(system, ports.time, self._work, self._engagements)

    def _erp(self, system: str, ports: Ports) -> Iterable[object]:
        if ports.erp is not None:
            yield ErpSetupActivities(system, ports.erp, self._engagements)
            yield PostingActivities(
                system,
                ports.erp,
                self._invoices,
                self._books,
                self._engagements,
                self._lanes,
                self._landscape,
                utc_now,
            )
            yield PaymentFeedActivities(
                system,
                ports.erp,
                self._invoices,
                self._work,
                self._landscape.entities_of(SystemRole.ERP, system),
            )
            yield ReconcileActivities(ports.erp, self._reconcile, self._cases)
            yield JournalActivities(
                system, ports.erp, self._revenue, self._cases, self._lanes, self._landscape
            )


def activities_of(*holders: object) -> list[Callable[..., Any]]:
    """The activity methods of some objects."""
    return [
        method
        for holder in holders
        for _, method in inspect.getmembers(holder, inspect.ismethod)
        if hasattr(method, "__temporal_activity_definition")
    ]


def build_workers(
    temporal: Client, house: House, *, main: bool = True, systems: Sequence[str] | None = None
) -> list[Worker]:
    """One worker per task queue: the main one, and one for each system named (default: all).

    Raises SetupInvalid for a system that has no task queue, and when nothing is left to serve.
    """
    activities = Activities(house)
    interceptors = [FailureInterceptor(activities.cases, utc_now), SignalTolerance()]
    workers: list[Worker] = []
    if main:
        workers.append(
            Worker(
                temporal,
                task_queue=names.MAIN_QUEUE,
                workflows=WORKFLOWS,
                activities=activities.main(),
                workflow_runner=workflow_runner(),
                interceptors=interceptors,
                max_concurrent_activities=MAIN_ACTIVITIES_AT_ONCE,
                graceful_shutdown_timeout=GRACEFUL_SHUTDOWN,
            )
        )
    for name in house.ports if systems is None else systems:
        methods = activities.of_system(name)
        if methods:
            limits = house.landscape.system(name).limits
            workers.append(
                Worker(
                    temporal,
                    task_queue=names.system_queue(name),
                    activities=methods,
                    interceptors=interceptors,
                    max_concurrent_activities=2 * limits.calls_at_once,
                    max_task_queue_activities_per_second=limits.requests_per_second,
                    graceful_shutdown_timeout=GRACEFUL_SHUTDOWN,
                )
            )
    if not workers:
        raise SetupInvalid("nothing is left to serve: name a system that has activities, or --main")
    return workers


@asynccontextmanager
async def running(workers: Sequence[Worker]) -> AsyncIterator[None]:
    """Started together; at the end all are told to stop at once, so that what they still finish
    takes the grace time once, and not once for each."""
    async with AsyncExitStack() as stack:
        for each in workers:
            await stack.enter_async_context(each)
        yield
        await asyncio.gather(*(each.shutdown() for each in workers))
