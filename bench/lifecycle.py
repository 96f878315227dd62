"""What one engagement costs from its deal to its money: Temporal actions, vendor calls, memory.

Engagements with 10, 1,000 and 50,000 time entries run on the whole local stack (real PostgreSQL,
Temporal server and ERP; simulated CRM and PSA). The cost of one is the slope over several, so that
start-up costs fall out. Actions are read from the server's own billing counter; those of the
intakes (background, nudged here when needed) are counted apart. Vendor calls are the requests that
the systems received. `wall_s` is the time from the won deal to the closed engagement of the first
batch, without the time that people take to log and approve.

Last line: {"runs": [{entries, temporal_actions, vendor_calls, wall_s, worker_peak_mb}]}
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from bench.common import Firm, arguments, finish, open_firm, peak_of, say
from canonical.invoice import InvoiceState
from canonical.records import InvoiceStanding
from workers.demo import script
from workers.demo.story import Story
from workers.histories import commands
from workers.local import landscape as places
from workflows import names

FULL = {10: (1, 5, 20), 1_000: (1, 5, 20), 50_000: (1, 2)}
QUICK = {10: (1,), 1_000: (1,)}
"""Entries per engagement, and after how many engagements the counters are read."""

ENTRIES_PER_SHEET = 1_000
MINUTES = 30
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Reading:
    """The counters after so many engagements."""

    engagements: int
    actions: Counter[str]
    background: int
    calls: int

    @property
    def own(self) -> int:
        """Actions without those of the intakes."""
        return self.actions.total() - self.background


async def lifecycle(plan: Mapping[int, Sequence[int]], *, fresh_workers: bool) -> dict[str, object]:
    """All runs of a plan; `fresh_workers`: each with a worker process of its own."""
    async with open_firm() as firm:
        runs: list[dict[str, object]] = []
        reading = await _read(firm, 0)
        for entries, counts in plan.items():
            if runs and fresh_workers:
                await firm.stack.kill_worker()
                await firm.stack.start_worker()
            figures, reading = await _measured(firm, entries, counts, reading)
            runs.append(figures)
    return {"runs": runs}


async def _measured(
    firm: Firm, entries: int, counts: Sequence[int], before: Reading
) -> tuple[dict[str, object], Reading]:
    """Run engagements up to each count, read the counters there, and take the slopes. The figures,
    and the last reading."""
    readings = [replace(before, engagements=0)]
    walls: list[float] = []
    async with peak_of(firm.stack.pid_of_worker()) as peak:
        for done, upto in pairwise((0, *counts)):
            stories = [firm.story(PATIENCE_S) for _ in range(upto - done)]
            walls.append(await _run(firm, stories, entries))
            readings.append(await _read(firm, upto))
            say(f"{entries} entries: {upto} engagements, {walls[-1]:.1f} s for these")
    await _explain(firm, entries, stories[-1], readings)
    figures: dict[str, object] = {
        "entries": entries,
        "temporal_actions": round(slope([(each.engagements, each.own) for each in readings]), 1),
        "vendor_calls": round(slope([(each.engagements, each.calls) for each in readings]), 1),
        "wall_s": round(walls[0], 2),
        "worker_peak_mb": round(peak.megabytes, 1),
    }
    return figures, readings[-1]


async def _read(firm: Firm, engagements: int) -> Reading:
    return Reading(
        engagements=engagements,
        actions=await firm.actions(),
        background=await firm.background_actions(),
        calls=firm.vendor_calls(),
    )


def slope(points: Sequence[tuple[int, int]]) -> float:
    """What each engagement adds, by least squares. The first point (none) is left out where there
    are enough others: what is done once, such as a login, is in it."""
    used = points if len(points) == 2 else points[1:]
    mean_x = sum(x for x, _ in used) / len(used)
    mean_y = sum(y for _, y in used) / len(used)
    spread = sum((x - mean_x) ** 2 for x, _ in used)
    return sum((x - mean_x) * (y - mean_y) for x, y in used) / spread


# -- one lifecycle --------------------------------------------------------------------------------


async def _run(firm: Firm, stories: Sequence[Story], entries: int) -> float:
    """Several engagements side by side, deal to close; seconds, without people's own work."""
    began = time.monotonic()
    for story in stories:
        firm.sell(story)
    await _all(story.until_active() for story in stories)
    logging_s = await _log_time(firm, stories, entries)
    await _all(story.spend() for story in stories)
    await _all(story.cut_off() for story in stories)
    await _all(story.until_delivered() for story in stories)
    for number, story in enumerate(stories):
        await _check(story, entries)
        await story.pay(f"BANK-{story.opportunity}-{number}")
    await firm.nudge_intake(places.ERP)
    await _all(story.until_invoice(_paid, "the payment to be seen") for story in stories)
    await _all(story.close() for story in stories)
    await _all(story.until_closed() for story in stories)
    return time.monotonic() - began - logging_s


