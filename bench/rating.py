"""A million approved entries over 2,000 contracts of mixed rules: from the store, through the
engine, back into the store, contract by contract.

Beside it, in the same run: the engine alone (entries in memory already), the database's own COPY of
the work rows out and of the transaction rows in, and a plain loop of Decimal multiplications over
the same rows. Figures are ratios on this machine; the yardsticks say what the machine was like.

The run checks itself: every balance is proven from its rows, journals are balanced by the database,
nothing is lost between states, and a second run adds nothing.

Last line: {"entries", "contracts", "path": {entries_per_s, wall_s, peak_mb_at_quarter, peak_mb},
"engine_alone": {entries_per_s}, "yardsticks": {copy_s, decimal_loop_s}, "path_to_copy": ratio}
"""

from __future__ import annotations

import resource
import tempfile
import time
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.common import arguments, finish, say
from bench.portfolio import CUTOFF, DOLLARS, ENTITY, holding, shares, works
from bench.warehouse import landscape, stock
from canonical.billing import BillingRun
from canonical.engine.retelling import Chapter, Telling
from canonical.engine.story import Cutoff, Event
from canonical.money import round_half_up
from canonical.periods import last_day
from runtime.local.postgres import EmbeddedPostgres
from store import migrations
from store.billing import BillingStore
from store.books.ledger import Ledger
from store.conservation import balance_differences
from store.engine import create_engine, transaction

FULL, QUICK = (1_000_000, 2_000), (40_000, 80)
PERIOD = "2026-03"
NOW = CUTOFF.replace(tzinfo=UTC)
CENT = Decimal("0.01")
AGAIN = 20
"""Contracts that are billed a second time, which must add nothing."""


def peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


async def rating(entries: int, contracts: int) -> dict[str, object]:
    planned = dict(shares(entries, contracts))
    engine_s = _engine_alone(planned)
    say(f"engine alone: {entries / engine_s:,.0f} entries/s")
    with tempfile.TemporaryDirectory(prefix="c2c-bench-", ignore_cleanup_errors=True) as folder:
        async with EmbeddedPostgres(Path(folder), durable=False) as cluster:
            await cluster.create_database("bench")
            url = cluster.sqlalchemy_url("bench")
            await migrations.upgrade(url)
            engine = create_engine(url)
            try:
                return {
                    "entries": entries,
                    "contracts": contracts,
                    "engine_alone": {"entries_per_s": round(entries / engine_s)},
                    **await _path(engine, planned, entries),
                }
            finally:
                await engine.dispose()


def _engine_alone(planned: dict[int, int]) -> float:
    """Seconds that the engine takes for entries that lie in memory, one contract after the other;
    making them is not counted."""
    spent = 0.0
    for number, count in planned.items():
        each = holding(number, count)
        chapter = Chapter(
            number=1,
            on=CUTOFF,
            contract=each.version.contract_id,
            decision=_cutoff(),
            works=list(works(each, count)),
            facts=[DOLLARS],
        )
        began = time.perf_counter()
        Telling.begin([ENTITY], [each.version]).tell(chapter)
        spent += time.perf_counter() - began
    return spent


def _cutoff() -> Event:
    return Event(
        on=CUTOFF,
        cutoff=Cutoff(through=last_day(PERIOD), approved_through=CUTOFF, draft=True),
    )


async def _path(engine: AsyncEngine, planned: dict[int, int], entries: int) -> dict[str, object]:
    say("stocking the store ...")
    await stock(engine, planned)
    await _analyse(engine)
    store = BillingStore(engine, Ledger(landscape()))
    began, quarter, done = time.perf_counter(), 0.0, 0
    for number, count in planned.items():
        await store.bill(_run(number, count, 1), NOW)
        done += count
        if not quarter and done >= entries / 4:
            quarter = peak_mb()
            say(f"a quarter: {done / (time.perf_counter() - began):,.0f} entries/s, {quarter} MB")
    wall = time.perf_counter() - began
    peak = peak_mb()
    say(f"store to store: {entries / wall:,.0f} entries/s, {peak} MB")
    await _check(engine, store, planned, entries)
    copy_s = await _copy(engine)
    loop_s = await _decimal_loop(engine)
    return {
        "path": {
            "entries_per_s": round(entries / wall),
            "wall_s": round(wall, 1),
            "peak_mb_at_quarter": quarter,
            "peak_mb": peak,
        },
        "yardsticks": {"copy_s": round(copy_s, 2), "decimal_loop_s": round(loop_s, 2)},
        "path_to_copy": round(wall / copy_s, 1),
    }


