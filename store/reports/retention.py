"""Retentions by contract, customer and milestone: retained, released, open; tied to 1250."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.ledger.accounts import Account
from canonical.money import allocate, minor_unit
from canonical.reports.proofs import Proof, prove
from canonical.reports.rows import RetentionRow
from store.reports.control import Counted, control_proofs
from store.reports.position import CurrencyOf
from store.reports.scope import IN_SCOPE, Label, ReportPage, Scope, contracts

ZERO: Final = Decimal(0)
EQUATION: Final = "retained - released = 1250"

_RETENTIONS: Final = text(
    f"""
    SELECT t.legal_entity, t.contract_id::text AS contract, t.currency AS document_currency,
           t.customer::text AS customer, coalesce(c.name, '') AS customer_name, t.line_id,
           t.external_id AS milestone, min(p.posted_on) AS since,
           coalesce(-sum(t.net) FILTER (WHERE t.kind = 'retention'), 0) AS retained,
           coalesce(sum(t.net) FILTER (WHERE t.kind = 'retention_release'), 0) AS released
    FROM billing_transaction t
    JOIN invoice_transaction k ON k.transaction_id = t.id
    JOIN invoice i ON i.id = k.invoice_id
    JOIN LATERAL (
        SELECT min(j.posted_on) AS posted_on FROM journal_entry j
        WHERE j.contract_id = i.contract_id AND j.document = i.key AND {IN_SCOPE}
    ) p ON p.posted_on IS NOT NULL
    LEFT JOIN client c ON c.id = t.customer
    WHERE t.contract_id = ANY(CAST(:contracts AS uuid[]))
      AND t.kind IN ('retention', 'retention_release')
    GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 5, 6, 7
    """
)
_LEDGER: Final = text(
    f"""
    SELECT j.legal_entity, l.contract, l.currency, l.document_currency,
           sum(l.amount) AS amount, sum(l.document_amount) AS document
    FROM journal_line l JOIN journal_entry j ON j.id = l.journal_id
    WHERE l.contract = ANY(CAST(:contracts AS text[])) AND l.account = :account AND {IN_SCOPE}
    GROUP BY 1, 2, 3, 4
    """
)

Place = tuple[str, str, str]
"""Legal entity, contract, document currency."""


class _Carried(NamedTuple):
    """1250 of one contract."""

    currency: str
    amount: Decimal
    document: Decimal


async def retention_pages(
    connection: AsyncConnection, scope: Scope, currency_of: CurrencyOf
) -> AsyncGenerator[ReportPage]:
    """Every milestone of which something was retained."""
    counted = Counted()
    async for labels in contracts(connection, scope.legal_entity):
        page = await _page(connection, scope, labels, currency_of)
        for row in page.rows:
            counted.add(row.legal_entity, row.currency, {Account.RETENTION: row.amounts()["open"]})
        yield page
    yield ReportPage((), await control_proofs(connection, scope, counted, [Account.RETENTION]))


async def _page(
    connection: AsyncConnection,
    scope: Scope,
    labels: Mapping[str, Label],
    currency_of: CurrencyOf,
) -> ReportPage:
    kept = await _kept(connection, scope, labels)
    carried = await _carried(connection, scope, labels)
    order = {contract: number for number, contract in enumerate(labels)}
    rows: list[RetentionRow] = []
    proofs: list[Proof] = []
    for place in sorted({*kept, *carried}, key=lambda each: (order[each[1]], each)):
        found = carried.get(place) or _Carried(currency_of(place[0]), ZERO, ZERO)
        mine = _rows(labels[place[1]], kept.get(place, []), found)
        rows += mine
        proofs.append(_proof(place, labels[place[1]], mine, found))
    return ReportPage(rows, proofs)


Kept = Row[tuple[object, ...]]


async def _kept(
    connection: AsyncConnection, scope: Scope, labels: Mapping[str, Label]
) -> dict[Place, list[Kept]]:
    found: dict[Place, list[Kept]] = {}
    values = scope.values(contracts=list(labels))
    for row in await connection.execute(_RETENTIONS, values):
        if scope.covers(row.legal_entity):
            place = (row.legal_entity, row.contract, row.document_currency)
            found.setdefault(place, []).append(row)
    return found


async def _carried(
    connection: AsyncConnection, scope: Scope, labels: Mapping[str, Label]
) -> dict[Place, _Carried]:
    values = scope.values(contracts=list(labels), account=Account.RETENTION.value)
    return {
        (row.legal_entity, row.contract, row.document_currency): _Carried(
            row.currency, row.amount, row.document
        )
        for row in await connection.execute(_LEDGER, values)
    }


def _rows(label: Label, kept: Sequence[Kept], carried: _Carried) -> list[RetentionRow]:
    opens = [row.retained - row.released for row in kept]
    is_own = all(row.document_currency == carried.currency for row in kept)
    shares = opens if is_own else _shares(opens, carried)
    return [
        RetentionRow(
            legal_entity=row.legal_entity,
            currency=carried.currency,
            document_currency=row.document_currency,
            **label._asdict(),
            customer=row.customer,
            customer_name=row.customer_name,
            line=row.line_id,
            milestone=row.milestone.removeprefix(f"{row.line_id}/"),
            since=row.since,
            document_retained=row.retained,
            document_released=row.released,
            document_open=row.retained - row.released,
            open=share,
        )
        for row, share in zip(kept, shares, strict=True)
    ]


def _shares(opens: Sequence[Decimal], carried: _Carried) -> Sequence[Decimal]:
    """The ledger carries a contract's retentions together: what it carries, shared out by what is
    open of each (convention 6)."""
    weights = [max(each, ZERO) for each in opens]
    step = minor_unit(carried.currency)
    if not any(weights) or carried.amount % step:
        return [ZERO] * len(opens)
    return allocate(carried.amount, weights, step)


def _proof(place: Place, label: Label, rows: Sequence[RetentionRow], carried: _Carried) -> Proof:
    return prove(
        EQUATION,
        place[0],
        place[2],
        {
            "retained": sum((row.document_retained for row in rows), ZERO),
            "released": -sum((row.document_released for row in rows), ZERO),
        },
        {"1250": carried.document},
        subject=label.project or label.contract,
    )
