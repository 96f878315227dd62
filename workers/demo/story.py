"""The story as people live it: they sell, work, approve, bill and get paid, in the systems they
use.

Each step acts in a system (never in ours) and waits until ours shows the effect. Tests run the same
steps and break things in between.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine
from standardwebhooks import Webhook
from temporalio.common import WorkflowIDConflictPolicy

from adapters.salesforce.simulator.seed import SeedDeal
from canonical.billing import BillingPreview
from canonical.ids import EngagementId, ExternalRef
from canonical.invoice import InvoiceState
from canonical.records import EngagementRecord, InvoiceStanding
from canonical.transitions import EngagementStage
from store.overview import Overview
from workers.demo import script
from workers.local import landscape as places
from workers.local.stack import LocalStack
from workflows import names
from workflows.revenue_close import RevenueClose, RevenueClosed, RevenueCloseParams

T = TypeVar("T")

PATIENCE_S = 120.0
LOOK_EVERY_S = 0.1

OPERATOR = {"by": "Olga (operations)", "reason": "the project is finished and paid"}


class StoryStuck(Exception):
    """A step had no effect in time."""


class Story:
    """One engagement on a running stack."""

    def __init__(self, stack: LocalStack, engine: AsyncEngine, today: date) -> None:
        self.stack, self.today, self.month = stack, today, script.Month.before(today)
        self.overview = Overview(engine)
        self.opportunity, self.patience_s = "", PATIENCE_S
        self.cutoff = datetime.now(UTC)
        self.closes_months = True
        """A close is of a whole legal entity: stories that are told at once leave it to the
        teller."""
        self._delivered = 0
        self._people: dict[str, str] = {}
        self._roles: dict[str, str] = {}
        self._entries: dict[script.Worked, str] = {}
        self._sheets: dict[script.Worked, str] = {}

    @property
    def engagement_id(self) -> EngagementId:
        return EngagementId(f"{places.CRM}/{self.opportunity}")

    # -- what people do ---------------------------------------------------------------------------

    def hire(self) -> None:
        """The people and roles of the PSA; those of an earlier story are there already."""
        office = self.stack.kantata.office
        users = {str(row["full_name"]): str(row["id"]) for row in office.rows("users")}
        roles = {str(row["name"]): str(row["id"]) for row in office.rows("roles")}
        for person in (script.ANNA, script.BEN, script.APPROVER):
            self._people[person] = users.get(person) or office.add_user(
                person, script.email(person)
            )
        for role in ("Senior Consultant", "Consultant"):
            self._roles[role] = roles.get(role) or office.add_role(role)

    def sell(self, number: int = 1, deal: SeedDeal | None = None) -> None:
        """Sales enters the script's deal (or another) and wins it: Salesforce sends its outbound
        message."""
        seeded = self.stack.salesforce.seed(deal or script.deal(self.month, number=number))
        self.opportunity = seeded.opportunity
        self.stack.salesforce.win(seeded.opportunity)

    async def work(self) -> None:
        """Consultants log time; the approver approves it sheet by sheet. The feed repeats events,
        shuffles them, and loses the one of an entry."""
        office, project = self.stack.kantata.office, await self.psa_project()
        office.set_feed(shuffled=True, repeats_every=3)
        for worked in (*script.WORKED, script.RECALLED):
            self._log(project, worked)
        office.leave_out_events(100)
        self._log(project, script.LEFT_OUT)
        office.leave_out_events(0)

    async def log(self, entries: Sequence[script.Worked]) -> None:
        """Consultants log time in the story's month, and all of it is approved."""
        project = await self.psa_project()
        for worked in entries:
            self._log(project, worked)

    def recall(self, worked: script.Worked = script.RECALLED) -> None:
        """A timesheet was approved by mistake: its approval is taken back."""
        sheet = self._sheets[worked]
        self.stack.kantata.office.resolve(
            "time_entries", sheet, "reject", self._people[script.APPROVER], "wrong project"
        )

    async def spend(self, code: str = "", *, currency: str = "EUR") -> None:
        """The expense tool sends approved expenses, signed, and declares them complete up to the
        instant that finance will cut off at."""
        code = code or (await self.engagement()).project_code
        project = self._project(code)
        now = self.cutoff = datetime.now(UTC)
        items = [_expense(spent, project, self.month, now, currency) for spent in script.SPENT]
        batch = f"batch/{code}/{currency}"
        await self.push({"type": "expense.approved", "id": batch, "items": items})
        totals = {
            "kind": "expense",
            "count": len(script.SPENT),
            "quantity": len(script.SPENT),
            "cost": str(sum((spent.cost for spent in script.SPENT), Decimal(0))),
        }
        done = {"type": "source.completed", "id": f"done/{code}/{currency}", "project": project}
        await self.push({**done, "up_to": _iso(now), "totals": totals})

    async def declare_no_expenses(self, batch: str = "") -> None:
        """The expense tool declares that there is nothing, up to the instant of the cut-off."""
        code = (await self.engagement()).project_code
        now = self.cutoff = datetime.now(UTC)
        await self.push(
            {
                "type": "source.completed",
                "id": f"nothing/{code}/{self.month.period}/{batch}",
                "project": self._project(code),
                "up_to": _iso(now),
                "totals": {"kind": "expense", "count": 0, "quantity": 0, "cost": "0"},
            }
        )

    async def accept(self, milestone: str, day: date) -> None:
        """The client accepts a milestone: the signed protocol is the evidence."""
        code = (await self.engagement()).project_code
        protocol = f"{code} {milestone} accepted {day}"
        await self.push(
            {
                "type": "milestone.achieved",
                "id": f"{code}/{milestone}",
                "project": self._project(code),
                "milestone": milestone,
                "accepted_by": "Dr. Klara Falkenstein",
                "accepted_on": str(day),
                "document_hash": hashlib.sha256(protocol.encode()).hexdigest(),
            }
        )

    async def report_progress(self, as_of: date, to_date: Decimal, estimate: Decimal) -> None:
        """Project control says what is spent, and what it will be in the end."""
        code = (await self.engagement()).project_code
        await self.push(
            {
                "type": "progress.reported",
                "id": f"{code}/progress/{as_of}",
                "project": self._project(code),
                "as_of": str(as_of),
                "to_date": str(to_date),
                "estimate": str(estimate),
            }
        )

    async def release(self, condition: str) -> None:
        """The condition is met on which the client pays what it kept back."""
        code = (await self.engagement()).project_code
        await self.push(
            {
                "type": "retention.released",
                "id": f"{code}/release",
                "project": self._project(code),
                "condition": condition,
            }
        )

    async def preview(self) -> BillingPreview:
        """What a billing run of the month would make now, asked of the engagement's workflow."""
        handle = self.stack.client.get_workflow_handle(names.engagement(self.engagement_id))
        answer: BillingPreview = await handle.execute_update(
            names.PREVIEW_BILLING, self.month.period, result_type=BillingPreview
        )
        again = await handle.query("billing_preview", result_type=BillingPreview)
        if again != answer:
            raise StoryStuck("the query shows another preview than the update answered")
        return answer

    async def cut_off(self, code: str = "", *, ordered_by: str = "finance") -> None:
        """Finance closes the month for billing."""
        code = code or (await self.engagement()).project_code
        await self.push(
            {
                "type": "billing.cutoff",
                "id": f"cutoff/{code}/{self.month.period}/{ordered_by}",
                "legal_entity": places.ENTITY,
                "period": self.month.period,
                "cutoff": _iso(self.cutoff),
                "project": self._project(code),
            }
        )

    async def pay(self, reference: str, amount: Decimal | None = None) -> None:
        """The bank statement shows a payment: accounting registers it in the ERP."""
        invoice = await self.erp_invoice()
        async with self.stack.erp.accountant() as accountant:
            await accountant.pay(int(invoice.id), datetime.now(UTC).date(), reference, amount)

    async def collect(self) -> InvoiceStanding:
        """The client pays the newest invoice, all at once."""
        *_, newest = await self.overview.invoices(self.engagement_id)
        reference = await self.overview.posted_as(newest.id)
        if reference is None:
            raise StoryStuck(f"invoice {newest.key} is not in the ERP yet")
        async with self.stack.erp.accountant() as accountant:
            today = datetime.now(UTC).date()
            await accountant.pay(int(reference.id), today, f"BANK {newest.key}")
        return await self.until_invoice(
            lambda each: each.id == newest.id and each.paid == newest.gross,
            f"invoice {newest.key} to be paid",
        )

    async def close_month(self) -> None:
        """Finance closes the revenue of the story's month, unless somebody does it for all."""
        if self.closes_months:
            await self.close_revenue(self.month.period)

    async def close_revenue(self, period: str) -> RevenueClosed:
        """Finance closes the revenue of a period, of all contracts: its journals go to the ERP."""
        params = RevenueCloseParams(legal_entity=places.ENTITY, period=period, erp=places.ERP)
        workflow = names.revenue_close(params.legal_entity, params.period)
        try:
            async with asyncio.timeout(self.patience_s):
                return await self.stack.client.execute_workflow(
                    RevenueClose.run,
                    params,
                    id=workflow,
                    task_queue=names.MAIN_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                )
        except TimeoutError:
            page: str = await self.stack.client.get_workflow_handle(workflow).query("status")
            raise StoryStuck(f"waited {self.patience_s:g} s for {workflow}: {page}") from None

    async def finish(self) -> None:
        """The engagement is closed when the CRM has heard that all is paid."""
        await self.until_crm_says("Paid")
        await self.close()
        await self.until_closed()

    async def close(self) -> None:
        """Operations order the engagement to close."""
        handle = self.stack.client.get_workflow_handle(names.engagement(self.engagement_id))
        await handle.signal(names.CLOSE, OPERATOR)

    # -- what our side shows ----------------------------------------------------------------------

    async def until_active(self) -> EngagementRecord:
        async def found() -> EngagementRecord | None:
            engagement = await self.engagement_or_none()
            ready = engagement is not None and engagement.stage is EngagementStage.ACTIVE
            return engagement if ready else None

        return await self.until(found, "the project to be set up")

    async def until_delivered(self) -> InvoiceStanding:
        after = (InvoiceState.DELIVERED, InvoiceState.PART_PAID, InvoiceState.PAID)
        return await self.until_invoice(lambda each: each.state in after, "the invoice to go out")

    async def until_next_delivered(self) -> InvoiceStanding:
        """The invoice after the last one that was asked for."""
        after = (InvoiceState.DELIVERED, InvoiceState.PART_PAID, InvoiceState.PAID)

        async def found() -> InvoiceStanding | None:
            invoices = await self.overview.invoices(self.engagement_id)
            newest = invoices[self._delivered :][:1]
            return newest[0] if newest and newest[0].state in after else None

        invoice = await self.until(found, "the next invoice to go out")
        self._delivered += 1
        return invoice

    async def until_heard(self, entries: int) -> None:
        """Until the change feed has told us of so many entries."""

        async def heard() -> bool | None:
            return await self.overview.work_items(self.engagement_id) >= entries or None

        await self.until(heard, f"{entries} entries to be heard of")

    async def until_paid(self, amount: Decimal) -> InvoiceStanding:
        return await self.until_invoice(
            lambda each: each.paid.amount == amount, f"{amount} to be seen as paid"
        )

    async def until_crm_says(self, status: str) -> None:
        async def shown() -> bool | None:
            return self.crm_status("Billing_Status__c") == status or None

        await self.until(shown, f"the deal to show {status!r}")

    async def until_closed(self) -> None:
        handle = self.stack.client.get_workflow_handle(names.engagement(self.engagement_id))
        try:
            async with asyncio.timeout(self.patience_s):
                await handle.result()
        except TimeoutError:
            page: str = await handle.query("status")
            raise StoryStuck(f"waited {self.patience_s:g} s for the end: {page}") from None

    async def until_invoice(
        self, holds: Callable[[InvoiceStanding], bool], what: str
    ) -> InvoiceStanding:
        async def found() -> InvoiceStanding | None:
            invoices = await self.overview.invoices(self.engagement_id)
            return next((each for each in invoices if holds(each)), None)

        return await self.until(found, what)

    async def until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        """Look until something is there. Raises StoryStuck with the open cases."""
        try:
            async with asyncio.timeout(self.patience_s):
                while (found := await look()) is None:  # noqa: ASYNC110 - other processes act
                    await asyncio.sleep(LOOK_EVERY_S)
                return found
        except TimeoutError:
            cases = [f"{case.cause}: {case.message}" for case in await self.overview.open_cases()]
            raise StoryStuck(
                f"waited {self.patience_s:g} s for {what}; "
                f"open cases: {'; '.join(cases) or 'none'}. Logs are in {self.stack.directory}"
            ) from None

    async def engagement_or_none(self) -> EngagementRecord | None:
        engagements = await self.overview.engagements()
        return next((each for each in engagements if each.id == self.engagement_id), None)

    async def engagement(self) -> EngagementRecord:
        found = await self.engagement_or_none()
        if found is None:
            raise StoryStuck(f"engagement {self.engagement_id} is not there yet")
        return found

    def crm_status(self, field: str) -> object:
        """A field of the deal, as sales people see it."""
        return self.stack.salesforce.organisation.get("Opportunity", self.opportunity)[field]

    async def psa_project(self) -> str:
        """The project's id in the PSA, by its code."""
        code = (await self.engagement()).project_code
        for row in self.stack.kantata.office.rows("workspaces"):
            if code in json.dumps(row, default=str):
                return str(row["id"])
        raise StoryStuck(f"the PSA has no project {code}")

    async def erp_invoice(self) -> ExternalRef:
        """The invoice's record in the ERP, by the posting that is bound to it."""
        (standing, *_) = await self.overview.invoices(self.engagement_id)
        reference = await self.overview.posted_as(standing.id)
        if reference is None:
            raise StoryStuck(f"invoice {standing.key} is not in the ERP yet")
        return reference

    # -- details ----------------------------------------------------------------------------------

    def _project(self, code: str) -> dict[str, str]:
        return {"system": places.EXPENSES, "kind": "project", "id": code}

    def _log(self, project: str, worked: script.Worked) -> None:
        office = self.stack.kantata.office
        (entry,) = office.log_time(
            project,
            self._people[worked.person],
            self.month.day(worked.day),
            worked.minutes,
            role=self._roles[worked.role],
            notes=worked.note,
        )
        self._entries[worked] = entry
        self._sheets[worked] = office.approve_time([entry], self._people[script.APPROVER])

    async def push(self, event: dict[str, object]) -> httpx.Response:
        """Send a signed event as the expense tool; raises for a refusal."""
        body = json.dumps(
            {"source": places.EXPENSES, "version": 1, "occurred_at": _iso(datetime.now(UTC))}
            | event
        )
        moment = datetime.now(UTC)
        message = str(event["id"])
        signature = Webhook(self.stack.secrets.signing).sign(message, moment, body)
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            answer = await http.post(
                f"{self.stack.gateway_url}/hooks/events/{places.EXPENSES}",
                content=body.encode(),
                headers={
                    "webhook-id": message,
                    "webhook-timestamp": str(int(moment.timestamp())),
                    "webhook-signature": signature,
                    "content-type": "application/json",
                },
            )
        if not answer.is_success:
            raise StoryStuck(f"the gateway refused {event['type']}: {answer.text}")
        return answer


def _expense(
    spent: script.Spent,
    project: dict[str, str],
    month: script.Month,
    now: datetime,
    currency: str,
) -> dict[str, object]:
    return {
        "kind": "expense",
        "source": places.EXPENSES,
        "external_id": f"{project['id']}/{spent.id}",
        "version": _iso(now),
        "project": project,
        "person": "anna",
        "person_name": script.ANNA,
        "work_date": str(month.day(spent.day)),
        "description": spent.category,
        "category": spent.category,
        "cost": {"amount": str(spent.cost), "currency": currency},
        "approved": True,
        "approved_by": script.APPROVER,
        "approved_at": _iso(now),
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat()
