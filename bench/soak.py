"""Many engagements for a long time, while processes die and answers are lost; then the books.

Engagements of the demo's script run side by side, one after the other, for three minutes (--seconds
says otherwise; starting and finishing what is under way comes on top, about two minutes). Meanwhile
the worker is killed at random, and the gateway; the ERP loses answers, fails after it did the work,
or does it late; the PSA hangs up after it did the work. At the end every balance must equal its
rows, every engagement must have one invoice, posted once and paid, and the client must be there
once. Exit code 1 when anything differs. With --quick no worker is killed: what it had begun is
noticed by the missing heartbeat, after 20 seconds.

Last line: {"seconds", "engagements", "worker_kills", "gateway_kills", "faults", "open_cases",
"problems"}
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
import httpx

from adapters.kantata.simulated.faults import FaultKind as PsaFaultKind
from adapters.tryton.local.figures import posted_figures
from adapters.tryton.simulator import Fault, FaultKind
from bench.common import Firm, arguments, finish, open_firm, say
from store.conservation import balance_differences
from store.engine import transaction
from workers.demo import script
from workers.demo.story import Story, StoryStuck

POLL_INTERVAL_S = 0.5
PATIENCE_S = 240.0
CLIENT_CODE = "FALKENSTEIN"

LIES = (
    Fault(kind=FaultKind.LOSE_ANSWER, method="model.*.create|model.account.invoice.post"),
    Fault(kind=FaultKind.COMMIT_LATE, method="model.account.invoice.create", delay_s=1),
    Fault(kind=FaultKind.ANSWER_AFTER, method="model.account.invoice.*", status=500),
    Fault(kind=FaultKind.HANG_UP, method="model.*", times=3),
    Fault(kind=FaultKind.ANSWER_BEFORE, method="model.*", status=503, times=3),
    Fault(kind=FaultKind.EXPIRE_SESSION, method="model.*"),
)


class Soak:
    """Stories and trouble, side by side."""

    def __init__(
        self, firm: Firm, chance: random.Random, seconds: float, *, kill_workers: bool
    ) -> None:
        self._firm, self._chance, self._kill_workers = firm, chance, kill_workers
        self._until = time.monotonic() + seconds
        self._stories: list[Story] = []
        self.troubles = Counter[str]()

    @property
    def engagements(self) -> int:
        return len(self._stories)

    async def run(self, at_once: int) -> list[str]:
        """Live through it; the problems found at the end."""
        trouble = asyncio.create_task(self._make_trouble())
        async with asyncio.TaskGroup() as lives:
            for _ in range(at_once):
                lives.create_task(self._live())
        trouble.cancel()
        with suppress(asyncio.CancelledError):
            await trouble
        return await self._problems()

    # -- life -------------------------------------------------------------------------------------

    async def _live(self) -> None:
        """One engagement after the other, until time is up."""
        while time.monotonic() < self._until:
            story = self._firm.story(PATIENCE_S)
            self._firm.sell(story)
            self._stories.append(story)
            await _from_deal_to_cash(story)
            say(f"{len(self._stories)} engagements begun, {self.troubles.total()} troubles made")

    # -- trouble ----------------------------------------------------------------------------------

    async def _make_trouble(self) -> None:
        """Until time is up; then nothing more goes wrong, and all must come to its end."""
        makers = (self._kill_worker, self._kill_gateway, self._lie_in_erp, self._lie_in_psa)
        weights = (2 if self._kill_workers else 0, 1, 4, 2)
        while time.monotonic() < self._until:
            await asyncio.sleep(self._chance.uniform(1, 6))
            (make,) = self._chance.choices(makers, weights)
            await make()
        self._firm.stack.erp.proxy.heal()
        self._firm.stack.kantata.office.clear_faults()

    async def _kill_worker(self) -> None:
        self.troubles["worker_kills"] += 1
        await self._firm.stack.kill_worker()
        await self._firm.stack.start_worker()

    async def _kill_gateway(self) -> None:
        self.troubles["gateway_kills"] += 1
        await self._firm.stack.kill_gateway()
        await self._firm.stack.start_gateway()

    async def _lie_in_erp(self) -> None:
        self.troubles["faults"] += 1
        self._firm.stack.erp.proxy.inject(self._chance.choice(LIES))

    async def _lie_in_psa(self) -> None:
        self.troubles["faults"] += 1
        kind = self._chance.choice((PsaFaultKind.DROP, PsaFaultKind.BROKEN, PsaFaultKind.DOWN))
        self._firm.stack.kantata.office.plan_fault(kind)

    # -- the books --------------------------------------------------------------------------------

    async def _problems(self) -> list[str]:
        async with transaction(self._firm.engine) as connection:
            differences = await balance_differences(connection)
        found = [f"balance of {each.item_id} is not the sum of its rows" for each in differences]
        clients = await self._clients_in_erp()
        if clients != 1:
            found.append(f"the client is in the ERP {clients} times")
        for story in self._stories:
            found += [f"{story.engagement_id}: {each}" for each in await self._wrong_in(story)]
        return found

    async def _wrong_in(self, story: Story) -> list[str]:
        invoices = await story.overview.invoices(story.engagement_id)
        if len(invoices) != 1:
            return [f"{len(invoices)} invoices"]
        posted = await posted_figures(self._firm.stack.erp_dsn(), invoices[0].key)
        figures = [(each.net, each.tax, each.receivable, each.paid) for each in posted]
        checks = {
            f"posted in the ERP as {figures}": figures
            == [(script.NET, script.TAX, script.GROSS, script.GROSS)],
            f"{invoices[0].paid} paid with us": invoices[0].paid.amount == script.GROSS,
            f"the deal shows {story.crm_status('Billing_Status__c')}": story.crm_status(
                "Billing_Status__c"
            )
            == "Closed",
            "other transactions than the script's": await story.overview.transactions(
                story.engagement_id
            )
            == script.TRANSACTIONS,
        }
        return [what for what, right in checks.items() if not right]

    async def _clients_in_erp(self) -> int:
        connection = await asyncpg.connect(self._firm.stack.erp_dsn())
        try:
            query = "SELECT count(*) FROM party_party WHERE code = $1"
            return int(await connection.fetchval(query, CLIENT_CODE))
        finally:
            await connection.close()


async def _from_deal_to_cash(story: Story) -> None:
    await story.until_active()
    await story.work()
    story.recall()
    await _persistently(story.spend)
    await _persistently(story.cut_off)
    await story.until_delivered()
    await story.pay(f"BANK-{story.opportunity}")
    await story.until_paid(script.GROSS)
    await story.close()
    await story.until_closed()


async def _persistently(send: Callable[[], Awaitable[None]]) -> None:
    """As any sender does while the gateway is down; ids make a repetition harmless."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await send()
            except httpx.TransportError:
                await asyncio.sleep(0.5)


