"""The conformance suite's scenarios of journal entries in Tryton."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from adapters.tryton.simulator import Fault
from canonical.ids import ExternalRef
from canonical.journal_entry import DraftEntry
from tests.adapters.conformance.driver import Create, Drift, DriftKind, Read, Write
from tests.adapters.tryton.builders import ENTITY, ENTRY_DAY, SYSTEM
from tests.adapters.tryton.workbench import TrytonBench


async def post_entry(bench: TrytonBench) -> ExternalRef:
    return (await bench.erp.post_entry(await bench.own_entry())).reference


async def post_missing_entry(bench: TrytonBench) -> object:
    gone = ExternalRef(system=SYSTEM, kind="entry", id="999999")
    return await bench.erp.post_entry(DraftEntry(reference=gone, key="revenue/1"))


async def delete_entry(bench: TrytonBench) -> None:
    await bench.erp.delete_entry(await bench.own_entry())


async def entries_found(bench: TrytonBench) -> Sequence[ExternalRef]:
    return [draft.reference for draft in await bench.erp.find_entries(ENTITY, bench.entry.key)]


async def entry_outside_all_periods(bench: TrytonBench) -> object:
    never = bench.entry.model_copy(update={"on": date(2035, 1, 31)})
    return await bench.erp.create_entry(never)


async def posted_entry_rows(bench: TrytonBench) -> int:
    query = "SELECT FROM account_move WHERE description LIKE $1 AND state = 'posted'"
    return await bench.count(query, f"{bench.entry.key} |%")


async def entries_gone(bench: TrytonBench) -> int:
    await bench.own_entry()
    query = "SELECT FROM account_move WHERE description LIKE $1"
    return 1 - await bench.count(query, f"{bench.entry.key} |%")


async def alter_entries(bench: TrytonBench, **changes: object) -> None:
    bench.proxy.inject(
        Fault.model_validate(
            {"kind": "alter", "method": "model.account.move.search_read", **changes}
        )
    )


async def read_seeded_entry(bench: TrytonBench) -> object:
    """Posting again what is posted only reads it."""
    seeded = bench.seeded.entry
    return await bench.erp.post_entry(DraftEntry(reference=seeded.reference, key=seeded.key))


READS: tuple[Read[TrytonBench], ...] = (
    Read(
        "erp.find_entries",
        lambda bench: bench.erp.find_entries(ENTITY, bench.seeded.entry.key),
        missing=post_missing_entry,
    ),
    Read("erp.first_open_day", lambda bench: bench.erp.first_open_day(ENTITY, ENTRY_DAY)),
)
WRITES: tuple[Write[TrytonBench], ...] = (
    Write("erp.post_entry", post_entry, posted_entry_rows),
    Write("erp.delete_entry", delete_entry, entries_gone),
)
CREATES: tuple[Create[TrytonBench], ...] = (
    Create(
        "erp.create_entry",
        lambda bench: bench.erp.create_entry(bench.entry),
        entries_found,
        rejected=entry_outside_all_periods,
    ),
)
DRIFTS: tuple[Drift[TrytonBench], ...] = (
    Drift(
        DriftKind.MISSING_FIELD,
        lambda bench: alter_entries(bench, field="date"),
        read_seeded_entry,
        "date",
    ),
    Drift(
        DriftKind.UNKNOWN_VALUE,
        lambda bench: alter_entries(bench, field="state", value="in limbo"),
        read_seeded_entry,
        "state",
    ),
)
