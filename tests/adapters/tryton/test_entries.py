"""Journal entries on the real server: found by key, posted once, refused in a closed period."""

from __future__ import annotations

from datetime import date

import pytest

from adapters.tryton.local import northfield
from adapters.tryton.local.admin import Accountant
from adapters.tryton.local.figures import posted_entries
from adapters.tryton.simulator import Fault, FaultKind, FaultProxy
from canonical.errors import (
    DataRejected,
    OutcomeUnknown,
    RecordMissing,
    SetupInvalid,
    SystemUnavailable,
)
from canonical.ids import ExternalRef
from canonical.journal_entry import DraftEntry
from canonical.ledger.accounts import Account
from canonical.ports import Erp
from tests.adapters.tryton.builders import (
    ENTITY,
    ENTRY_DAY,
    SYSTEM,
    make_entity,
    make_entry,
    make_entry_line,
    unique,
)
from tests.adapters.tryton.plant import Plant


async def test_a_posted_entry_has_our_lines_by_an_independent_count(erp: Erp, plant: Plant) -> None:
    entry = make_entry(
        make_entry_line("1200", "1234.56", "3 contracts"),
        make_entry_line(northfield.REVENUE, "-1200.00", "3 contracts"),
        make_entry_line("7200", "-34.56"),
    )
    posted = await erp.post_entry(await erp.create_entry(entry))
    assert (posted.posted, posted.on, posted.key) == (True, ENTRY_DAY, entry.key)
    assert posted.lines == entry.lines
    (row,) = await posted_entries(plant.dsn, entry.key)
    assert (row.number, row.state, row.on) == (posted.number, "posted", ENTRY_DAY)
    assert row.balances == {line.account: line.amount.amount for line in entry.lines}


async def test_every_account_of_the_ledger_takes_a_line_of_an_entry(erp: Erp) -> None:
    """Except the receivable: a line of it needs a party, so the ERP alone moves it."""
    accounts = make_entity().erp.accounts
    numbers = sorted(
        {accounts.get(each.value, each.value) for each in Account} - {northfield.RECEIVABLE}
    )
    lines = [make_entry_line(number, "1.00") for number in numbers]
    rest = make_entry_line("7200", f"-{len(lines)}.00")
    posted = await erp.post_entry(await erp.create_entry(make_entry(*lines, rest)))
    assert {line.account for line in posted.lines} == set(numbers)


async def test_an_entry_on_the_receivable_is_refused_since_it_names_no_party(erp: Erp) -> None:
    entry = make_entry(
        make_entry_line(northfield.RECEIVABLE, "5.00"), make_entry_line("6100", "-5.00")
    )
    with pytest.raises(DataRejected, match=northfield.RECEIVABLE):
        await erp.create_entry(entry)
    assert await erp.find_entries(ENTITY, entry.key) == []


async def test_an_account_that_is_not_there_is_a_mistake_of_set_up(erp: Erp) -> None:
    entry = make_entry(make_entry_line("9999", "5.00"), make_entry_line("6100", "-5.00"))
    with pytest.raises(SetupInvalid, match="'9999'"):
        await erp.create_entry(entry)


async def test_drafts_are_found_by_their_whole_key_oldest_first(erp: Erp) -> None:
    """What the server's pattern search would confuse is kept apart."""
    key = f"revenue/{unique('A_B%C')}/1"
    first = await erp.create_entry(make_entry(key=key))
    await erp.create_entry(make_entry(key=f"{key}2"))
    await erp.create_entry(make_entry(key=key.replace("_", "x")))
    second = await erp.create_entry(make_entry(key=key))
    assert await erp.find_entries(ENTITY, key) == [first, second]


async def test_the_reversal_that_a_person_makes_is_not_taken_for_the_entry(
    erp: Erp, accountant: Accountant
) -> None:
    draft = await erp.create_entry(make_entry())
    await erp.post_entry(draft)
    await accountant.reverse_entry(int(draft.reference.id), draft.key)
    assert await erp.find_entries(ENTITY, draft.key) == [draft]


async def test_a_lost_create_is_in_doubt_and_its_draft_is_found_by_our_key(
    erp: Erp, proxy: FaultProxy
) -> None:
    entry = make_entry()
    proxy.inject(Fault(kind=FaultKind.LOSE_ANSWER, method="model.account.move.create"))
    with pytest.raises(OutcomeUnknown):
        await erp.create_entry(entry)
    assert [found.key for found in await erp.find_entries(ENTITY, entry.key)] == [entry.key]


