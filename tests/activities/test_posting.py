"""The posting protocol against an ERP that lies: one invoice, whatever it answers."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from activities.posting import IssueInvoice, PostingActivities
from activities.reconcile import CompareDay, ReconcileActivities
from canonical.errors import (
    DataRejected,
    OutcomeUnknown,
    RuleViolation,
    SystemBusy,
    SystemUnavailable,
)
from canonical.invoice import DraftInvoice, Invoice, InvoiceState
from canonical.records import InvoiceStanding
from canonical.transitions import PostingState
from store.invoices import InvoiceStore
from store.lanes import LeaseLanes
from tests import builders as make
from tests.activities.conftest import NOW, Store, perform
from tests.activities.systems.erp import Lie, LyingErp

Clock = Callable[[], datetime]


def at(moment: datetime) -> Clock:
    return lambda: moment


NOON = at(NOW)


class Desk:
    """Drafts and posts one invoice, as its workflow would."""

    def __init__(self, store: Store, erp: LyingErp, invoice: Invoice) -> None:
        self.store, self._erp = store, erp
        self.invoice = invoice
        self.lanes = LeaseLanes(store.engine)
        self._request = IssueInvoice(invoice_id=invoice.id)

    def activities(self, clock: Clock) -> PostingActivities:
        return PostingActivities(
            make.ERP,
            self._erp,
            self.store.invoices,
            self.store.books,
            self.store.engagements,
            self.lanes,
            make.make_landscape(),
            clock,
        )

    async def draft(self, *, attempt: int = 1, activity_id: str = "draft") -> DraftInvoice:
        method = self.activities(NOON).draft_invoice
        return await perform(method, self._request, attempt=attempt, activity_id=activity_id)

    async def post(self, clock: Clock = NOON) -> InvoiceStanding:
        method = self.activities(clock).post_invoice
        return await perform(method, self._request, activity_id="post")

    async def posting(self) -> PostingState:
        return (await self.store.invoices.open_posting(self.invoice.key, make.ERP)).state


@pytest.fixture
def desk(store: Store, erp: LyingErp, billable: Invoice) -> Desk:
    return Desk(store, erp, billable)


# -- drafting --------------------------------------------------------------------------------------


async def test_a_draft_is_created_once_and_bound(desk: Desk, erp: LyingErp) -> None:
    first = await desk.draft()
    assert await desk.draft(attempt=2) == first
    assert (erp.creates, await desk.posting()) == (1, PostingState.ADOPTED)


async def test_a_lost_answer_before_the_commit_leads_to_a_second_create(
    desk: Desk, erp: LyingErp
) -> None:
    erp.lies = deque([Lie.LOST_BEFORE_COMMIT])
    with pytest.raises(OutcomeUnknown):
        await desk.draft()
    assert await desk.posting() is PostingState.IN_DOUBT
    await desk.draft(attempt=2)
    assert (erp.creates, len(erp.documents)) == (2, 1)


async def test_a_lost_answer_after_the_commit_leads_to_an_adoption(
    desk: Desk, erp: LyingErp
) -> None:
    erp.lies = deque([Lie.LOST_AFTER_COMMIT])
    with pytest.raises(OutcomeUnknown):
        await desk.draft()
    draft = await desk.draft(attempt=2)
    assert erp.creates == 1
    assert [each.reference for each in erp.documents] == [draft.reference]


async def test_a_call_that_never_left_is_repeated(desk: Desk, erp: LyingErp) -> None:
    erp.lies = deque([Lie.NO_CONNECTION])
    with pytest.raises(SystemUnavailable):
        await desk.draft()
    assert await desk.posting() is PostingState.SENT
    await desk.draft(attempt=2)
    assert len(erp.documents) == 1


async def test_a_commit_after_we_looked_leaves_litter_that_reconciliation_removes(
    desk: Desk, erp: LyingErp, store: Store
) -> None:
    erp.lies = deque([Lie.LATE_COMMIT])
    with pytest.raises(OutcomeUnknown):
        await desk.draft()
    bound = await desk.draft(attempt=2)
    assert len(erp.documents) == 2
    await desk.post()
    reconcile = ReconcileActivities(erp, store.reconcile, store.cases)
    request = CompareDay(legal_entity=make.ENTITY, day=date(2026, 12, 2))
    compared = await perform(reconcile.compare_day, request)
    assert compared.drafts_removed == 1
    assert [each.reference for each in erp.documents] == [bound.reference]


async def test_of_several_documents_the_oldest_is_bound_and_the_others_removed(
    desk: Desk, erp: LyingErp
) -> None:
    for _ in range(3):
        await erp.create_draft(desk.invoice, make.ERP_INVOICE, key=desk.invoice.key)
    bound = await desk.draft()
    assert bound.reference.id == "1"
    assert [each.reference.id for each in erp.documents] == ["1"]


async def test_racing_attempts_end_with_one_document(desk: Desk, erp: LyingErp) -> None:
    drafts = await asyncio.gather(*(desk.draft(activity_id=f"race-{n}") for n in range(4)))
    assert len({each.reference for each in drafts}) == 1
    assert (erp.creates, len(erp.documents)) == (1, 1)


class Overtaken(InvoiceStore):
    """Another attempt sends between our look and our create."""

    async def advance_posting(self, key: str, before: PostingState, after: PostingState) -> bool:
        await super().advance_posting(key, PostingState.PREPARED, PostingState.SENT)
        return await super().advance_posting(key, before, after)


async def test_an_attempt_that_was_overtaken_does_not_create(
    store: Store, erp: LyingErp, billable: Invoice
) -> None:
    overtaken = dataclasses.replace(store, invoices=Overtaken(store.engine))
    with pytest.raises(SystemBusy, match=f"another attempt is working on {billable.key}"):
        await Desk(overtaken, erp, billable).draft()
    assert erp.creates == 0


async def test_a_lane_that_stays_taken_asks_for_a_later_attempt(desk: Desk, erp: LyingErp) -> None:
    lane = f"{make.ERP}/draft/{desk.invoice.key}"
    await desk.lanes.acquire(lane, "somebody else", slots=1, ttl_s=60)
    with pytest.raises(SystemBusy, match="is taken") as busy:
        await desk.draft()
    assert (busy.value.retry_after_s, erp.creates) == (5, 0)


async def test_the_lane_of_a_crashed_attempt_does_not_hold_up_the_next(
    desk: Desk, erp: LyingErp
) -> None:
    lane = f"{make.ERP}/draft/{desk.invoice.key}"
    await desk.lanes.acquire(lane, "wf/draft/1", slots=1, ttl_s=60)
    await desk.draft(attempt=2)
    assert erp.creates == 1


async def test_a_client_that_was_never_set_up_is_said(
    store: Store, erp: LyingErp, draft: Invoice
) -> None:
    with pytest.raises(RuleViolation, match="set it up first"):
        await Desk(store, erp, draft).draft()
    assert erp.creates == 0


# -- posting ---------------------------------------------------------------------------------------


async def test_the_posted_invoice_is_recorded_with_its_number(desk: Desk, store: Store) -> None:
    await desk.draft()
    standing = await desk.post()
    assert (standing.state, standing.number) == (InvoiceState.POSTED, "2026/0001")
    assert standing.gross == desk.invoice.gross
    assert await desk.posting() is PostingState.CONFIRMED


async def test_a_post_whose_answer_was_lost_is_repeated_without_a_second_number(
    desk: Desk, erp: LyingErp
) -> None:
    await desk.draft()
    erp.lose_answer_of_post = True
    with pytest.raises(OutcomeUnknown):
        await desk.post()
    standing = await desk.post(at(datetime(2026, 12, 3, 12, tzinfo=UTC)))
    assert (standing.number, erp.numbers()) == ("2026/0001", ["2026/0001"])
    assert (await desk.store.invoices.invoice(desk.invoice.id)).invoice_date == date(2026, 12, 2)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), date(2026, 7, 1)),
    ],
    ids=["one minute before the entity's midnight", "at its midnight", "in its summer time"],
)
async def test_the_invoice_is_dated_by_the_entitys_own_day(
    desk: Desk, moment: datetime, day: date
) -> None:
    await desk.draft()
    await desk.post(at(moment))
    assert (await desk.store.invoices.invoice(desk.invoice.id)).invoice_date == day


async def test_the_clock_is_read_when_the_turn_to_post_has_come(desk: Desk) -> None:
    read: list[datetime] = []
    await desk.draft()
    lane = f"{make.ERP}/post/{make.ENTITY}"
    await desk.lanes.acquire(lane, "somebody else", slots=1, ttl_s=60)

    def clock() -> datetime:
        read.append(NOW)
        return NOW

    posting = asyncio.create_task(desk.post(clock))
    await asyncio.sleep(0.05)
    assert read == []
    await desk.lanes.release(lane, "somebody else")
    await posting
    assert read == [NOW]


async def test_a_closed_period_refuses_and_posts_once_it_is_open(desk: Desk, erp: LyingErp) -> None:
    await desk.draft()
    erp.closed_until = date(2026, 12, 31)
    with pytest.raises(DataRejected, match="closed"):
        await desk.post()
    assert erp.numbers() == []
    erp.closed_until = date.min
    assert (await desk.post()).number == "2026/0001"


async def test_totals_that_differ_are_refused_after_what_was_booked_is_recorded(
    desk: Desk, erp: LyingErp, store: Store
) -> None:
    await desk.draft()
    erp.extra_tax = make.euro("0.02")
    with pytest.raises(RuleViolation, match=r"tax of invoice 2026/0001: we compute 182.40 EUR"):
        await desk.post()
    standing = await store.invoices.standing(desk.invoice.id)
    assert (standing.number, standing.gross) == ("2026/0001", make.euro("1142.42"))
    assert await store.column("SELECT posted_in FROM invoice") == [None]


async def test_what_the_erp_posted_is_in_our_ledger_once_with_its_date_and_tax(
    desk: Desk, erp: LyingErp, store: Store
) -> None:
    await desk.draft()
    erp.extra_tax = make.euro("0.01")
    for _ in range(2):
        await desk.post()
    booked = {account: amount for (_, account), amount in (await store.sums()).items()}
    assert (booked["1100"], booked["2300"]) == (Decimal("1142.41"), Decimal("-182.41"))
    posted = "SELECT DISTINCT posted_on FROM journal_entry WHERE document <> ''"
    assert await store.column(posted) == [NOW.date()]


async def test_a_cent_of_rounding_per_line_is_the_erps_right(desk: Desk, erp: LyingErp) -> None:
    await desk.draft()
    erp.extra_tax = make.euro("0.01")
    assert (await desk.post()).gross == desk.invoice.gross + make.euro("0.01")


async def test_nothing_is_posted_without_a_draft(desk: Desk, erp: LyingErp) -> None:
    with pytest.raises(RuleViolation, match="draft it first"):
        await desk.post()
    assert erp.numbers() == []
