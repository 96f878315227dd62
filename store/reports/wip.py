"""Unbilled work: the parts that the told books hold, tied to 1200 and 2200 of the journals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.ledger.accounts import Account
from canonical.reports.proofs import Proof, prove
from canonical.reports.rows import Position, PositionRow
from canonical.reports.unbilled import Place, Unbilled, unbilled_parts
from canonical.reports.wip import LedgerSide, Sums, WipRow, grouped, shown
from store.books.ledger import Ledger
from store.reports.control import Counted, control_proofs
from store.reports.position import CurrencyOf, positions, proofs_of
from store.reports.scope import (
    Label,
    ReportPage,
    Scope,
    contracts,
    count_contracts,
    labels_of,
)
from store.reports.telling import Told, told

ZERO: Final = Decimal(0)
EQUATION: Final = "unbilled - advance + told later - posted after = 1200 - 2200"
ACCOUNTS: Final = (Account.CONTRACT_ASSET, Account.CONTRACT_LIABILITY)

_LEDGER: Final = text(
    """
    SELECT j.legal_entity, l.contract, l.document_currency,
           coalesce(sum(l.document_amount) FILTER (
               WHERE is_posted AND l.account = :asset), 0) AS asset,
           coalesce(-sum(l.document_amount) FILTER (
               WHERE is_posted AND l.account = :liability), 0) AS liability,
           coalesce(sum(l.document_amount) FILTER (WHERE is_posted AND is_accrual), 0) AS accrued,
           coalesce(sum(l.document_amount) FILTER (
               WHERE is_posted AND NOT is_told AND NOT is_accrual), 0) AS told_later,
           coalesce(sum(l.document_amount) FILTER (
               WHERE NOT is_posted AND is_told AND NOT is_accrual), 0) AS posted_after
    FROM journal_line l JOIN journal_entry j ON j.id = l.journal_id
    JOIN book_chapter h ON h.id = j.chapter_id
    CROSS JOIN LATERAL (
        SELECT j.posted_on <= :as_of AS is_posted, NOT EXISTS (
                   SELECT 1 FROM book_chapter p
                   WHERE p.contract_id = h.contract_id AND p.id <= h.id
                     AND CAST(p.told_on AS date) > :told_by) AS is_told,
               starts_with(j.event, :accrued) OR starts_with(j.event, :reversed) AS is_accrual
    ) x
    WHERE l.contract = ANY(CAST(:contracts AS text[])) AND l.account IN (:asset, :liability)
      AND (:legal_entity = '' OR j.legal_entity = :legal_entity)
    GROUP BY 1, 2, 3
    """
)
_ACCRUED: Final = "accrue submitted time "
_REVERSED: Final = "reverse: accrue submitted time "
"""How journals of the month-end accrual begin: what was told of it is reversed in the next period,
and counts only while that has not begun."""

Key = tuple[str, Place]
"""A contract, and where it is booked."""


class _Booked(NamedTuple):
    """What the journals and transactions say of some contracts."""

    labels: Mapping[str, Label]
    ledger: Mapping[Key, LedgerSide]
    positions: Mapping[Key, PositionRow]


class _Sides(NamedTuple):
    """Both sides of the contracts of one group of books."""

    parts: Mapping[Key, Sequence[Unbilled]]
    booked: _Booked
    keys: Sequence[Key]
    """In the order of their projects."""


class Progress(NamedTuple):
    """How far the report is, in contracts."""

    done: int
    of: int


async def wip_pages(
    connection: AsyncConnection,
    scope: Scope,
    ledger: Ledger,
    currency_of: CurrencyOf,
    *,
    detail: bool = False,
) -> AsyncGenerator[ReportPage]:
    """Contract by contract; the books of one group are in memory at a time."""
    counted, seen = Counted(), set[str]()
    total = await count_contracts(connection, scope.legal_entity)
    async for labels in contracts(connection, scope.legal_entity):
        booked = await _booked(connection, scope, labels, currency_of)
        async for found in _groups(connection, scope, ledger, labels, seen):
            progress = Progress(min(len(seen), total), total)
            if isinstance(found, Proof):
                yield ReportPage((), [found], *progress)
                continue
            others = await _others(connection, scope, found, booked, currency_of)
            parts = await asyncio.to_thread(_parts, found, scope)
            sides = _of_group(found, parts, booked, others)
            rows = [_row(key, sides, currency_of, detail=detail) for key in sides.keys]
            for row in rows:
                counted.add(row.legal_entity, row.currency, _of_accounts(row))
            proofs = [proof for row in rows for proof in _proofs(row, sides)]
            yield ReportPage([row for row in rows if row.says_something], proofs, *progress)
    yield ReportPage((), await control_proofs(connection, scope, counted, ACCOUNTS))


async def _groups(
    connection: AsyncConnection,
    scope: Scope,
    ledger: Ledger,
    labels: Mapping[str, Label],
    seen: set[str],
) -> AsyncIterator[Told | Proof]:
    """The books of contracts, those that share them once; `seen` are all that were told."""
    for contract, label in labels.items():
        if contract in seen:
            continue
        found = await told(connection, ledger, contract, scope.told_by)
        if isinstance(found, Proof):
            seen.add(contract)
            found = found.model_copy(update={"subject": label.project or contract})
        else:
            seen.update(found.contracts)
        yield found


async def _booked(
    connection: AsyncConnection,
    scope: Scope,
    labels: Mapping[str, Label],
    currency_of: CurrencyOf,
) -> _Booked:
    tied = await positions(connection, scope, labels, currency_of)
    return _Booked(
        labels=labels,
        ledger=await _ledger(connection, scope, labels),
        positions={
            (row.contract, Place(row.legal_entity, row.document_currency)): row for row in tied
        },
    )


async def _others(
    connection: AsyncConnection,
    scope: Scope,
    found: Told,
    booked: _Booked,
    currency_of: CurrencyOf,
) -> _Booked:
    """The same of contracts that share the books and are on another page."""
    elsewhere = [each for each in found.contracts if each not in booked.labels]
    if not elsewhere:
        return _Booked({}, {}, {})
    labels = await labels_of(connection, elsewhere)
    return await _booked(connection, scope, labels, currency_of)


def _of_group(
    found: Told, parts: Mapping[Key, Sequence[Unbilled]], page: _Booked, others: _Booked
) -> _Sides:
    booked = _Booked(
        labels={**page.labels, **others.labels},
        ledger={**page.ledger, **others.ledger},
        positions={**page.positions, **others.positions},
    )

    def order(key: Key) -> tuple[str, Key]:
        return booked.labels[key[0]].project, key

    mine = set(found.contracts)
    keys = {key for key in (*parts, *booked.ledger) if key[0] in mine}
    return _Sides(parts, booked, sorted(keys, key=order))


def _parts(found: Told, scope: Scope) -> Mapping[Key, Sequence[Unbilled]]:
    """Priced anew, off the event loop."""
    parts: dict[Key, list[Unbilled]] = {}
    if found.on is None:
        return parts
    for contract in found.contracts:
        for part in unbilled_parts(found.books, contract, found.on):
            if scope.covers(part.place.entity):
                parts.setdefault((contract, part.place), []).append(part)
    return parts


async def _ledger(
    connection: AsyncConnection, scope: Scope, labels: Iterable[str]
) -> Mapping[Key, LedgerSide]:
    values = scope.values(
        told_by=scope.told_by,
        contracts=list(labels),
        asset=Account.CONTRACT_ASSET.value,
        liability=Account.CONTRACT_LIABILITY.value,
        accrued=_ACCRUED,
        reversed=_REVERSED,
    )
    return {
        (row.contract, Place(row.legal_entity, row.document_currency)): LedgerSide(
            asset=row.asset,
            liability=row.liability,
            accrued=row.accrued,
            told_later=row.told_later,
            posted_after=row.posted_after,
        )
        for row in await connection.execute(_LEDGER, values)
    }


def _row(key: Key, sides: _Sides, currency_of: CurrencyOf, *, detail: bool) -> WipRow:
    contract, place = key
    parts = sides.parts.get(key, ())
    ledger = sides.booked.ledger.get(key, LedgerSide())
    sums = Sums.of(parts)
    unbilled = sums.ready + sums.on_draft + sums.under_review + sums.earned + ledger.accrued
    explained = unbilled - sums.advance + ledger.told_later - ledger.posted_after
    tied = sides.booked.positions.get(key)
    own = tied.position if tied is not None else Position.empty(currency_of(place.entity))
    return WipRow(
        legal_entity=place.entity,
        currency=own.currency,
        document_currency=place.currency,
        **sides.booked.labels[contract]._asdict(),
        **sums.model_dump(),
        accrued=ledger.accrued,
        unbilled=unbilled,
        told_later=ledger.told_later,
        posted_after=ledger.posted_after,
        document_asset=ledger.asset,
        document_liability=ledger.liability,
        difference=explained - (ledger.asset - ledger.liability),
        groups=grouped(parts),
        parts=shown(parts) if detail else (),
        asset=own.asset,
        liability=own.liability,
        revaluation=tied.revaluation if tied is not None else ZERO,
    )


def _of_accounts(row: WipRow) -> Mapping[Account, Decimal]:
    return {Account.CONTRACT_ASSET: row.asset, Account.CONTRACT_LIABILITY: -row.liability}


def _proofs(row: WipRow, sides: _Sides) -> list[Proof]:
    """The parts against the accounts, and the accounts against revenue and billing."""
    subject = row.project or row.contract
    parts = prove(
        EQUATION,
        row.legal_entity,
        row.document_currency,
        {
            "unbilled": row.unbilled,
            "advance": -row.advance,
            "told later": row.told_later,
            "posted after": -row.posted_after,
        },
        {"1200": row.document_asset, "2200": -row.document_liability},
        subject=subject,
    )
    tied = sides.booked.positions.get(
        (row.contract, Place(row.legal_entity, row.document_currency))
    )
    return [parts, *(proofs_of(tied) if tied is not None else ())]
