"""Engagements: their news, the review of their deal, what was agreed, and their links."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.agreement import Agreement
from canonical.client import Client
from canonical.deal import Deal, DealAccount
from canonical.errors import RecordMissing
from canonical.events import News
from canonical.ids import EngagementId, ExternalRef, InvoiceId
from canonical.money import Money
from canonical.payment import BillingStage, BillingStatus
from canonical.project import ProjectPlan
from canonical.records import EngagementRecord
from canonical.transitions import ENGAGEMENT, EngagementStage, advance
from canonical.validation import KnownClient, ValidationReport
from store import links, news, processes, reviews, trail
from store.engine import SYSTEM, transaction
from store.tables import client, engagement, invoice, project

KNOWN_CLIENTS_MAX = 100


class EngagementStore:
    """Implements `canonical.records.EngagementRecords`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def take_news(self, process: str, token: str) -> Sequence[News]:
        """See `store.news.take_news`."""
        async with transaction(self._engine) as connection:
            return await news.take_news(connection, process, token)

    async def engagement(self, engagement_id: EngagementId) -> EngagementRecord:
        """Raises RecordMissing."""
        columns = engagement.c
        async with transaction(self._engine) as connection:
            found = await connection.execute(
                select(
                    *(columns.deal_system, columns.deal_kind, columns.deal_id),
                    *(columns.stage, columns.legal_entity),
                    *(columns.project_code, columns.client_name),
                ).where(columns.id == engagement_id)
            )
            row = found.mappings().one_or_none()
        if row is None:
            raise missing("engagement", engagement_id)
        return EngagementRecord(
            id=engagement_id,
            deal=ExternalRef(system=row["deal_system"], kind=row["deal_kind"], id=row["deal_id"]),
            stage=EngagementStage(row["stage"]),
            legal_entity=row["legal_entity"],
            project_code=row["project_code"],
            client_name=row["client_name"],
        )

    async def known_clients(self, account: DealAccount) -> tuple[KnownClient, ...]:
        """Clients that share VAT id, code or name with an account, the account's own included."""
        vat_id = re.sub(r"[\s.-]", "", account.vat_id).upper()
        async with transaction(self._engine) as connection:
            found = await connection.execute(
                select(client.c.body)
                .where(
                    (client.c.name_folded == account.name.casefold())
                    | ((client.c.code == account.code) & (client.c.code != ""))
                    | ((client.c.vat_id == vat_id) & (client.c.vat_id != ""))
                )
                .order_by(client.c.id)
                .limit(KNOWN_CLIENTS_MAX)
            )
            clients = [Client.model_validate(row.body) for row in found]
        return tuple(
            KnownClient(
                reference=each.reference, code=each.code, name=each.name, vat_id=each.vat_id()
            )
            for each in clients
        )

    async def record_review(
        self,
        engagement_id: EngagementId,
        deal: Deal,
        report: ValidationReport,
        agreement: Agreement | None,
    ) -> None:
        """See the port; raises RecordMissing, and RecordExists for a code that is taken."""
        async with transaction(self._engine) as connection:
            stage = await _stage(connection, engagement_id)
            await reviews.keep_reading(connection, engagement_id, deal, report)
            if stage is EngagementStage.RECEIVED:
                stage = await _move(connection, engagement_id, stage, EngagementStage.IN_VALIDATION)
            if agreement is None:
                await reviews.refuse(connection, engagement_id, deal, report)
                return
            await reviews.keep_agreement(connection, engagement_id, agreement)
            if stage is EngagementStage.IN_VALIDATION:
                await _move(connection, engagement_id, stage, EngagementStage.SETTING_UP)

    async def plan(self, engagement_id: EngagementId) -> tuple[ProjectPlan, Client]:
        """Raises RecordMissing before there is an agreement."""
        async with transaction(self._engine) as connection:
            found = await connection.execute(
                select(project.c.body, client.c.body.label("client"))
                .join(client, client.c.id == project.c.client_id)
                .where(project.c.engagement_id == engagement_id)
            )
            row = found.one_or_none()
        if row is None:
            raise missing("agreement of engagement", engagement_id)
        return ProjectPlan.model_validate(row.body), Client.model_validate(row.client)

    async def reference(self, noun_id: str, system: str) -> ExternalRef | None:
        async with transaction(self._engine) as connection:
            return await links.reference(connection, noun_id, system)

    async def link(self, noun: str, noun_id: str, reference: ExternalRef) -> None:
        async with transaction(self._engine) as connection:
            await links.link(connection, noun, noun_id, reference)

    async def set_stage(self, engagement_id: EngagementId, stage: EngagementStage) -> None:
        """Raises TransitionForbidden; an engagement that ends takes no more events."""
        async with transaction(self._engine) as connection:
            before = await _stage(connection, engagement_id)
            if before is not stage:
                await _move(connection, engagement_id, before, stage)
            if not ENGAGEMENT[stage]:
                await processes.close(connection, processes.engagement_process(engagement_id))

    async def open_work(self, engagement_id: EngagementId) -> tuple[str, ...]:
        async with transaction(self._engine) as connection:
            found = await connection.scalars(text(_OPEN_WORK), {"engagement": engagement_id})
            return tuple(found)

    async def billing_status(
        self, engagement_id: EngagementId, invoice_id: InvoiceId | None, stage: BillingStage
    ) -> BillingStatus:
        """Versions are counted per engagement under its row lock. Raises RecordMissing.

        Once the engagement is closed it is shown as closed: what its invoices have to tell may be
        late, and would be newer.
        """
        async with transaction(self._engine) as connection:
            counted = await connection.execute(
                update(engagement)
                .where(engagement.c.id == engagement_id)
                .values(status_version=engagement.c.status_version + 1)
                .returning(
                    engagement.c.status_version,
                    engagement.c.project_code,
                    engagement.c.stage,
                    text("now() AS as_of"),
                )
            )
            row = counted.mappings().one_or_none()
            if row is None:
                raise missing("engagement", engagement_id)
            status = BillingStatus(
                engagement_id=engagement_id,
                stage=BillingStage.CLOSED if row["stage"] == _CLOSED else stage,
                project_code=row["project_code"],
                version=row["status_version"],
                as_of=row["as_of"],
            )
            if invoice_id is None:
                return status
            return await _with_invoice(connection, status, invoice_id)