async def soak(seconds: float, at_once: int, seed: int, *, kill_workers: bool) -> dict[str, object]:
    say(f"seed {seed}: {at_once} engagements at once for {seconds:g} s")
    async with open_firm(poll_interval_s=POLL_INTERVAL_S) as firm:
        soaked = Soak(firm, random.Random(seed), seconds, kill_workers=kill_workers)
        try:
            problems = await soaked.run(at_once)
        except* StoryStuck as stuck:
            problems = [str(each) for each in stuck.exceptions]
        for problem in problems:
            print(f"  {problem}")
        cases = "SELECT count(*) FROM exception_case WHERE state = 'open'"
        return {
            "seconds": seconds,
            "engagements": soaked.engagements,
            "worker_kills": soaked.troubles["worker_kills"],
            "gateway_kills": soaked.troubles["gateway_kills"],
            "faults": soaked.troubles["faults"],
            "open_cases": await firm.number(cases),
            "problems": problems,
        }


def options() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=180, help="how long trouble is made")
    parser.add_argument("--at-once", type=int, default=4, help="engagements side by side")
    parser.add_argument("--seed", type=int, default=None, help="to repeat the choices of a run")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.seconds, chosen.at_once = 10.0, 2
    if chosen.seed is None:
        chosen.seed = random.SystemRandom().randrange(10**6)
    return chosen


if __name__ == "__main__":
    chosen = options()
    finish(
        soak(chosen.seconds, chosen.at_once, chosen.seed, kill_workers=not chosen.quick),
        failed_if="problems",
    )
