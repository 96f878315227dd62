"""Contract positions, proven by what was recognised and what was billed (convention 11)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.ledger.accounts import Account
from canonical.ledger.transfer import PAYMENT
from canonical.reports.proofs import Proof, prove
from canonical.reports.rows import Position, PositionRow
from store.reports.control import Counted, control_proofs
from store.reports.scope import IN_SCOPE, Label, ReportPage, Scope, contracts

ZERO: Final = Decimal(0)
REVENUES: Final = (Account.SERVICE_REVENUE, Account.EXPENSE_REVENUE, Account.ADJUSTMENTS)
POSITIONS: Final = (Account.CONTRACT_ASSET, Account.RETENTION, Account.CONTRACT_LIABILITY)
REVALUATIONS: Final = (Account.CONTRACT_ASSET_REVALUATION, Account.RETENTION_REVALUATION)
EQUATION: Final = "1200 + 1250 - 2200 = revenue net of 4900 - net billed without disbursements"

CurrencyOf = Callable[[str], str]
"""The functional currency of a legal entity."""


def _sums(column: str, suffix: str) -> str:
    """What the ledger says of one contract, in one of a line's two currencies."""
    return f"""
        coalesce(sum(l.{column}) FILTER (WHERE l.account = :asset), 0) AS asset{suffix},
        coalesce(sum(l.{column}) FILTER (WHERE l.account = :retention), 0) AS retention{suffix},
        coalesce(-sum(l.{column}) FILTER (WHERE l.account = :liability), 0) AS liability{suffix},
        coalesce(-sum(l.{column}) FILTER (
            WHERE l.account = ANY(CAST(:revenues AS text[]))), 0) AS revenue{suffix},
        coalesce(-sum(l.{column}) FILTER (
            WHERE j.document <> '' AND NOT starts_with(j.document, :payment)
              AND l.account <> ALL(CAST(:revaluations AS text[]))), 0) AS billed{suffix}"""


# What a posted document did to the position and to revenue is what it billed.
_LEDGER: Final = text(
    f"""
    SELECT j.legal_entity, l.contract, l.currency, l.document_currency,
        {_sums("amount", "")}, {_sums("document_amount", "_document")},
        coalesce(sum(l.amount) FILTER (
            WHERE l.account = ANY(CAST(:revaluations AS text[]))), 0) AS revaluation
    FROM journal_line l JOIN journal_entry j ON j.id = l.journal_id
    WHERE l.contract = ANY(CAST(:contracts AS text[]))
      AND l.account = ANY(CAST(:accounts AS text[])) AND {IN_SCOPE}
    GROUP BY 1, 2, 3, 4
    """
)
# The other way to the same figure: transactions of documents that the ledger holds by the day.
_BILLED: Final = text(
    f"""
    SELECT t.legal_entity, t.contract_id::text AS contract, t.currency AS document_currency,
           sum(t.net) AS net
    FROM billing_transaction t
    JOIN invoice_transaction k ON k.transaction_id = t.id
    JOIN invoice i ON i.id = k.invoice_id
    WHERE t.contract_id = ANY(CAST(:contracts AS uuid[]))
      AND (t.kind <> 'disbursement' OR t.concession)
      AND EXISTS (SELECT 1 FROM journal_entry j
                  WHERE j.contract_id = i.contract_id AND j.document = i.key AND {IN_SCOPE})
    GROUP BY 1, 2, 3
    """
)

Place = tuple[str, str, str]
"""Legal entity, contract, document currency."""


class _Ledger(NamedTuple):
    currency: str
    own: Position
    document: Position
    revaluation: Decimal


async def position_pages(
    connection: AsyncConnection, scope: Scope, currency_of: CurrencyOf
) -> AsyncGenerator[ReportPage]:
    """Every contract that has a position or ever had one."""
    counted = Counted()
    async for labels in contracts(connection, scope.legal_entity):
        rows = await positions(connection, scope, labels, currency_of)
        for row in rows:
            counted.add(row.legal_entity, row.currency, of_accounts(row.position))
        yield ReportPage(rows, [each for row in rows for each in proofs_of(row)])
    yield ReportPage((), await control_proofs(connection, scope, counted, POSITIONS))


