"""The revenue of one legal entity and period: closed by contract, sealed as one entry, posted in
the ERP once."""

from __future__ import annotations

from functools import partial

from temporalio import workflow

from activities.journals import (
    EntryPosted,
    JournalActivities,
    PostEntry,
    Sealed,
    SealEntry,
)
from activities.policies import BULK, VENDOR_WRITE
from activities.revenue import CloseContracts, ContractsClosed, RevenueActivities
from canonical.base import Noun
from canonical.errors import Role
from canonical.ids import ContractId
from canonical.journal_entry import DraftEntry
from canonical.periods import Period
from workflows import names
from workflows.page import Wait
from workflows.steering import Steerable, Steering

CONTRACTS_SHOWN_MAX = 5


class RevenueCloseParams(Noun):
    legal_entity: str
    period: Period
    erp: str


class RevenueClosed(Noun):
    """What a close did."""

    contracts: int
    changed: int
    """Contracts for which our ledger got something new."""
    entries: tuple[EntryPosted, ...] = ()
    """What was posted in the ERP."""
    differences: int = 0
    """What was held back, since only the ERP may book it; each is a case."""
    shown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What finance should know of this close, in words."""


@workflow.defn(name=names.REVENUE_CLOSE)
class RevenueClose(Steerable):
    """May be run again for the same period: what came late is sent by an entry of its own."""

    @workflow.init
    def __init__(self, params: RevenueCloseParams) -> None:
        self._params = params
        self._entries: list[EntryPosted] = []
        self.steer(Steering(), f"Revenue of {params.legal_entity} in {params.period}")

    @workflow.run
    async def run(self, params: RevenueCloseParams) -> RevenueClosed:
        closed = await self._close_every_contract()
        sealed = await self._send_what_is_new()
        await self.write_notes()
        result = self._result(closed, sealed)
        self._at(_in_a_sentence(result))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    async def _close_every_contract(self) -> ContractsClosed:
        """What a rule refuses waits for a person, and only that is tried again."""
        stage = "Close the revenue of every contract"
        closed = await self.step(stage, self._close_contracts)
        while closed.refused:
            await self.park(stage, _refused(closed), Role.FINANCE, lambda: False, None)
            left = tuple(each.contract for each in closed.refused)
            again = await self.step(stage, partial(self._close_contracts, left))
            closed = closed.model_copy(
                update={"changed": closed.changed + again.changed, "refused": again.refused}
            )
        return closed

    async def _send_what_is_new(self) -> Sealed:
        """One entry; two when an earlier close left one that was sealed and not posted."""
        while True:
            sealed = await self.step("Seal what the ERP does not know yet", self._seal)
            if sealed.key:
                await self.step("Draft the entry in the ERP", partial(self._draft, sealed.key))
                self._entries.append(await self._post_until_equal(sealed))
            if not sealed.again:
                return sealed

    async def _post_until_equal(self, sealed: Sealed) -> EntryPosted:
        """The ERP's lines are to be what was sealed; `close` ends the wait for it."""
        stage = "Post the entry in the ERP and compare it"
        post = partial(self._post, sealed.key)
        posted = await self.step(stage, post)
        while posted.differences and self._close_order is None:
            await self.park(stage, _differs(posted), Role.FINANCE, self._is_told_to_close, None)
            posted = await self.step(stage, post)
        return posted

    def _is_told_to_close(self) -> bool:
        return self._close_order is not None

    def _result(self, closed: ContractsClosed, sealed: Sealed) -> RevenueClosed:
        locked = f"{self._params.period} is locked in our ledger: no contract was closed anew"
        notes = (locked if closed.is_locked else "", sealed.note)
        return RevenueClosed(
            contracts=closed.contracts,
            changed=closed.changed,
            entries=tuple(self._entries),
            differences=sealed.differences,
            shown=sealed.shown,
            notes=tuple(note for note in notes if note),
        )

    async def _close_contracts(self, only: tuple[ContractId, ...] = ()) -> ContractsClosed:
        return await workflow.execute_activity_method(
            RevenueActivities.close_contracts,
            CloseContracts(
                legal_entity=self._params.legal_entity, period=self._params.period, only=only
            ),
            summary=f"Recognise what each contract earned by the end of {self._params.period}",
            **BULK,
        )

    async def _seal(self) -> Sealed:
        return await workflow.execute_activity_method(
            JournalActivities.seal_entry,
            SealEntry(legal_entity=self._params.legal_entity, period=self._params.period),
            task_queue=names.system_queue(self._params.erp),
            summary="Our ledger less what the ERP booked by itself; decided once",
            **BULK,
        )

    async def _draft(self, key: str) -> DraftEntry:
        return await workflow.execute_activity_method(
            JournalActivities.draft_entry,
            PostEntry(key=key),
            task_queue=names.system_queue(self._params.erp),
            summary=f"Draft {key} in the ERP, or adopt the draft that is there",
            **VENDOR_WRITE,
        )

    async def _post(self, key: str) -> EntryPosted:
        return await workflow.execute_activity_method(
            JournalActivities.post_entry,
            PostEntry(key=key),
            task_queue=names.system_queue(self._params.erp),
            summary=f"Post the bound draft of {key}, read it back and compare",
            **VENDOR_WRITE,
        )


def _refused(closed: ContractsClosed) -> Wait:
    first = closed.refused[:CONTRACTS_SHOWN_MAX]
    return Wait(
        what=f"{len(closed.refused)} of {closed.contracts} contracts cannot be closed",
        who=Role.FINANCE.words,
        since=workflow.now(),
        why="; ".join(f"{each.contract}: {each.message}" for each in first),
        next_step="Resolve their cases, then send the signal `retry_now`.",
    )


def _differs(posted: EntryPosted) -> Wait:
    return Wait(
        what=f"entry {posted.number} in the ERP is not what was sealed",
        who=Role.FINANCE.words,
        since=workflow.now(),
        why="; ".join(posted.differences),
        next_step="Send `retry_now` to compare again, or `close` to leave it: the next close of "
        "the period sends what is missing.",
    )


def _in_a_sentence(result: RevenueClosed) -> str:
    posted = ", ".join(f"{each.number} ({each.debits})" for each in result.entries)
    held = f"; {result.differences} differences held back" if result.differences else ""
    notes = "".join(f"; {note}" for note in result.notes)
    return f"Done: {result.contracts} contracts, posted {posted or 'nothing'}{held}{notes}"