async def _all(steps: Iterable[Coroutine[object, object, object]]) -> None:
    await asyncio.gather(*steps)


def _paid(invoice: InvoiceStanding) -> bool:
    return invoice.state is InvoiceState.PAID


async def _log_time(firm: Firm, stories: Sequence[Story], entries: int) -> float:
    """People log and approve; then the PSA's feed is read. Seconds that people took."""
    began = time.monotonic()
    held = await firm.number("SELECT count(*) FROM work_item")
    for story in stories:
        await _log(firm, story, entries)
    people_s = time.monotonic() - began
    await firm.nudge_intake(places.PSA)
    wanted = held + entries * len(stories)

    async def arrived() -> bool | None:
        return await firm.number("SELECT count(*) FROM work_item") >= wanted or None

    await stories[0].until(arrived, f"{wanted} entries to arrive")
    return people_s


async def _log(firm: Firm, story: Story, entries: int) -> None:
    office, project = firm.stack.kantata.office, await story.psa_project()
    users = {str(row["full_name"]): str(row["id"]) for row in office.rows("users")}
    roles = {str(row["name"]): str(row["id"]) for row in office.rows("roles")}
    for first in range(0, entries, ENTRIES_PER_SHEET):
        ids = office.log_time(
            project,
            users[script.BEN],
            story.month.day(1),
            MINUTES,
            role=roles["Consultant"],
            count=min(ENTRIES_PER_SHEET, entries - first),
        )
        office.approve_time(ids, users[script.APPROVER])
        await asyncio.sleep(0)  # the simulators answer in this process


async def _check(story: Story, entries: int) -> None:
    """A measurement of something wrong is worth nothing."""
    billed = await story.overview.transactions(story.engagement_id)
    if billed != entries + len(script.SPENT):
        raise SystemExit(f"{billed} transactions for {entries} entries of {story.engagement_id}")


# -- where the actions go -------------------------------------------------------------------------


async def _explain(firm: Firm, entries: int, story: Story, readings: Sequence[Reading]) -> None:
    """The server's counter by type over the whole run, and one engagement's commands."""
    (first, *_, last) = readings
    run = last.actions - first.actions
    share = last.background - first.background
    print(f"\n{entries} entries, {last.engagements} engagements")
    print(f"  {run.total()} actions, of which {share} by intakes (background):")
    for kind, count in run.most_common():
        print(f"    {kind:<40} {count:>6}")
    print("  commands of one engagement's workflows:")
    for line, count in (await _commands(firm, story)).most_common():
        print(f"    {line:<40} {count:>6}")


async def _commands(firm: Firm, story: Story) -> Counter[str]:
    engagement, period = story.engagement_id, story.month.period
    invoices = await story.overview.invoices(engagement)
    ids = [
        names.engagement(engagement),
        names.project_setup(engagement),
        names.billing_cycle(engagement, period, 1),
        *(names.invoice_to_cash(each.id) for each in invoices),
    ]
    counted = Counter[str]()
    for id in ids:
        history = await firm.stack.client.get_workflow_handle(id).fetch_history()
        counted.update(commands(history))
        counted["signals received"] += sum(
            event.HasField("workflow_execution_signaled_event_attributes")
            for event in history.events
        )
    return counted


if __name__ == "__main__":
    options = arguments(__doc__).parse_args()
    plan = QUICK if options.quick else FULL
    finish(lifecycle(plan, fresh_workers=not options.quick))