async def test_a_post_that_commits_between_our_look_and_our_click_is_a_success(
    erp: Erp, proxy: FaultProxy, plant: Plant
) -> None:
    draft = await erp.create_entry(make_entry())
    late = Fault(kind=FaultKind.COMMIT_LATE, method="model.account.move.post", delay_s=60)
    proxy.inject(late)
    with pytest.raises(SystemUnavailable):
        await erp.post_entry(draft)
    second = await erp.post_entry(draft)
    await proxy.land()
    assert await erp.post_entry(draft) == second
    assert [row.number for row in await posted_entries(plant.dsn, draft.key)] == [second.number]


async def test_a_surplus_draft_is_deleted_and_the_other_one_stays(erp: Erp) -> None:
    entry = make_entry()
    first, second = await erp.create_entry(entry), await erp.create_entry(entry)
    await erp.delete_entry(second)
    await erp.delete_entry(second)
    assert await erp.find_entries(ENTITY, entry.key) == [first]


async def test_a_posted_entry_is_never_deleted(erp: Erp) -> None:
    draft = await erp.create_entry(make_entry())
    await erp.post_entry(draft)
    with pytest.raises(DataRejected, match="is posted"):
        await erp.delete_entry(draft)


async def test_a_draft_with_another_key_is_never_deleted(erp: Erp) -> None:
    draft = await erp.create_entry(make_entry())
    with pytest.raises(DataRejected, match="no draft for"):
        await erp.delete_entry(draft.model_copy(update={"key": "somebody-elses"}))


async def test_an_entry_that_is_gone_is_missing(erp: Erp) -> None:
    gone = ExternalRef(system=SYSTEM, kind="entry", id="999999")
    with pytest.raises(RecordMissing):
        await erp.post_entry(DraftEntry(reference=gone, key="revenue/1"))


async def test_a_closed_period_refuses_the_entry_and_the_reopened_one_takes_it(
    erp: Erp, accountant: Accountant
) -> None:
    entry = make_entry(on=date(2028, 5, 31))
    await accountant.close_period(entry.on)
    with pytest.raises(DataRejected, match="is closed"):
        await erp.create_entry(entry)
    await accountant.reopen_period(entry.on)
    assert (await erp.post_entry(await erp.create_entry(entry))).posted


async def test_a_period_that_closes_between_our_look_and_our_create_is_refused_by_the_server(
    erp: Erp, accountant: Accountant, proxy: FaultProxy
) -> None:
    entry = make_entry(on=date(2028, 6, 30))
    await accountant.close_period(entry.on)
    stale = {"kind": "alter", "method": "model.account.period.*", "field": "state"}
    proxy.inject(Fault.model_validate({**stale, "value": "open"}))
    with pytest.raises(DataRejected) as refused:
        await erp.create_entry(entry)
    assert "is closed; open it there" not in str(refused.value)
    assert await erp.find_entries(ENTITY, entry.key) == []


async def test_a_period_does_not_close_over_a_draft(erp: Erp, accountant: Accountant) -> None:
    draft = await erp.create_entry(make_entry(on=date(2028, 8, 31)))
    with pytest.raises(DataRejected):
        await accountant.close_period(date(2028, 8, 31))
    await erp.post_entry(draft)
    await accountant.close_period(date(2028, 8, 31))


async def test_a_day_without_a_period_refuses_the_entry(erp: Erp) -> None:
    with pytest.raises(DataRejected, match="no accounting period for 2035-01-31"):
        await erp.create_entry(make_entry(on=date(2035, 1, 31)))


async def test_the_first_open_day_is_the_day_itself_while_its_period_is_open(erp: Erp) -> None:
    assert await erp.first_open_day(ENTITY, date(2029, 1, 31)) == date(2029, 1, 31)


async def test_the_first_open_day_skips_closed_periods_and_closed_journals(
    erp: Erp, accountant: Accountant
) -> None:
    june, july = date(2029, 6, 30), date(2029, 7, 31)
    await accountant.close_period(june)
    assert await erp.first_open_day(ENTITY, june) == date(2029, 7, 1)
    await erp.post_entry(await erp.create_entry(make_entry(on=july)))
    await accountant.close_period(july)
    await accountant.reopen_period(july, journals=False)
    assert await erp.first_open_day(ENTITY, june) == date(2029, 8, 1)


async def test_a_ledger_without_an_open_day_says_so(erp: Erp) -> None:
    with pytest.raises(DataRejected, match="no accounting period") as refused:
        await erp.first_open_day(ENTITY, date(2031, 1, 1))
    assert refused.value.fields == ("on",)