def _run(number: int, count: int, run: int) -> BillingRun:
    engagement = holding(number, count).version.engagement_id
    return BillingRun(engagement_id=engagement, period=PERIOD, cutoff=NOW, run=run)


async def _analyse(engine: AsyncEngine) -> None:
    """As the database's own housekeeping would have done by then."""
    async with transaction(engine) as connection:
        await connection.execute(text("ANALYZE"))


_CHECKS = {
    "entries that were heard": "SELECT count(*) FROM book_work",
    "entries billed beyond their approval": "SELECT count(*) FROM work_item_balance"
    " WHERE billed > approved",
    "invoices whose lines are not their transactions": "SELECT count(*) FROM invoice i WHERE i.net"
    " <> (SELECT sum(t.net) FROM invoice_transaction x JOIN billing_transaction t"
    " ON t.id = x.transaction_id WHERE x.invoice_id = i.id)",
}


async def _check(
    engine: AsyncEngine, store: BillingStore, planned: dict[int, int], entries: int
) -> None:
    """Raises AssertionError for the first thing that does not hold."""
    async with transaction(engine) as connection:
        found = {what: await connection.scalar(text(query)) for what, query in _CHECKS.items()}
        differences = await balance_differences(connection)
        before = await connection.scalar(text("SELECT count(*) FROM billing_transaction"))
    wanted = dict.fromkeys(_CHECKS, 0) | {"entries that were heard": entries}
    if found != wanted or differences:
        raise AssertionError(f"found {found}, {len(differences)} balances without proof")
    for number in list(planned)[:AGAIN]:
        again = await store.bill(_run(number, planned[number], 2), NOW)
        if again.transactions:
            raise AssertionError(f"a second run billed {again.transactions} of contract {number}")
    async with transaction(engine) as connection:
        after = await connection.scalar(text("SELECT count(*) FROM billing_transaction"))
    if after != before:
        raise AssertionError(f"{before} transactions became {after}")
    say(f"checked: {before:,} transactions, every balance proven, a second run adds nothing")


async def _copy(engine: AsyncEngine) -> float:
    """Seconds of the database's own COPY: the work rows out, the transaction rows in."""
    with tempfile.NamedTemporaryFile(prefix="c2c-bench-") as file:
        async with engine.connect() as connection:
            await connection.execute(
                text("CREATE TABLE copied (LIKE billing_transaction INCLUDING INDEXES)")
            )
            raw = await connection.get_raw_connection()
            driver: Any = raw.driver_connection
            await driver.copy_from_table("billing_transaction", output=file.name)
            began = time.perf_counter()
            await driver.copy_from_query("SELECT * FROM work_item", output=_nothing)
            await driver.copy_to_table("copied", source=file.name)
            return time.perf_counter() - began


async def _nothing(_data: bytes) -> None:
    """Takes rows and keeps none."""


async def _decimal_loop(engine: AsyncEngine) -> float:
    """Seconds of a plain loop over the same rows: quantity x rate, rounded once."""
    async with transaction(engine) as connection:
        found = await connection.execute(text("SELECT quantity, rate FROM billing_transaction"))
        rows = [(row.quantity, row.rate) for row in found]
    began = time.perf_counter()
    total = Decimal(0)
    for quantity, rate in rows:
        total += round_half_up(quantity * rate, CENT)
    spent = time.perf_counter() - began
    say(f"a plain loop over {len(rows):,} rows came to {total:,.2f} in {spent:.2f} s")
    return spent


if __name__ == "__main__":
    parser = arguments(__doc__ or "")
    parser.add_argument("--entries", type=int, help="instead of a million")
    parser.add_argument("--contracts", type=int, help="instead of 2,000")
    chosen = parser.parse_args()
    usual = QUICK if chosen.quick else FULL
    finish(rating(chosen.entries or usual[0], chosen.contracts or usual[1]))
