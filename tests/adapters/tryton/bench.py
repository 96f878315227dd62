"""The conformance suite's scenarios of Tryton, on the real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from decimal import Decimal

from adapters.tryton.simulator import Fault
from canonical.ids import ExternalRef
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
from tests.adapters.tryton import entry_scenarios
from tests.adapters.tryton.builders import ENTITY, SYSTEM, TODAY
from tests.adapters.tryton.workbench import TrytonBench, open_bench

FIRST, LAST = date(2025, 1, 1), date(2030, 12, 31)


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
        *entry_scenarios.READS,
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
        *entry_scenarios.WRITES,
    ),
    creates=(
        Create(
            "erp.create_draft",
            create_draft,
            drafts_found,
            rejected=lambda bench: create_draft(bench, net_days=17),
        ),
        *entry_scenarios.CREATES,
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
        *entry_scenarios.DRIFTS,
    ),
)
