"""Billing runs: the books hear what is new, the engine bills what is ready, drafts are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.billing import BillingPreview, BillingRun, HeldPart, RunKind
from canonical.contract import ContractVersion
from canonical.engine.story import Cutoff, Event, RetentionRelease
from canonical.errors import RuleViolation
from canonical.events import EVENT, RetentionReleased
from canonical.ids import EngagementId, InvoiceId
from canonical.invoice import Invoice
from canonical.invoicing import EntryWords
from canonical.money import Money
from canonical.periods import Period, last_day
from canonical.records import RunSummary
from store.books.drafts import invoices_of, keep_invoices, project_code
from store.books.groups import contract_of, read_group
from store.books.hearing import early_work
from store.books.keeping import item_of, keep_transactions, words_of
from store.books.ledger import Decision, Ledger, Page
from store.books.showing import held_parts, preview_of
from store.engine import transaction
from store.tables import billing_run, business_event, contract_version, hold

ZERO: Final = Decimal(0)


class BillingStore:
    """Implements `canonical.records.BillingRecords`."""

    def __init__(self, engine: AsyncEngine, ledger: Ledger) -> None:
        self._engine, self._ledger = engine, ledger

    async def contract_versions(self, engagement_id: EngagementId) -> tuple[ContractVersion, ...]:
        """In the order of their numbers."""
        async with transaction(self._engine) as connection:
            found = await connection.scalars(
                select(contract_version.c.body)
                .where(contract_version.c.engagement_id == engagement_id)
                .order_by(contract_version.c.version)
            )
            return tuple(ContractVersion.model_validate(body) for body in found)

    async def bill(self, run: BillingRun, now: datetime) -> RunSummary:
        """See the port."""
        async with transaction(self._engine) as connection:
            page = await self._tell(connection, run, now)
            if page is not None:
                await _keep(connection, run, page)
            summary = await _summary(connection, run)
            await connection.execute(text(_FINISH), _key(run))
        self._ledger.shelve(page)
        return summary

    async def preview(
        self, engagement_id: EngagementId, period: Period, cutoff: datetime, now: datetime
    ) -> BillingPreview:
        """See the port: everything is done and then undone by the rollback."""
        async with transaction(self._engine) as connection:
            run = await _next_run(connection, engagement_id, period, cutoff)
            page = await self._tell(connection, run, now)
            if page is None:
                raise AssertionError(f"run {run.run} of {run.period} has a chapter and no row")
            words = await words_of(connection, page.books, page.made.transactions)
            invoices = await _invoices(connection, run, page, words)
            held = [*held_parts(page), *await _early(connection, run, page)]
            shown = preview_of(run, page, invoices, held)
            await connection.rollback()
        return shown

    async def _tell(
        self, connection: AsyncConnection, run: BillingRun, now: datetime
    ) -> Page | None:
        contract = await contract_of(connection, run.engagement_id)
        await _open(connection, run)
        versions = (await read_group(connection, contract)).own
        code = await project_code(connection, run.engagement_id)
        prefix = f"{code}-{run.period}-{run.run}"
        local = self._ledger.local(now, versions[-1])
        event = await _release(connection, run, local, prefix)
        if event is None:
            cutoff = Cutoff(
                through=last_day(run.period),
                approved_through=self._ledger.local(run.cutoff, versions[-1]),
                contracts=(contract,),
                prefix=prefix,
                draft=True,
            )
            event = Event(on=local, cutoff=cutoff)
        key = f"run/{run.engagement_id}/{run.period}/{run.run}"
        hears = run.kind is RunKind.CUTOFF
        return await self._ledger.tell(connection, Decision(contract, key, now, event, hears))


async def _release(
    connection: AsyncConnection, run: BillingRun, on: datetime, prefix: str
) -> Event | None:
    """The release of retentions that a run is for, if it is for one."""
    if run.kind is not RunKind.RETENTION_RELEASE:
        return None
    body = await connection.scalar(
        select(business_event.c.body)
        .join(billing_run, billing_run.c.event_id == business_event.c.id)
        .where(
            billing_run.c.engagement_id == run.engagement_id,
            billing_run.c.period == run.period,
            billing_run.c.run == run.run,
        )
    )
    released = EVENT.validate_python(body)
    if not isinstance(released, RetentionReleased):
        raise AssertionError(f"run {run.run} of {run.period} releases no retention")
    return Event(
        on=on,
        release_retention=RetentionRelease(
            condition=released.condition,
            milestones=released.milestones,
            invoice=f"{prefix}-1",
            draft=True,
        ),
    )


async def _keep(connection: AsyncConnection, run: BillingRun, page: Page) -> None:
    words = await words_of(connection, page.books, page.made.transactions)
    await keep_transactions(connection, page.chapter, run, page.made.transactions, words)
    invoices = await _invoices(connection, run, page, words)
    posted = {document.id for document in page.made.posted}
    drafts = [(each, each.key in posted) for each in invoices]
    await keep_invoices(connection, page.chapter, drafts)
    held = [*held_parts(page), *await _early(connection, run, page)]
    await _keep_holds(connection, run, held)


async def _invoices(
    connection: AsyncConnection, run: BillingRun, page: Page, words: Mapping[str, EntryWords]
) -> list[Invoice]:
    version = page.books.contracts[page.group.contract].terms.at(page.told_on.date())
    return await invoices_of(
        connection, page.made.documents, page.books.transactions, run, version, words
    )


async def _early(connection: AsyncConnection, run: BillingRun, page: Page) -> Sequence[HeldPart]:
    if run.kind is not RunKind.CUTOFF:
        return ()
    return await early_work(connection, page.group.own, last_day(run.period))


async def _keep_holds(
    connection: AsyncConnection, run: BillingRun, held: Sequence[HeldPart]
) -> None:
    """One row per entry and reason: portions of an entry that wait for the same thing are one."""
    groups: dict[tuple[str, str], list[HeldPart]] = {}
    for each in held:
        if not each.is_fee:
            reason = f"{each.reason} {each.cap_id}".rstrip()
            groups.setdefault((each.entry, reason), []).append(each)
    rows = [
        {
            "item_id": item_of(entry),
            "engagement_id": run.engagement_id,
            "period": run.period,
            "run": run.run,
            "reason": reason,
            "quantity": sum((each.quantity for each in parts), ZERO),
            "amount": sum((each.amount.amount for each in parts if each.amount), ZERO),
            "currency": next((each.amount.currency for each in parts if each.amount), ""),
        }
        for (entry, reason), parts in groups.items()
    ]
    if rows:
        await connection.execute(insert(hold), rows)


_FINISH: Final = """
UPDATE billing_run SET state = 'finished', finished_at = now()
WHERE engagement_id = :engagement_id AND period = :period AND run = :run AND state = 'open'
"""

_SUMMARY: Final = """
SELECT count(*) AS transactions, sum(t.net) AS net, min(t.currency) AS currency,
       count(DISTINCT t.currency) AS currencies
