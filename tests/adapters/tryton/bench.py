"""The conformance suite's way into Tryton: the real server, through a proxy of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
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
from canonical.ports import Erp
from canonical.project import ProjectPlan
from tests.adapters.conformance.driver import (
    Create,
    Drift,
    DriftKind,
    Driver,
    Feed,
    Page,
    Read,
    Write,
)
from tests.adapters.tryton.builders import (
    ENTITY,
    SYSTEM,
    TODAY,
    make_client,
    make_context,
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
    return Seeded(direct, client, party, plan, project, posted)


# What the scenarios do


async def read_missing(bench: TrytonBench) -> object:
    return await bench.erp.read_invoice(ExternalRef(system=SYSTEM, kind="invoice", id="999999"))


async def missing_document(bench: TrytonBench) -> object:
    return await bench.erp.invoice_document(ExternalRef(system=SYSTEM, kind="invoice", id="999999"))


async def ensure_client_in_nowhere(bench: TrytonBench) -> object:
    nowhere = bench.client.address.model_copy(update={"country": "ZZ"})
    return await bench.erp.ensure_client(
        bench.client.model_copy(update={"address": nowhere}), key=""
    )


async def archive_client(bench: TrytonBench) -> None:
    await bench.erp.archive_client(await bench.own_client())


async def archive_project(bench: TrytonBench) -> None:
    await bench.erp.archive_project(await bench.own_project())


async def post(bench: TrytonBench) -> ExternalRef:
    return (await bench.erp.post_invoice(await bench.own_draft(), TODAY)).reference


async def delete_draft(bench: TrytonBench) -> None:
    await bench.erp.delete_draft(await bench.own_draft())


async def create_draft(bench: TrytonBench, **changes: object) -> object:
    invoice = bench.invoice.model_copy(update=changes)
    return await bench.erp.create_draft(
        invoice, bench.seeded.client_reference, key=bench.invoice.key
    )


async def drafts_found(bench: TrytonBench) -> Sequence[ExternalRef]:
    found = await bench.erp.find_invoices(ENTITY, bench.invoice.key)
    return [draft.reference for draft in found]


async def client_rows(bench: TrytonBench) -> int:
    return await bench.count("SELECT FROM party_party WHERE code = $1", bench.client.code)


async def project_rows(bench: TrytonBench) -> int:
    return await bench.count("SELECT FROM project_work WHERE number = $1", bench.plan.code)


async def archived_clients(bench: TrytonBench) -> int:
    party = int((await bench.own_client()).id)
    return await bench.count("SELECT FROM party_party WHERE id = $1 AND NOT active", party)


async def archived_projects(bench: TrytonBench) -> int:
    query = """SELECT FROM project_work w JOIN project_work_status s ON s.id = w.status
        WHERE w.id = $1 AND s.name = 'Archived'"""
    return await bench.count(query, int((await bench.own_project()).id))


async def posted_rows(bench: TrytonBench) -> int:
    query = "SELECT FROM account_invoice WHERE reference = $1 AND state = 'posted'"
    return await bench.count(query, bench.invoice.key)


async def drafts_gone(bench: TrytonBench) -> int:
    await bench.own_draft()
    left = await bench.count("SELECT FROM account_invoice WHERE reference = $1", bench.invoice.key)
    return 1 - left


async def payment_pages(bench: TrytonBench, cursor: str) -> AsyncIterator[Page]:
    async for page in bench.erp.payments_since(ENTITY, cursor):
        yield [payment.reference.id for payment in page.payments], page.cursor


async def payment_ids(bench: TrytonBench) -> set[str]:
    rows = await bench.rows('SELECT line FROM "account_invoice-account_move_line"')
    return {str(row["line"]) for row in rows}


async def pay_some_more(bench: TrytonBench) -> str:
    before = await payment_ids(bench)
    invoice = int(bench.seeded.invoices[0].reference.id)
    async with bench.plant.accountant() as accountant:
        await accountant.pay(invoice, TODAY, "MORE", Decimal("1.00"))
    (added,) = await payment_ids(bench) - before
    return added


async def posted_pages(bench: TrytonBench, cursor: str) -> AsyncIterator[Page]:
    async for page in bench.erp.posted_invoices(ENTITY, FIRST, LAST):
        yield [invoice.reference.id for invoice in page], ""


async def posted_ids(bench: TrytonBench) -> set[str]:
    rows = await bench.rows("SELECT id FROM account_invoice WHERE state IN ('posted', 'paid')")
    return {str(row["id"]) for row in rows}


async def post_another(bench: TrytonBench) -> str:
    draft = await bench.own_draft()
    return (await bench.seeded.direct.post_invoice(draft, TODAY)).reference.id


async def alter_invoices(bench: TrytonBench, **changes: object) -> None:
    bench.proxy.inject(
        Fault.model_validate(
            {"kind": "alter", "method": "model.account.invoice.search_read", **changes}
        )
    )


async def read_seeded(bench: TrytonBench) -> object:
    return await bench.erp.read_invoice(bench.seeded.invoices[0].reference)


DRIVER: Driver[TrytonBench] = Driver(
    adapter="tryton",
    open=open_bench,
    reads=(
        Read("erp.read_invoice", read_seeded, missing=read_missing),
        Read("erp.check", lambda bench: bench.erp.check()),
        Read(
            "erp.find_client", lambda bench: bench.erp.find_client(ENTITY, bench.seeded.client.code)
        ),
        Read(
            "erp.find_project", lambda bench: bench.erp.find_project(ENTITY, bench.seeded.plan.code)
        ),
        Read(
            "erp.find_invoices",
            lambda bench: bench.erp.find_invoices(ENTITY, bench.seeded.invoices[0].key),
        ),
        Read(
            "erp.invoice_document",
            lambda bench: bench.erp.invoice_document(bench.seeded.invoices[0].reference),
            missing=missing_document,
        ),
    ),
    writes=(
        Write(
            "erp.ensure_client",
            lambda bench: bench.erp.ensure_client(bench.client, key=""),
            client_rows,
            rejected=ensure_client_in_nowhere,
        ),
        Write(
            "erp.ensure_project",
            lambda bench: bench.erp.ensure_project(
                bench.plan, bench.seeded.client_reference, key=""
            ),
            project_rows,
        ),
        Write("erp.archive_client", archive_client, archived_clients),
        Write("erp.archive_project", archive_project, archived_projects),
        Write("erp.post_invoice", post, posted_rows),
        Write("erp.delete_draft", delete_draft, drafts_gone),
    ),
    creates=(
        Create(
            "erp.create_draft",
            create_draft,
            drafts_found,
            rejected=lambda bench: create_draft(bench, net_days=17),
        ),
    ),
    feeds=(
        Feed("erp.payments_since", payment_pages, pay_some_more, payment_ids),
        Feed("erp.posted_invoices", posted_pages, post_another, posted_ids, resumes=False),
    ),
    drifts=(
        Drift(
            DriftKind.MISSING_FIELD,
            lambda bench: alter_invoices(bench, field="total_amount"),
            read_seeded,
            "total_amount",
        ),
        Drift(
            DriftKind.CHANGED_TYPE,
            lambda bench: alter_invoices(bench, field="invoice_date", value=[42]),
            read_seeded,
            "invoice_date",
        ),
        Drift(
            DriftKind.UNKNOWN_VALUE,
            lambda bench: alter_invoices(bench, field="state", value="in limbo"),
            read_seeded,
            "state",
        ),
    ),
)
