"""A small world behind the workflows: activities with the real names, held in memory, that can
refuse."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from temporalio import activity

from activities.billing import PreviewBilling, RunBilling
from activities.deals import DealChange, DealReview, ReviewDeal, Systems
from activities.invoices import DeliverInvoice, Follow, InvoiceNews
from activities.news import OrderNote, Resolution, TakeNews
from activities.posting import IssueInvoice
from activities.reconcile import CompareDay, DayCompared
from activities.setup import SetUp
from activities.sources import Completeness, ProveComplete, ProvePushed, Pull, Pulled
from activities.status import TellStatus
from canonical.base import Noun
from canonical.billing import BillingPreview, BillingRun
from canonical.case import Case, CaseState
from canonical.errors import DomainError
from canonical.events import News
from canonical.ids import CaseId, EngagementId, ExternalRef, InvoiceId
from canonical.invoice import DraftInvoice, InvoiceState
from canonical.money import Money
from canonical.records import InvoiceStanding, RunSummary
from tests.workflows.closing import Closing


def systems_of(number: int) -> Systems:
    """Each world has systems of its own, so that what a test leaves behind reaches no other."""
    psa = f"psa-{number}"
    return Systems(crm=f"crm-{number}", psa=psa, time=psa, erp=f"erp-{number}")


def _state(paid: Decimal, gross: Decimal) -> InvoiceState:
    if paid == gross:
        return InvoiceState.PAID
    return InvoiceState.PART_PAID if paid else InvoiceState.DELIVERED


async def _nothing() -> None:
    """Nobody is that quick."""


def euro(amount: str) -> Money:
    return Money.rounded(Decimal(amount), "EUR")


class World:
    """What happened, and what shall go wrong: `refuse["step"] = [error, ...]` fails that many
    calls."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.systems = systems_of(number)
        self.calls: list[str] = []
        self.requests: dict[str, list[Noun]] = defaultdict(list)
        """What each step was asked, in order."""
        self.expenses_system = f"expenses-{number}"
        self.refuse: dict[str, list[DomainError]] = defaultdict(list)
        self.news: dict[str, list[News]] = defaultdict(list)
        self.taken: dict[tuple[str, str], list[News]] = {}
        self.cases: dict[CaseId, Case] = {}
        self.notes: list[OrderNote] = []
        self.told: list[str] = []
        self.review = DealReview(
            passed=True,
            name="Advisory",
            client_name="Falkenstein",
            project_code="FALK-1",
            legal_entity="NORTH-DE",
            systems=self.systems,
        )
        self.reviews: list[DealReview] = []
        self.invoices_of_run: dict[int, tuple[InvoiceId, ...]] = {}
        self.standing: dict[InvoiceId, InvoiceStanding] = {}
        self.still_open: tuple[str, ...] = ()
        self.closing = Closing(self.systems.erp, self)
        self.before_refusal: Callable[[], Awaitable[None]] = _nothing
        """Happens when a case is open and its workflow has not heard of it yet."""

    @property
    def engagement_id(self) -> EngagementId:
        return EngagementId(f"{self.systems.crm}/006-{self.number}")

    # -- what a test arranges ---------------------------------------------------------------------

    def tell(self, process: str, type_: str, **more: Any) -> None:
        number = len(self.news[process]) + len(self.taken) + 1
        self.news[process].append(News(type=type_, event=f"event-{number}", **more))

    def cut_off(self, process: str, period: str, run: int) -> None:
        moment = datetime(2026, 11, 1, tzinfo=UTC)
        self.tell(process, "billing.cutoff", period=period, cutoff=moment, run=run)

    def invoice(
        self,
        number: int,
        *,
        paid: str = "0.00",
        gross: str = "1190.00",
        state: InvoiceState | None = None,
    ) -> InvoiceId:
        """An invoice as it stands now; its state follows from what is paid unless it is given."""
        invoice_id = InvoiceId(f"invoice-{self.number}-{number}")
        self.standing[invoice_id] = InvoiceStanding(
            id=invoice_id,
            key=f"FALK-1-2026-10-{number}-1",
            engagement_id=self.engagement_id,
            legal_entity="NORTH-DE",
            state=state or _state(Decimal(paid), Decimal(gross)),
            number=f"INV-{number}",
            gross=euro(gross),
            paid=euro(paid),
            due_date=date(2026, 12, 1),
        )
        return invoice_id

    def count(self, step: str) -> int:
        return Counter(self.calls)[step]

    def open_cases(self) -> list[Case]:
        return [case for case in self.cases.values() if case.state is CaseState.OPEN]

    def activities(self) -> list[Callable[..., Any]]:
        """Everything that is an activity of this world."""
        members = (getattr(self, name) for name in dir(self))
        mine = [each for each in members if hasattr(each, "__temporal_activity_definition")]
        return [*mine, *self.closing.activities()]

    def _happens(self, step: str, request: Noun) -> None:
        self.calls.append(step)
        self.requests[step].append(request)
        if self.refuse[step]:
            raise self.refuse[step].pop(0)

    # -- the CaseRecords port, for the failure interceptor ----------------------------------------

    async def open_case(self, case: Case) -> None:
        self.cases[case.id] = case
        await self.before_refusal()

    async def audit(self, process: str, action: str, actor: str, detail: dict[str, str]) -> None:
        self.calls.append(f"audit {action}")

    # -- activities -------------------------------------------------------------------------------

    @activity.defn
    async def take_news(self, request: TakeNews) -> tuple[News, ...]:
        self._happens("take_news", request)
        return tuple(self._take(request))

    def _take(self, request: TakeNews) -> Sequence[News]:
        key = (request.process, request.token)
        if key not in self.taken:
            self.taken[key] = self.news.pop(request.process, [])
        return self.taken[key]

    @activity.defn(name="resolve_case")
    async def resolve_case_activity(self, request: Resolution) -> None:
        await self.resolve_case(request.case, request.resolution)

    async def resolve_case(self, case: CaseId, resolution: str) -> bool:
        known = self.cases.get(case)
        if known is None:
            return False
        self.cases[case] = known.model_copy(update={"state": CaseState.RESOLVED})
        return True

    @activity.defn
    async def note_orders(self, notes: tuple[OrderNote, ...]) -> None:
        self.notes += notes

    @activity.defn
    async def review_deal(self, request: ReviewDeal) -> DealReview:
        self._happens("review_deal", request)
        return self.reviews.pop(0) if self.reviews else self.review

    @activity.defn
    async def compare_deal(self, request: ReviewDeal) -> DealChange:
        self._happens("compare_deal", request)
        return DealChange(changed=False)

    @activity.defn
    async def tell_crm(self, request: TellStatus) -> None:
        self._happens("tell_crm", request)
        self.told.append(f"crm {request.stage.value}")

    @activity.defn
    async def tell_psa(self, request: TellStatus) -> None:
        self._happens("tell_psa", request)
        self.told.append(f"psa {request.stage.value}")

    @activity.defn
    async def ensure_psa_client(self, request: SetUp) -> None:
        self._happens("ensure_psa_client", request)

    @activity.defn
    async def ensure_psa_project(self, request: SetUp) -> None:
        self._happens("ensure_psa_project", request)

    @activity.defn
    async def ensure_psa_team(self, request: SetUp) -> None:
        self._happens("ensure_psa_team", request)

    @activity.defn
    async def archive_in_psa(self, request: SetUp) -> None:
        self._happens("archive_in_psa", request)

    @activity.defn
    async def ensure_erp_client(self, request: SetUp) -> None:
        self._happens("ensure_erp_client", request)

    @activity.defn
    async def ensure_erp_project(self, request: SetUp) -> None:
        self._happens("ensure_erp_project", request)

    @activity.defn
    async def archive_in_erp(self, request: SetUp) -> None:
        self._happens("archive_in_erp", request)

    @activity.defn
    async def activate_engagement(self, request: SetUp) -> None:
        self._happens("activate_engagement", request)

    @activity.defn
    async def cancel_engagement(self, request: SetUp) -> None:
        self._happens("cancel_engagement", request)

    @activity.defn
    async def open_work(self, request: SetUp) -> tuple[str, ...]:
        self._happens("open_work", request)
        return self.still_open

    @activity.defn
    async def close_engagement(self, request: SetUp) -> None:
        self._happens("close_engagement", request)

    @activity.defn
    async def prove_pulled(self, request: ProveComplete) -> Completeness:
        self._happens("prove_pulled", request)
        return Completeness()

    @activity.defn
    async def prove_pushed(self, request: ProvePushed) -> Completeness:
        self._happens("prove_pushed", request)
        return Completeness()

    @activity.defn
    async def bill_run(self, request: RunBilling) -> RunSummary:
        self._happens("bill_run", request)
        invoices = self.invoices_of_run.get(request.run.run, ())
        return RunSummary(
            run=request.run, transactions=len(invoices), held=0, net=None, invoices=invoices
        )

    @activity.defn
    async def preview_billing(self, request: PreviewBilling) -> BillingPreview:
        self._happens("preview_billing", request)
        run = BillingRun(
            engagement_id=request.engagement_id,
            period=request.period,
            cutoff=datetime(2026, 11, 1, tzinfo=UTC),
            run=1,
        )
        return BillingPreview(run=run, billed=(), held=(), invoices=(), journals=())

    @activity.defn
    async def draft_invoice(self, request: IssueInvoice) -> DraftInvoice:
        self._happens("draft_invoice", request)
        reference = ExternalRef(system=self.systems.erp, kind="invoice", id="1")
        return DraftInvoice(reference=reference, key=str(request.invoice_id))

    @activity.defn
    async def post_invoice(self, request: IssueInvoice) -> InvoiceStanding:
        self._happens("post_invoice", request)
        return self.standing[request.invoice_id]

    @activity.defn
    async def deliver_invoice(self, request: DeliverInvoice) -> None:
        self._happens("deliver_invoice", request)

    @activity.defn
    async def follow_invoice(self, request: Follow) -> InvoiceNews:
        self._happens("follow_invoice", request)
        return InvoiceNews(
            standing=self.standing[request.invoice_id], news=tuple(self._take(request.news))
        )

    @activity.defn
    async def pull_items(self, request: Pull) -> Pulled:
        self._happens("pull_items", request)
        return Pulled(pages=1)

    @activity.defn
    async def pull_deals(self, request: Pull) -> Pulled:
        self._happens("pull_deals", request)
        return Pulled(pages=1)

    @activity.defn
    async def pull_payments(self, request: Pull) -> Pulled:
        self._happens("pull_payments", request)
        return Pulled(pages=1)

    @activity.defn
    async def compare_day(self, request: CompareDay) -> DayCompared:
        self._happens("compare_day", request)
        return DayCompared(clients=0, projects=0, invoices=0, breaks=0)
