"""The revenue of a period, contract by contract, in our own ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from temporalio import activity

from activities.heartbeats import keep_progress
from canonical.base import Noun
from canonical.case import Case
from canonical.errors import DomainError
from canonical.ids import CaseId, ContractId, case_id
from canonical.periods import Period
from canonical.records import CaseRecords, RevenueBooks
from canonical.revenue import RevenueRecords

CONTRACTS_PER_PAGE = 100
REFUSED_MAX = 50
"""More contracts that cannot be closed have one reason in common: then the step itself fails."""


class CloseContracts(Noun):
    """The contracts of a legal entity that are live in a period, or some of them."""

    legal_entity: str
    period: Period
    only: tuple[ContractId, ...] = ()


class RefusedContract(Noun):
    """A contract that could not be closed; its case tells more."""

    contract: ContractId
    message: str


class ContractsClosed(Noun):
    """What closing did; also how far an attempt has come."""

    contracts: int = 0
    changed: int = 0
    """Those for which something was posted."""
    refused: tuple[RefusedContract, ...] = ()
    is_locked: bool = False
    """Our own ledger takes nothing more in the period: nothing was closed."""
    after: str = ""
    """The last contract that was looked at."""


class RevenueActivities:
    """Runs on the main queue."""

    def __init__(
        self,
        books: RevenueBooks,
        records: RevenueRecords,
        cases: CaseRecords,
        clock: Callable[[], datetime],
    ) -> None:
        self._books, self._records = books, records
        self._cases, self._clock = cases, clock

    @activity.defn
    async def close_contracts(self, request: CloseContracts) -> ContractsClosed:
        """Close the revenue of each contract; one that a rule refuses becomes a case and does not
        keep the others. An attempt goes on after the last contract of the one before.

        Raises the refusal itself when there are too many of them.
        """
        if await self._records.is_locked(request.legal_entity, request.period):
            return ContractsClosed(is_locked=True)
        closed = _reached_before()
        async for contract in self._contracts(request, closed.after):
            closed = await self._close(request, contract, closed)
            keep_progress(closed)
        return closed

    async def _contracts(self, request: CloseContracts, after: str) -> AsyncIterator[ContractId]:
        if request.only:
            for contract in sorted(request.only):
                if contract > after:
                    yield contract
            return
        while True:
            page = await self._books.contracts_to_close(
                request.legal_entity, request.period, after, CONTRACTS_PER_PAGE
            )
            for contract in page:
                yield contract
            if len(page) < CONTRACTS_PER_PAGE:
                return
            after = page[-1]

    async def _close(
        self, request: CloseContracts, contract: ContractId, closed: ContractsClosed
    ) -> ContractsClosed:
        counted = {"contracts": closed.contracts + 1, "after": contract}
        try:
            posted = await self._books.close_revenue(contract, request.period, self._clock())
        except DomainError as error:
            if error.retryable or len(closed.refused) >= REFUSED_MAX:
                raise
            await self._cases.open_case(_refused(request, contract, error))
            refused = RefusedContract(contract=contract, message=str(error)[:500])
            return closed.model_copy(update={**counted, "refused": (*closed.refused, refused)})
        await self._cases.resolve_case(_case_of(contract), "the contract is closed")
        return closed.model_copy(update={**counted, "changed": closed.changed + posted})


def _reached_before() -> ContractsClosed:
    details = activity.info().heartbeat_details
    return ContractsClosed.model_validate(details[0]) if details else ContractsClosed()


def _case_of(contract: ContractId) -> CaseId:
    return case_id(_process(), "ContractNotClosed", contract)


def _refused(request: CloseContracts, contract: ContractId, error: DomainError) -> Case:
    return Case(
        id=_case_of(contract),
        process=_process(),
        cause="ContractNotClosed",
        subject=f"contract {contract}",
        owner=error.owner,
        message=f"the revenue of {request.period} cannot be closed: {error}"[:2_000],
        next_step=f"{error.remedy} Then send `retry_now` to {_process()}.",
        legal_entity=request.legal_entity,
    )


def _process() -> str:
    return activity.info().workflow_id or activity.info().activity_id