_CLOSED = EngagementStage.CLOSED.value

_OPEN_WORK = """
SELECT what FROM (
    SELECT 1 AS kind, period AS sorting,
           'billing run ' || run || ' of ' || period || ' is not finished' AS what
    FROM billing_run WHERE engagement_id = :engagement AND state = 'open'
    UNION ALL
    SELECT 2, key, 'invoice ' || coalesce(nullif(number, ''), key) || ' is '
           || replace(state, '_', ' ')
    FROM invoice WHERE engagement_id = :engagement AND state NOT IN ('paid', 'cancelled')
) open ORDER BY kind, sorting
"""


def missing(noun: str, identity: str) -> RecordMissing:
    return RecordMissing(SYSTEM, f"there is no {noun} {identity}; check the id")


async def _stage(connection: AsyncConnection, engagement_id: EngagementId) -> EngagementStage:
    """The stage, under the engagement's row lock."""
    stage = await connection.scalar(
        select(engagement.c.stage)
        .where(engagement.c.id == engagement_id)
        .with_for_update(key_share=True)
    )
    if stage is None:
        raise missing("engagement", engagement_id)
    return EngagementStage(stage)


async def _move(
    connection: AsyncConnection,
    engagement_id: EngagementId,
    before: EngagementStage,
    after: EngagementStage,
) -> EngagementStage:
    advance("engagement", ENGAGEMENT, before, after)
    moved = await connection.execute(
        update(engagement)
        .where(engagement.c.id == engagement_id)
        .values(stage=after.value, updated_at=text("now()"))
        .returning(engagement.c.legal_entity)
    )
    await trail.note(
        connection,
        processes.engagement_process(engagement_id),
        "stage.changed",
        legal_entity=moved.scalar_one(),
        before=before.value,
        after=after.value,
    )
    return after


async def _with_invoice(
    connection: AsyncConnection, status: BillingStatus, invoice_id: InvoiceId
) -> BillingStatus:
    columns = invoice.c
    found = await connection.execute(
        select(
            *(columns.number, columns.invoice_date, columns.currency, columns.paid),
            text("coalesce(booked_gross, gross) AS gross"),
        ).where(columns.id == invoice_id)
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise missing("invoice", invoice_id)
    return status.model_copy(
        update={
            "invoice_number": row["number"],
            "invoice_date": row["invoice_date"],
            "invoice_gross": Money(amount=row["gross"], currency=row["currency"]),
            "paid": Money(amount=row["paid"], currency=row["currency"]),
        }
    )
