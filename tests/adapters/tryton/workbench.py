"""One test's way into Tryton: the real server through a proxy of its own, and records that only it
writes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import asyncpg
import pytest

from adapters.registry import Ports
from adapters.tryton import build
from adapters.tryton.simulator import Fault, FaultKind, FaultProxy
from canonical.client import Client
from canonical.ids import ExternalRef
from canonical.invoice import DraftInvoice, Invoice, PostedInvoice
from canonical.journal_entry import DraftEntry, JournalEntry, PostedEntry
from canonical.ports import Erp
from canonical.project import ProjectPlan
from tests.adapters.tryton.builders import (
    TODAY,
    make_client,
    make_context,
    make_entry,
    make_invoice,
    make_plan,
)
from tests.adapters.tryton.plant import Plant, plant_of

CALLS = "model.*|wizard.*|report.*"
WRITES = "|".join(
    (
        "model.party.party.create",
        "model.party.party.write",
        "model.project.work.create",
        "model.project.work.write",
        "model.account.invoice.create",
        "model.account.invoice.post",
        "model.account.invoice.delete",
        "model.account.move.create",
        "model.account.move.post",
        "model.account.move.delete",
    )
)
LOGIN = "common.db.login"
SEEDED_INVOICES = 5
PAGE_SIZE = 2
FIRST, LAST = date(2025, 1, 1), date(2030, 12, 31)


class ProxyFaults:
    """The suite's faults, made by the proxy."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy

    async def lose_next_write_answer(self) -> None:
        self._proxy.inject(Fault(kind=FaultKind.LOSE_ANSWER, method=WRITES))

    async def delay_next_write(self) -> None:
        self._proxy.inject(Fault(kind=FaultKind.COMMIT_LATE, method=WRITES, delay_s=600))

    async def land(self) -> None:
        await self._proxy.land()

    async def busy_once(self, retry_after_s: float) -> None:
        wait = int(retry_after_s)
        self._proxy.inject(
            Fault(kind=FaultKind.ANSWER_BEFORE, method=CALLS, status=429, retry_after_s=wait)
        )

    async def down_once(self) -> None:
        self._proxy.inject(Fault(kind=FaultKind.ANSWER_BEFORE, method=CALLS, status=503))

    async def expire_token(self) -> None:
        self._proxy.inject(Fault(kind=FaultKind.EXPIRE_SESSION, method=CALLS))

    async def refuse_credentials(self) -> None:
        await self.expire_token()
        self._proxy.inject(
            Fault(kind=FaultKind.ANSWER_BEFORE, method=LOGIN, status=401, times=10_000)
        )

    def logins(self) -> int:
        return self._proxy.passed_on[LOGIN]


@dataclass(frozen=True)
class Seeded:
    """Records that all tests of the process read: posted invoices, each paid in part."""

    direct: Erp
    """An adapter past every proxy."""
    client: Client
    client_reference: ExternalRef
    plan: ProjectPlan
    project: ExternalRef
    invoices: tuple[PostedInvoice, ...]
    entry: PostedEntry


@dataclass
class TrytonBench:
    """One test's adapter, and records that only it writes."""

    ports: Ports
    faults: ProxyFaults
    proxy: FaultProxy
    plant: Plant
    seeded: Seeded
    client: Client = field(default_factory=make_client)
    plan: ProjectPlan = field(default_factory=make_plan)
    invoice: Invoice = field(default_factory=make_invoice)
    entry: JournalEntry = field(default_factory=make_entry)
    _targets: dict[str, ExternalRef] = field(default_factory=dict)

    @property
    def erp(self) -> Erp:
        assert self.ports.erp is not None
        return self.ports.erp

    async def own_client(self) -> ExternalRef:
        return await self._once("client", self._make_client)

    async def own_project(self) -> ExternalRef:
        return await self._once("project", self._make_project)

    async def own_draft(self) -> DraftInvoice:
        draft = await self._once("draft", self._make_draft)
        return DraftInvoice(reference=draft, key=self.invoice.key)

    async def own_entry(self) -> DraftEntry:
        draft = await self._once("entry", self._make_entry)
        return DraftEntry(reference=draft, key=self.entry.key)

    async def _once(self, name: str, make: Callable[[], Awaitable[ExternalRef]]) -> ExternalRef:
        if name not in self._targets:
            self._targets[name] = await make()
        return self._targets[name]

    async def _make_client(self) -> ExternalRef:
        return await self.seeded.direct.ensure_client(self.client, key="")

    async def _make_project(self) -> ExternalRef:
        return await self.seeded.direct.ensure_project(
            self.plan, self.seeded.client_reference, key=""
        )

    async def _make_draft(self) -> ExternalRef:
        draft = await self.seeded.direct.create_draft(
            self.invoice, self.seeded.client_reference, key=self.invoice.key
        )
        return draft.reference

    async def _make_entry(self) -> ExternalRef:
        return (await self.seeded.direct.create_entry(self.entry)).reference

    async def count(self, query: str, *arguments: object) -> int:
        """Behind the adapter's back: a number from the ERP's own database."""
        return len(await self.rows(query, *arguments))

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.plant.dsn)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()


_SEEDED = pytest.StashKey[Seeded]()


@asynccontextmanager
async def open_bench(request: pytest.FixtureRequest) -> AsyncIterator[TrytonBench]:
    plant = plant_of(request)
    if _SEEDED not in request.session.stash:
        request.session.stash[_SEEDED] = await _seed(plant)
    async with FaultProxy(plant.server.url) as proxy:
        ports = _ports(plant, proxy.url)
        try:
            seeded = request.session.stash[_SEEDED]
            yield TrytonBench(ports, ProxyFaults(proxy), proxy, plant, seeded)
        finally:
            await ports.close()


def _ports(plant: Plant, url: str) -> Ports:
    password = plant.erp.prepared.credentials.api_password
    return build(make_context(url, plant.server.database, password, page_size=PAGE_SIZE))


async def _seed(plant: Plant) -> Seeded:
    """The server closes each connection, so this adapter holds nothing that must be closed."""
    direct = _ports(plant, plant.server.url).erp
    assert direct is not None
    client, plan = make_client(), make_plan()
    party = await direct.ensure_client(client, key="")
    project = await direct.ensure_project(plan, party, key="")
    invoices = [make_invoice() for _ in range(SEEDED_INVOICES)]
    drafts = [await direct.create_draft(each, party, key=each.key) for each in invoices]
    posted = tuple([await direct.post_invoice(draft, TODAY) for draft in drafts])
    async with plant.accountant() as accountant:
        for invoice in posted:
            await accountant.pay(int(invoice.reference.id), TODAY, "SEED", Decimal("10.00"))
    entry = await direct.post_entry(await direct.create_entry(make_entry()))
    return Seeded(direct, client, party, plan, project, posted, entry)
