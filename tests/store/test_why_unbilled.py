"""Why an entry is not billed: every state before an invoice, by whom it waits, and with which
words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.case import Case
from canonical.errors import Role
from canonical.ids import CaseId, derive
from canonical.why.model import WhyLine, WhyState
from store.cases import CaseStore
from tests.store.asking import Desk, noon_of
from tests.store.reports.firm import Firm
from tests.store.reports.sold import (
    LANDSCAPE,
    Sold,
    expenses,
    fixed_fee,
    hourly,
    noon,
    retainer,
    write_down,
)

T1 = "psa/time/t1"
CAP = {"cap_id": "NTE", "amount": "1000"}

On = Callable[[str], Desk]


@pytest.fixture
def firm(engine: AsyncEngine) -> Firm:
    return Firm(engine)


@pytest.fixture
def on(engine: AsyncEngine) -> On:
    """A desk that answers on a day."""
    return lambda day: Desk(engine, LANDSCAPE, noon_of(day))


def brief(line: WhyLine) -> tuple[WhyState, str, str, Role | None]:
    """State, quantity, amount and who acts."""
    amount = str(line.amount) if line.amount is not None else ""
    return line.state, f"{line.quantity.normalize():f}", amount, line.acts


async def change(firm: Firm, statement: str, **values: object) -> None:
    async with firm.engine.begin() as connection:
        await connection.execute(text(statement), values)


async def case(firm: Firm, process: str, owner: Role, message: str) -> None:
    opened = Case(
        id=CaseId(derive("case", process)),
        process=process,
        cause="Test",
        subject="test",
        owner=owner,
        message=message,
        next_step="Mend it, then retry.",
    )
    await CaseStore(firm.engine).open_case(opened)


# -- ready


async def test_before_any_run_it_waits_for_the_first_cut_off(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.READY, "6", "600.00 EUR", Role.FINANCE)
    assert line.sentence == (
        "6 h, 600.00 EUR: ready, and no run has billed its project yet. It waits for the next "
        "cut-off (finance): `c2c cutoff NORTH-DE 2026-10`, unless a schedule gives it."
    )


async def test_approved_after_the_last_cut_off(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6", approved="2026-11-03")
    await firm.bill(sold, "2026-10", "2026-11-02")
    line = await on("2026-11-04").line(T1)
    assert brief(line) == (WhyState.READY, "6", "600.00 EUR", Role.FINANCE)
    assert (
        "ready, approved on 2026-11-03 12:00 UTC, after the last cut-off "
        "(run 1 of 2026-10, 2026-11-02 12:00 UTC)"
    ) in line.sentence


async def test_worked_after_the_period_of_the_last_cut_off(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-11-01", "6")
    await firm.bill(sold, "2026-10", "2026-11-02")
    line = await on("2026-11-04").line(T1)
    assert "ready, worked after 2026-10-31" in line.sentence
    assert "c2c cutoff NORTH-DE 2026-11" in line.next_step


async def test_what_arrived_after_the_run_is_priced_as_the_next_one_would(
    firm: Firm, on: On
) -> None:
    sold = await firm.sell("A", hourly("100"), caps=[CAP])
    await firm.work(sold, "t0", "2026-10-04", "8")
    await firm.bill(sold, "2026-10", "2026-11-02")
    await firm.work(sold, "t1", "2026-10-05", "6")
    ready, held = await on("2026-11-04").lines(T1)
    assert brief(ready) == (WhyState.READY, "2", "200.00 EUR", Role.FINANCE)
    assert "after the last run (run 1 of 2026-10" in ready.sentence
    assert brief(held) == (WhyState.HELD, "4", "400.00 EUR", Role.FINANCE)


async def test_what_else_the_next_run_would_hear_takes_its_place_under_the_cap(
    firm: Firm, on: On
) -> None:
    sold = await firm.sell("A", hourly("100"), caps=[CAP])
    await firm.work(sold, "t1", "2026-10-05", "6")
    await firm.work(sold, "t0", "2026-10-04", "8")
    ready, held = await on("2026-10-20").lines(T1)
    assert brief(ready) == (WhyState.READY, "2", "200.00 EUR", Role.FINANCE)
    assert brief(held) == (WhyState.HELD, "4", "400.00 EUR", Role.FINANCE)


async def test_another_entry_that_would_stop_the_next_run_stops_this_one_too(
    firm: Firm, on: On
) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t0", "2026-10-04", "8", role="diver")
    await firm.work(sold, "t1", "2026-10-05", "6")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.REFUSED, "6", "", Role.FINANCE)
    assert "the next run would stop: " in line.sentence
    assert "psa/time/t0" in line.sentence


async def test_what_is_billed_stays_told_while_another_entry_stops_the_next_run(
    firm: Firm, on: On
) -> None:
    sold = await firm.sell("A", hourly("100"), caps=[CAP])
    await firm.work(sold, "t1", "2026-10-05", "12")
    await firm.bill(sold, "2026-10", "2026-11-02")
    await firm.work(sold, "t0", "2026-10-04", "8", role="diver")
    billed, stopped = await on("2026-11-04").lines(T1)
    assert brief(billed) == (WhyState.ON_DRAFT, "10", "1,000.00 EUR", None)
    assert brief(stopped) == (WhyState.REFUSED, "2", "", Role.FINANCE)


async def test_looking_changes_nothing(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6")
    await on("2026-10-20").line(T1)
    async with firm.engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM book_chapter")) == 0


async def test_while_a_run_is_under_way_it_waits_for_that_run_and_its_case(
    firm: Firm, on: On
) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6")
    await change(
        firm,
        "INSERT INTO billing_run (engagement_id, period, run, cutoff)"
        " VALUES (:engagement, '2026-10', 1, :cutoff)",
        engagement=sold.engagement,
        cutoff=noon("2026-11-02"),
    )
    line = await on("2026-11-02").line(T1)
    assert "and run 1 of 2026-10 is under way. It waits for run 1 of 2026-10." in line.sentence
    process = f"billing/{sold.engagement}/2026-10/1"
    await case(firm, process, Role.PROJECT_OPERATIONS, "psa counts 2 entries, we hold 1.")
    line = await on("2026-11-02").line(T1)
    assert brief(line) == (WhyState.READY, "6", "600.00 EUR", Role.PROJECT_OPERATIONS)
    assert "but stopped: psa counts 2 entries, we hold 1. It waits for project" in line.sentence


# -- held


async def test_over_a_cap_the_cap_is_named_with_what_is_used_of_it(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"), caps=[CAP])
    await firm.work(sold, "t0", "2026-10-04", "6")
    await firm.work(sold, "t1", "2026-10-05", "6")
    await firm.bill_and_post(sold, "2026-10", "2026-11-02")
    billed, held = await on("2026-11-04").lines(T1)
    assert brief(billed) == (WhyState.BILLED, "4", "400.00 EUR", None)
    assert brief(held) == (WhyState.HELD, "2", "200.00 EUR", Role.FINANCE)
    assert held.sentence == (
        "2 h, 200.00 EUR: held, over the cap NTE of 1,000.00 EUR, of which 1,000.00 EUR are "
        "billed. It waits for finance: a change order that raises the cap, or a write-down."
    )


async def test_a_cap_by_hours_counts_hours(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"), caps=[{"cap_id": "H", "hours": "4"}])
    await firm.work(sold, "t1", "2026-10-05", "6")
    ready, held = await on("2026-10-20").lines(T1)
    assert brief(ready) == (WhyState.READY, "4", "400.00 EUR", Role.FINANCE)
    assert "held, over the cap H of 4 h, of which 0 h are billed" in held.sentence


async def test_an_expense_that_a_cap_cuts_is_told_in_parts_of_it(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", expenses(), caps=[{"cap_id": "NTE", "amount": "40"}])
    await firm.expense(sold, "e1", "2026-10-05", "100")
    lines = await on("2026-10-20").lines("psa/expense/e1")
    assert {line.sentence.partition(":")[0] for line in lines} == {
        "0.4 of the expense, 40.00 EUR",
        "0.6 of the expense, 60.00 EUR",
    }


async def test_without_the_purchase_order_that_the_contract_asks_for(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"), purchase_order_required=True)
    await firm.work(sold, "t1", "2026-10-05", "6")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.HELD, "6", "600.00 EUR", Role.PROJECT_OPERATIONS)
    assert "held, no purchase order. It waits for project operations" in line.sentence


async def test_outside_the_dates_of_its_purchase_order(firm: Firm, on: On) -> None:
    order = {"cap_id": "PO-1", "scope": "purchase_order", "amount": "9000"}
    caps = [{**order, "effective_to": "2026-09-30"}]
    sold = await firm.sell("A", hourly("100"), caps=caps, purchase_order_required=True)
    await firm.work(sold, "t1", "2026-10-05", "6")
    line = await on("2026-10-20").line(T1)
    assert "held, no purchase order covers its date" in line.sentence
    assert line.acts is Role.PROJECT_OPERATIONS


async def test_no_line_of_the_contract_takes_such_work(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", expenses())
    await firm.work(sold, "t1", "2026-10-05", "6")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.HELD, "6", "", Role.PROJECT_OPERATIONS)
    assert "amend the contract by a line for such work" in line.next_step


async def test_under_the_review_of_an_amendment(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6", approved="2026-11-03")
    await firm.bill(sold, "2026-10", "2026-11-02")
    new_rate = {"row": "rates#2", "role": "consultant", "rate": "120"}
    line_terms = {"line_id": "time", "rates": [{**new_rate, "effective_from": "2026-10-01"}]}
    amendment = {
        "effective_from": "2026-10-01",
        "reviewed_on": "2026-11-30",
        "terms": {"lines": [line_terms]},
    }
    await firm.decide(sold, "2026-11-04", amendment=amendment)
    line = await on("2026-11-05").line(T1)
    assert brief(line) == (WhyState.HELD, "6", "720.00 EUR", Role.FINANCE)
    assert "held, its amendment is under review" in line.sentence


async def test_a_write_down_that_waits_for_a_second_person_holds_it(firm: Firm, on: On) -> None:
    sold = await _heard(firm, second_approval_above="50")
    await firm.decide(sold, "2026-11-04", write_down=write_down("t1", "100"))
    line = await on("2026-11-05").line(T1)
    assert brief(line) == (WhyState.HELD, "6", "600.00 EUR", Role.FINANCE)
    assert "its write-down or write-up waits for approval" in line.sentence


async def test_on_a_retainer_it_waits_until_the_allowance_is_settled(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", retainer())
    await firm.work(sold, "t1", "2026-10-05", "6")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.HELD, "6", "", None)
    assert "It waits for the next cut-off." in line.sentence


# -- not billed for good


async def _heard(firm: Firm, second_approval_above: str | None = None) -> Sold:
    """Six hours that a run heard of and left, since they were approved after its cut-off."""
    sold = await firm.sell("A", hourly("100"), second_approval_above=second_approval_above)
    await firm.work(sold, "t1", "2026-10-05", "6", approved="2026-11-03")
    await firm.bill(sold, "2026-10", "2026-11-02")
    return sold


async def test_written_down_hours_say_who_and_why(firm: Firm, on: On) -> None:
    sold = await _heard(firm)
    approvals = [{"by": "bo", "on": "2026-11-04"}]
    told = {"entry": T1, "hours": "2", "reason": "rework", "by": "ada", "approvals": approvals}
    await firm.decide(sold, "2026-11-04", write_down=told)
    down, ready = await on("2026-11-05").lines(T1)
    assert brief(down) == (WhyState.WRITTEN_DOWN, "2", "200.00 EUR", None)
    assert down.sentence == (
        "2 h, 200.00 EUR: written down by ada on 2026-11-04 (rework, approved by bo). "
        "It waits for nobody."
    )
    assert brief(ready) == (WhyState.READY, "4", "400.00 EUR", Role.FINANCE)


async def test_an_amount_that_was_written_down_leaves_the_hours_ready(firm: Firm, on: On) -> None:
    sold = await _heard(firm)
    down = write_down("t1", "100", approved="2026-11-04")
    await firm.decide(sold, "2026-11-04", write_down=down)
    amount, ready = await on("2026-11-05").lines(T1)
    assert brief(amount) == (WhyState.WRITTEN_DOWN, "0", "100.00 EUR", None)
    assert "100.00 EUR: written down by ada on 2026-11-04 (rework, approved by bo)" in (
        amount.sentence
    )
    assert brief(ready) == (WhyState.READY, "6", "500.00 EUR", Role.FINANCE)


async def test_covered_by_a_retainer_and_the_overage_ready(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", retainer())
    await firm.work(sold, "t1", "2026-01-05", "12")
    await firm.bill(sold, "2026-01", "2026-02-02")
    covered, overage = sorted(
        await on("2026-02-03").lines(T1), key=lambda line: line.state is not WhyState.COVERED
    )
    assert brief(covered) == (WhyState.COVERED, "10", "", None)
    assert "covered by the retainer, whose fee is billed instead" in covered.sentence
    assert brief(overage) == (WhyState.ON_DRAFT, "2", "300.00 EUR", None)


async def test_a_deficit_waits_for_the_retainers_next_period(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", retainer(deficit_rolls=True))
    await firm.work(sold, "t1", "2026-01-05", "12")
    await firm.bill(sold, "2026-01", "2026-01-31")
    covered, deficit = await on("2026-01-31").lines(T1)
    assert brief(covered) == (WhyState.COVERED, "10", "", None)
    assert brief(deficit) == (WhyState.HELD, "2", "", None)
    assert deficit.sentence.endswith("gives it. It waits for the retainer's next period.")


async def test_covered_by_a_fixed_price(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", fixed_fee("10000", S1="2026-01-15 10000"))
    await firm.work(sold, "t1", "2026-10-05", "6")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.COVERED, "6", "", None)
    assert "covered by the fixed price, which is billed by its schedule" in line.sentence


async def test_what_is_covered_waits_for_no_run_that_another_entry_stops(
    firm: Firm, on: On
) -> None:
    sold = await firm.sell("A", fixed_fee("10000", S1="2026-01-15 10000"))
    await firm.work(sold, "t1", "2026-01-05", "6")
    await firm.bill(sold, "2026-01", "2026-02-02")
    await firm.work(sold, "t0", "2026-01-05", "6", line="unheard of")
    await change(firm, "UPDATE engagement SET stage = 'closed'")
    assert (await on("2026-02-03").line(T1)).state is WhyState.COVERED


async def test_dated_before_the_go_live_it_was_billed_elsewhere(firm: Firm, on: On) -> None:
    rows = [{"row": "r", "role": "consultant", "rate": "100", "effective_from": "2025-01-01"}]
    sold = await firm.sell("A", hourly("100", rates=rows), effective_from="2025-11-01")
    await firm.work(sold, "t1", "2025-12-05", "6")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.BILLED_ELSEWHERE, "6", "", None)
    assert "billed elsewhere: it is dated before 2026-01-01, the go-live" in line.sentence


async def test_not_billable(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6", billable=False)
    line = await on("2026-10-20").line(T1)
    await firm.bill(sold, "2026-10", "2026-11-02")
    assert await on("2026-11-04").line(T1) == line
    assert brief(line) == (WhyState.EXCLUDED, "6", "", None)
    assert "not billable, says psa. It waits for nobody" in line.sentence


# -- before it may be billed


@pytest.mark.parametrize("submitted", [False, True])
async def test_not_approved_yet(firm: Firm, on: On, submitted: bool) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6", approved="no", submitted=submitted)
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.NOT_APPROVED, "6", "", Role.PROJECT_OPERATIONS)
    said = "submitted and not approved yet" if submitted else "not approved yet"
    assert line.sentence == f"6 h: {said}. It waits for project operations: approve it in psa."


async def test_recalled_before_it_was_billed(firm: Firm, on: On) -> None:
    sold = await _heard(firm)
    await firm.work(sold, "t1", "2026-10-05", "6", approved="no", version=noon("2026-11-04"))
    line = await on("2026-11-05").line(T1)
    assert brief(line) == (WhyState.RECALLED, "6", "", Role.PROJECT_OPERATIONS)
    assert "psa took the approval back on 2026-11-04 12:00 UTC" in line.sentence


async def test_approved_again_it_is_ready_again(firm: Firm, on: On) -> None:
    sold = await _heard(firm)
    await firm.work(sold, "t1", "2026-10-05", "6", approved="no", version=noon("2026-11-04"))
    await firm.bill(sold, "2026-10", "2026-11-05")
    await firm.work(sold, "t1", "2026-10-05", "7", approved="2026-11-06")
    line = await on("2026-11-07").line(T1)
    assert brief(line) == (WhyState.READY, "7", "700.00 EUR", Role.FINANCE)


async def test_approved_in_a_project_that_nobody_linked(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6")
    await change(firm, "DELETE FROM identity_link")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.UNLINKED, "6", "", Role.PROJECT_OPERATIONS)
    assert "its project psa/project/A belongs to no engagement that we know" in line.sentence


async def test_dated_before_its_contract(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"), effective_from="2026-10-10")
    await firm.work(sold, "t1", "2026-10-05", "6")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.BEFORE_CONTRACT, "6", "", Role.PROJECT_OPERATIONS)
    assert "dated 2026-10-05, before the contract begins on 2026-10-10" in line.sentence


async def test_an_engagement_that_is_still_set_up(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6")
    await change(firm, "UPDATE engagement SET stage = 'setting_up'")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.NOT_ACTIVE, "6", "", Role.PROJECT_OPERATIONS)
    assert "is not active yet (setting up). It waits for project operations" in line.sentence
    set_up = f"project-setup/{sold.engagement}"
    await case(firm, set_up, Role.INTEGRATION_SUPPORT, "the ERP refuses the integration user.")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.NOT_ACTIVE, "6", "", Role.INTEGRATION_SUPPORT)
    assert "(setting up): the ERP refuses the integration user. It waits for" in line.sentence


async def test_an_engagement_that_has_ended(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6")
    await change(firm, "UPDATE engagement SET stage = 'closed'")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.ENDED, "6", "", Role.PROJECT_OPERATIONS)
    assert f"its engagement {sold.engagement} is closed" in line.sentence


async def test_what_no_rate_prices_would_stop_the_next_run(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6", role="diver")
    line = await on("2026-10-20").line(T1)
    assert brief(line) == (WhyState.REFUSED, "6", "", Role.FINANCE)
    assert "the next run would stop: " in line.sentence
    assert "'diver'" in line.sentence


# -- finding it


async def test_an_entry_that_no_source_told_us_of(firm: Firm, on: On) -> None:
    line = await on("2026-10-20").line("psa/time/t9")
    assert brief(line) == (WhyState.NOT_TOLD, "0", "", Role.PROJECT_OPERATIONS)
    await firm.items.note_poll("psa", "entries", "17")
    line = await on("2026-10-20").line("psa/time/t9")
    assert "no source told us of psa/time/t9; psa was last read on 2" in line.sentence


async def test_an_entry_is_found_by_its_external_id_when_no_other_has_it(
    firm: Firm, on: On
) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6")
    await firm.work(sold, "day/7", "2026-10-05", "6")
    desk = on("2026-10-20")
    assert await desk.named("t1") == await desk.named(T1) == [T1]
    assert await desk.named("day/7") == ["psa/time/day/7"]
    await firm.expense(sold, "t1", "2026-10-05", "10")
    assert await desk.named("t1") == ["psa/expense/t1", T1]
    assert await desk.named("t9") == []


async def test_the_answer_says_whose_entry_it_is(firm: Firm, on: On) -> None:
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-10-05", "6")
    found = await on("2026-10-20").why(T1)
    assert (found.person, found.approved_by, found.client) == ("ada", "bo", "Falke GmbH")
    assert (found.engagement, found.project_code) == (sold.engagement, "A")
    assert found.project == "psa/project/A"
