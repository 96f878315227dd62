"""The activities of a revenue close: contracts closed one by one, one entry in the ERP, whatever
it answers."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

import pytest
from temporalio.testing import ActivityEnvironment

from activities.journals import (
    EntryPosted,
    JournalActivities,
    PostEntry,
    Sealed,
    SealEntry,
)
from activities.revenue import REFUSED_MAX, CloseContracts, ContractsClosed, RevenueActivities
from canonical.errors import (
    DataRejected,
    DomainError,
    OutcomeUnknown,
    RuleViolation,
    SystemUnavailable,
)
from canonical.ids import ContractId
from canonical.journal_entry import DraftEntry
from canonical.landscape import Landscape, Owner
from canonical.ledger.accounts import Account
from canonical.ledger.journal import JournalLine
from canonical.transitions import PostingState
from tests import builders as make
from tests.activities.conftest import NOW, perform
from tests.activities.systems.cases import FakeCases
from tests.activities.systems.erp import LyingErp
from tests.activities.systems.lies import Lie
from tests.activities.systems.revenue import PERIOD, FakeBooks, FakeLanes, FakeRevenueRecords

LAST = date(2026, 10, 31)


@dataclass
class Desk:
    """Closes one period of one entity, as its workflow would."""

    books: FakeBooks = field(default_factory=lambda: FakeBooks(make.ENTITY, {"C-1": "100.00"}))
    erp: LyingErp = field(default_factory=LyingErp)
    cases: FakeCases = field(default_factory=FakeCases)
    lanes: FakeLanes = field(default_factory=FakeLanes)
    landscape: Landscape = field(default_factory=make.make_landscape)

    def __post_init__(self) -> None:
        self.records = FakeRevenueRecords(self.books)

    def journals(self) -> JournalActivities:
        return JournalActivities(
            make.ERP, self.erp, self.records, self.cases, self.lanes, self.landscape
        )

    async def close(self, *only: str) -> ContractsClosed:
        method = RevenueActivities(self.books, self.records, self.cases, lambda: NOW)
        contracts = tuple(ContractId(each) for each in only)
        request = CloseContracts(legal_entity=make.ENTITY, period=PERIOD, only=contracts)
        return await perform(method.close_contracts, request)

    async def seal(self) -> Sealed:
        request = SealEntry(legal_entity=make.ENTITY, period=PERIOD)
        return await perform(self.journals().seal_entry, request)

    async def sealed(self) -> str:
        await self.close()
        return (await self.seal()).key

    async def draft(self, key: str, *, attempt: int = 1, activity_id: str = "d") -> DraftEntry:
        method = self.journals().draft_entry
        request = PostEntry(key=key)
        return await perform(method, request, attempt=attempt, activity_id=activity_id)

    async def post(self, key: str) -> EntryPosted:
        return await perform(self.journals().post_entry, PostEntry(key=key), activity_id="p")

    async def sent(self) -> EntryPosted:
        key = await self.sealed()
        await self.draft(key)
        return await self.post(key)


@pytest.fixture
def desk() -> Desk:
    return Desk()


# -- closing contracts -----------------------------------------------------------------------------


async def test_every_contract_is_closed_and_what_changed_is_counted(desk: Desk) -> None:
    desk.books.owed |= {f"C-{number}": "1.00" for number in range(2, 251)}
    closed = await desk.close()
    assert (closed.contracts, closed.changed, closed.refused) == (250, 250, ())
    assert (await desk.close()).changed == 0


async def test_a_contract_that_a_rule_refuses_is_a_case_and_keeps_no_other(desk: Desk) -> None:
    desk.books.owed["C-3"] = "1.00"
    desk.books.refuses["C-2"] = [RuleViolation("no rate for a worked day")]
    closed = await desk.close()
    assert desk.books.closed == ["C-1", "C-3"]
    assert [(each.contract, each.message) for each in closed.refused] == [
        ("C-2", "no rate for a worked day")
    ]
    (case,) = desk.cases.open()
    assert (case.cause, case.subject) == ("ContractNotClosed", "contract C-2")


async def test_the_case_ends_when_the_contract_is_closed_alone(desk: Desk) -> None:
    desk.books.refuses["C-2"] = [RuleViolation("no rate for a worked day")]
    await desk.close()
    again = await desk.close("C-2")
    assert (again.refused, desk.books.closed, desk.cases.open()) == ((), ["C-1", "C-2"], [])


async def test_a_reason_that_time_mends_is_raised_so_that_the_step_is_retried(desk: Desk) -> None:
    desk.books.refuses["C-2"] = [SystemUnavailable("store", "the database does not answer")]
    with pytest.raises(SystemUnavailable):
        await desk.close()
    assert desk.cases.open() == []


async def test_a_refusal_that_all_contracts_share_fails_the_step(desk: Desk) -> None:
    desk.books.refuses = {
        f"C-{number:03d}": [RuleViolation("the same")] for number in range(REFUSED_MAX + 1)
    }
    with pytest.raises(RuleViolation, match="the same"):
        await desk.close()
    assert len(desk.cases.open()) == REFUSED_MAX


async def test_an_attempt_goes_on_after_the_contract_that_the_one_before_reached(
    desk: Desk,
) -> None:
    desk.books.owed |= {"C-2": "1.00", "C-3": "1.00"}
    environment = ActivityEnvironment()
    reached = ContractsClosed(contracts=2, changed=1, after="C-2")
    environment.info = replace(
        environment.info, heartbeat_details=[reached.model_dump(mode="json")]
    )
    activities = RevenueActivities(desk.books, desk.records, desk.cases, lambda: NOW)
    request = CloseContracts(legal_entity=make.ENTITY, period=PERIOD)
    closed = await environment.run(activities.close_contracts, request)
    assert (desk.books.closed, closed.contracts, closed.changed) == (["C-3"], 3, 2)


async def test_in_a_locked_period_no_contract_is_closed(desk: Desk) -> None:
    desk.records.locked = True
    assert (await desk.close()).is_locked
    assert desk.books.closed == []


# -- sealing ---------------------------------------------------------------------------------------


async def test_the_entry_is_dated_on_the_last_day_of_an_open_period(desk: Desk) -> None:
    await desk.close()
    sealed = await desk.seal()
    assert (sealed.key, sealed.on) == (f"revenue/{make.ENTITY}/{PERIOD}/1", LAST)
    assert (sealed.lines, sealed.debits) == (2, make.euro("100.00"))


async def test_in_a_closed_period_the_entry_is_dated_on_the_first_open_day(desk: Desk) -> None:
    desk.erp.closed_until = date(2026, 11, 30)
    await desk.close()
    assert (await desk.seal()).on == date(2026, 12, 1)


async def test_what_was_sealed_stays_what_it_was_until_it_is_posted(desk: Desk) -> None:
    first = await desk.sealed()
    desk.books.owed["C-2"] = "7.00"
    await desk.close()
    again = await desk.seal()
    assert (again.key, again.again, again.debits) == (first, True, make.euro("100.00"))
    await desk.draft(first)
    await desk.post(first)
    second = await desk.seal()
    assert (second.key[-2:], second.again, second.debits) == ("/2", False, make.euro("7.00"))


async def test_nothing_is_sealed_when_the_erp_knows_everything(desk: Desk) -> None:
    await desk.sent()
    assert (await desk.seal()).key == ""


async def test_what_only_the_erp_books_is_held_back_as_a_case_with_its_amount(desk: Desk) -> None:
    await desk.close()
    sides = ((Account.WRITE_OFF, "4.00"), (Account.RECEIVABLE, "-4.00"))
    lines = tuple(JournalLine(each, Decimal(amount), Decimal(amount)) for each, amount in sides)
    journal = desk.books.journals[0]._replace(number=9, lines=lines, event="write-off of INV-1")
    desk.books.journals.append(journal)
    sealed = await desk.seal()
    assert (sealed.differences, sealed.debits) == (1, make.euro("100.00"))
    (case,) = desk.cases.open()
    assert (case.cause, case.amount) == ("HeldBack", make.euro("-4.00"))
    assert "write-off of INV-1" in sealed.shown[0]


async def test_where_the_erp_recognises_revenue_nothing_is_sent_and_it_is_said() -> None:
    entity = make.make_entity(revenue_owner=Owner.ERP)
    desk = Desk(landscape=make.make_landscape().model_copy(update={"entities": (entity,)}))
    await desk.close()
    sealed = await desk.seal()
    assert sealed.key == ""
    assert "the ERP recognises the revenue" in sealed.note


# -- drafting --------------------------------------------------------------------------------------


async def test_an_entry_is_drafted_once_and_bound(desk: Desk) -> None:
    key = await desk.sealed()
    first = await desk.draft(key)
    assert await desk.draft(key, attempt=2) == first
    assert desk.erp.entry_creates == 1


@pytest.mark.parametrize(
    ("lie", "raised", "state", "creates"),
    [
        (Lie.LOST_BEFORE_COMMIT, OutcomeUnknown, PostingState.IN_DOUBT, 2),
        (Lie.LOST_AFTER_COMMIT, OutcomeUnknown, PostingState.IN_DOUBT, 1),
        (Lie.NO_CONNECTION, SystemUnavailable, PostingState.SENT, 1),
    ],
    ids=["lost before the commit", "lost after the commit", "never left"],
)
async def test_after_a_lie_the_next_attempt_leaves_one_document(
    desk: Desk, lie: Lie, raised: type[DomainError], state: PostingState, creates: int
) -> None:
    key = await desk.sealed()
    desk.erp.entry_lies = deque([lie])
    with pytest.raises(raised):
        await desk.draft(key)
    assert desk.records.postings[key].state is state
    draft = await desk.draft(key, attempt=2)
    assert [each.reference for each in desk.erp.entries] == [draft.reference]
    assert desk.erp.entry_creates == creates


async def test_of_several_documents_the_oldest_is_bound_and_the_others_removed(desk: Desk) -> None:
    key = await desk.sealed()
    for _ in range(3):
        await desk.erp.create_entry(desk.records.sealed[0].entry)
    draft = await desk.draft(key)
    assert draft.reference.id == "1"
    assert [each.reference.id for each in desk.erp.entries] == ["1"]


async def test_racing_attempts_end_with_one_document(desk: Desk) -> None:
    key = await desk.sealed()
    drafts = await asyncio.gather(*(desk.draft(key, activity_id=f"r{n}") for n in range(4)))
    assert len({each.reference for each in drafts}) == 1
    assert (desk.erp.entry_creates, len(desk.erp.entries)) == (1, 1)


async def test_a_binding_whose_caller_died_is_found_by_the_next_attempt(desk: Desk) -> None:
    key = await desk.sealed()
    desk.records.after_binding = [SystemUnavailable("store", "gone")]
    with pytest.raises(SystemUnavailable):
        await desk.draft(key)
    assert (await desk.draft(key, attempt=2)).reference == desk.erp.entries[0].reference
    assert desk.erp.entry_creates == 1


# -- posting ---------------------------------------------------------------------------------------


async def test_the_posted_entry_is_kept_with_the_erps_number(desk: Desk) -> None:
    posted = await desk.sent()
    (kept,) = desk.records.sealed
    assert (posted.number, kept.posted_as, kept.posted_on) == ("MOV/0001", "MOV/0001", LAST)
    assert kept.posted_lines == kept.entry.lines
    assert posted.differences == ()


async def test_a_post_whose_answer_was_lost_is_repeated_without_a_second_number(
    desk: Desk,
) -> None:
    key = await desk.sealed()
    await desk.draft(key)
    desk.erp.lose_answer_of_entry_post = True
    with pytest.raises(OutcomeUnknown):
        await desk.post(key)
    assert (await desk.post(key)).number == "MOV/0001"
    assert len(desk.erp.posted_entries()) == 1


async def test_a_draft_that_was_committed_after_we_looked_is_removed_when_we_post(
    desk: Desk,
) -> None:
    """It would keep people from closing the period."""
    key = await desk.sealed()
    desk.erp.entry_lies = deque([Lie.LATE_COMMIT])
    with pytest.raises(OutcomeUnknown):
        await desk.draft(key)
    bound = await desk.draft(key, attempt=2)
    assert len(desk.erp.entries) == 2
    await desk.post(key)
    assert [each.reference for each in desk.erp.entries] == [bound.reference]


async def test_a_second_entry_that_somebody_posted_under_our_key_is_a_case(desk: Desk) -> None:
    posted = await desk.sent()
    twin = await desk.erp.create_entry(desk.records.sealed[0].entry)
    await desk.erp.post_entry(twin)
    (difference,) = (await desk.post(posted.key)).differences
    assert f"is posted a second time, as {twin.reference}" in difference
    assert [case.cause for case in desk.cases.open()] == ["EntryDiffers"]


async def test_a_period_that_closed_since_the_seal_refuses_until_it_is_open(desk: Desk) -> None:
    key = await desk.sealed()
    desk.erp.closed_until = LAST
    with pytest.raises(DataRejected, match="closed"):
        await desk.draft(key)
    desk.erp.closed_until = date.min
    await desk.draft(key)
    assert (await desk.post(key)).on == LAST


async def test_nothing_is_posted_without_a_draft(desk: Desk) -> None:
    key = await desk.sealed()
    with pytest.raises(RuleViolation, match="draft it first"):
        await desk.post(key)


async def test_an_account_that_the_erp_replaced_is_a_case_until_both_are_equal(desk: Desk) -> None:
    desk.erp.books_elsewhere = {"4000": "4999"}
    posted = await desk.sent()
    assert [each.partition(", ")[2] for each in posted.differences] == [
        "account 4000: sealed -100.00 EUR, the ERP booked 0",
        "account 4999: sealed 0 EUR, the ERP booked -100.00",
    ]
    assert [case.cause for case in desk.cases.open()] == ["EntryDiffers"]
    desk.erp.books_elsewhere = {}
    assert (await desk.post(posted.key)).differences == ()
    assert desk.cases.open() == []


async def test_the_next_close_brings_right_what_the_erp_booked_elsewhere(desk: Desk) -> None:
    desk.erp.books_elsewhere = {"4000": "4999"}
    await desk.sent()
    desk.erp.books_elsewhere = {}
    second = await desk.seal()
    await desk.draft(second.key)
    await desk.post(second.key)
    assert _amounts(desk.erp, second.key) == {"4000": "-100.00", "4999": "100.00"}


def _amounts(erp: LyingErp, key: str) -> dict[str, str]:
    (entry,) = [each for each in erp.posted_entries() if each.key == key]
    return {line.account: str(line.amount.amount) for line in entry.lines}