FROM billing_transaction t
WHERE t.engagement_id = :engagement_id AND t.period = :period AND t.run = :run
"""

_INVOICES: Final = """
SELECT id FROM invoice
WHERE engagement_id = :engagement_id AND period = :period AND run = :run ORDER BY sequence, id
"""

_HELD: Final = """
SELECT count(*) FROM hold WHERE engagement_id = :engagement_id AND period = :period AND run = :run
"""


def _key(run: BillingRun) -> dict[str, str | int]:
    return {"engagement_id": run.engagement_id, "period": run.period, "run": run.run}


async def _open(connection: AsyncConnection, run: BillingRun) -> None:
    """The run's row, if its cut-off did not open it already.

    Raises RuleViolation for another cut-off under the same number.
    """
    await connection.execute(
        insert(billing_run).values(**_key(run), cutoff=run.cutoff).on_conflict_do_nothing()
    )
    cutoff = await connection.scalar(
        select(billing_run.c.cutoff).where(
            billing_run.c.engagement_id == run.engagement_id,
            billing_run.c.period == run.period,
            billing_run.c.run == run.run,
        )
    )
    if cutoff != run.cutoff:
        raise RuleViolation(
            f"run {run.run} of {run.period} for {run.engagement_id} was cut off at {cutoff}, "
            f"not at {run.cutoff}; a new cut-off needs a new run"
        )


async def _next_run(
    connection: AsyncConnection, engagement_id: EngagementId, period: Period, cutoff: datetime
) -> BillingRun:
    last = await connection.scalar(
        select(func.max(billing_run.c.run)).where(
            billing_run.c.engagement_id == engagement_id, billing_run.c.period == period
        )
    )
    return BillingRun(
        engagement_id=engagement_id, period=period, cutoff=cutoff, run=(last or 0) + 1
    )


async def _summary(connection: AsyncConnection, run: BillingRun) -> RunSummary:
    row = (await connection.execute(text(_SUMMARY), _key(run))).one()
    invoices = await connection.scalars(text(_INVOICES), _key(run))
    held = await connection.scalar(text(_HELD), _key(run))
    is_one = row.currencies == 1
    return RunSummary(
        run=run,
        transactions=row.transactions,
        held=held or 0,
        net=Money(amount=row.net, currency=row.currency) if is_one else None,
        invoices=tuple(InvoiceId(str(each)) for each in invoices),
    )