def of_accounts(position: Position) -> Mapping[Account, Decimal]:
    """As an account says it: debits are more than zero."""
    return {
        Account.CONTRACT_ASSET: position.asset,
        Account.RETENTION: position.retention,
        Account.CONTRACT_LIABILITY: -position.liability,
    }


async def positions(
    connection: AsyncConnection,
    scope: Scope,
    labels: Mapping[str, Label],
    currency_of: CurrencyOf,
) -> list[PositionRow]:
    """Of some contracts, in the order of their labels."""
    ledger = await _ledger(connection, scope, labels)
    billed = await _billed(connection, scope, labels)
    order = {contract: number for number, contract in enumerate(labels)}
    places = sorted({*ledger, *billed}, key=lambda each: (order[each[1]], each))
    return [
        _row(place, labels[place[1]], ledger.get(place), billed.get(place, ZERO), currency_of)
        for place in places
    ]


async def _ledger(
    connection: AsyncConnection, scope: Scope, labels: Iterable[str]
) -> dict[Place, _Ledger]:
    values = scope.values(
        contracts=list(labels),
        asset=Account.CONTRACT_ASSET.value,
        retention=Account.RETENTION.value,
        liability=Account.CONTRACT_LIABILITY.value,
        revenues=[each.value for each in REVENUES],
        revaluations=[each.value for each in REVALUATIONS],
        accounts=[each.value for each in (*POSITIONS, *REVENUES, *REVALUATIONS)],
        payment=PAYMENT,
    )
    return {
        (row.legal_entity, row.contract, row.document_currency): _read(row)
        for row in await connection.execute(_LEDGER, values)
    }


def _read(row: Row[tuple[object, ...]]) -> _Ledger:
    own = Position.of(
        row.currency,
        asset=row.asset,
        retention=row.retention,
        liability=row.liability,
        revenue=row.revenue,
        billed=row.billed,
    )
    document = Position.of(
        row.document_currency,
        asset=row.asset_document,
        retention=row.retention_document,
        liability=row.liability_document,
        revenue=row.revenue_document,
        billed=row.billed_document,
    )
    return _Ledger(row.currency, own, document, row.revaluation)


async def _billed(
    connection: AsyncConnection, scope: Scope, labels: Iterable[str]
) -> dict[Place, Decimal]:
    found = await connection.execute(_BILLED, scope.values(contracts=list(labels)))
    return {
        (row.legal_entity, row.contract, row.document_currency): row.net
        for row in found
        if scope.covers(row.legal_entity)
    }


def _row(
    place: Place, label: Label, ledger: _Ledger | None, billed: Decimal, currency_of: CurrencyOf
) -> PositionRow:
    """In the currency of the invoices billed is what the transactions say; in another functional
    currency it is what the ledger carries."""
    legal_entity, contract, currency = place
    if ledger is None:
        functional = currency_of(legal_entity)
        empty = Position.empty(functional), Position.empty(currency)
        ledger = _Ledger(functional, *empty, revaluation=ZERO)
    document = _billed_as(ledger.document, billed)
    is_own = ledger.currency == currency
    return PositionRow(
        legal_entity=legal_entity,
        currency=ledger.currency,
        contract=contract,
        project=label.project,
        client=label.client,
        document_currency=currency,
        position=document if is_own else ledger.own,
        document=None if is_own else document,
        revaluation=ledger.revaluation,
    )


def _billed_as(position: Position, billed: Decimal) -> Position:
    return Position.of(
        position.currency,
        asset=position.asset,
        retention=position.retention,
        liability=position.liability,
        revenue=position.revenue,
        billed=billed,
    )


def proofs_of(row: PositionRow) -> list[Proof]:
    """In the functional currency and, where it is another, in that of the invoices."""
    return [
        proof_of(row.legal_entity, row.project or row.contract, each)
        for each in (row.position, row.document)
        if each is not None
    ]


def proof_of(legal_entity: str, subject: str, position: Position) -> Proof:
    return prove(
        EQUATION,
        legal_entity,
        position.currency,
        {"1200": position.asset, "1250": position.retention, "2200": -position.liability},
        {"revenue net of 4900": position.revenue, "billed": -position.billed},
        subject=subject,
    )
