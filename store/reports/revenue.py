"""Revenue by contract and account: month, year and to date, with what was posted late."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.ledger.accounts import Account
from canonical.periods import period_of
from canonical.reports.rows import LateRow, RevenueRow, ScheduleRow
from store.reports.control import Counted, control_proofs
from store.reports.position import CurrencyOf, positions, proofs_of
from store.reports.scope import IN_SCOPE, Label, ReportPage, Scope, contracts

ACCOUNTS: Final = (
    Account.SERVICE_REVENUE,
    Account.EXPENSE_REVENUE,
    Account.ADJUSTMENTS,
    Account.CONTRACT_LOSSES,
)
NAMES: Final = {
    Account.SERVICE_REVENUE: "service revenue",
    Account.EXPENSE_REVENUE: "reimbursable expense revenue",
    Account.ADJUSTMENTS: "billing adjustments",
    Account.CONTRACT_LOSSES: "loss on contracts",
}

_OF_PAGE: Final = f"""
    FROM journal_line l JOIN journal_entry j ON j.id = l.journal_id
    WHERE l.contract = ANY(CAST(:contracts AS text[]))
      AND l.account = ANY(CAST(:accounts AS text[])) AND {IN_SCOPE}
"""
_IS_LATE: Final = "j.service_period <> '' AND j.service_period < j.period"

_REVENUE: Final = text(
    f"""
    SELECT j.legal_entity, l.contract, l.account, l.currency, l.document_currency,
           coalesce(-sum(l.amount) FILTER (WHERE j.period = :period), 0) AS month,
           coalesce(-sum(l.amount) FILTER (WHERE starts_with(j.period, :year)), 0) AS year,
           -sum(l.amount) AS to_date, -sum(l.document_amount) AS document,
           coalesce(-sum(l.amount) FILTER (WHERE j.period = :period AND {_IS_LATE}), 0) AS late,
           coalesce(-sum(l.amount) FILTER (
               WHERE starts_with(j.period, :year) AND {_IS_LATE}), 0) AS late_year
    {_OF_PAGE} GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 3, 5
    """
)
_LATE: Final = text(
    f"""
    SELECT j.legal_entity, l.contract, l.account, l.currency, l.document_currency,
           j.service_period, j.period, -sum(l.amount) AS amount
    {_OF_PAGE} AND starts_with(j.period, :year) AND {_IS_LATE}
    GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(l.amount) <> 0 ORDER BY 7, 6, 1, 2, 3, 5
    """
)
# The last close of each fixed-fee line by the day; entity and currency as its version says them.
_SCHEDULE: Final = text(
    """
    SELECT DISTINCT ON (s.contract_id, s.line_id)
           s.contract_id::text AS contract, s.line_id, s.as_of, s.to_date, s.estimate,
           s.revenue_to_date, s.revenue_in_period, s.billed_to_date, s.loss_provision,
           coalesce(v.body ->> 'invoice_currency', v.body ->> 'currency') AS document_currency,
           coalesce(nullif(v.line ->> 'legal_entity', ''), v.body ->> 'legal_entity')
               AS legal_entity
    FROM revenue_schedule s
    CROSS JOIN LATERAL (
        SELECT c.body, jsonb_path_query_first(c.body, '$.lines[*] ? (@.line_id == $line)',
                           jsonb_build_object('line', s.line_id)) AS line
        FROM contract_version c WHERE c.contract_id = s.contract_id
        ORDER BY c.effective_from <= s.as_of DESC, c.effective_from DESC, c.version DESC LIMIT 1
    ) v
    WHERE s.contract_id = ANY(CAST(:contracts AS uuid[])) AND s.as_of <= :as_of
    ORDER BY s.contract_id, s.line_id, s.as_of DESC, s.chapter_id DESC
    """
)


async def revenue_pages(
    connection: AsyncConnection, scope: Scope, currency_of: CurrencyOf
) -> AsyncGenerator[ReportPage]:
    """Accounts of each contract, their late postings, and the schedules of fixed fees."""
    counted = Counted()
    async for labels in contracts(connection, scope.legal_entity):
        rows = await _rows(connection, scope, labels)
        for row in rows:
            counted.add(row.legal_entity, row.currency, {Account(row.account): -row.to_date})
        late = await _late(connection, scope, labels)
        schedule = await _schedule(connection, scope, labels, currency_of)
        tied = await positions(connection, scope, labels, currency_of)
        yield ReportPage([*rows, *late, *schedule], [p for row in tied for p in proofs_of(row)])
    yield ReportPage((), await control_proofs(connection, scope, counted, ACCOUNTS))


def _values(scope: Scope, labels: Iterable[str]) -> dict[str, object]:
    return scope.values(
        contracts=list(labels),
        accounts=[each.value for each in ACCOUNTS],
        period=period_of(scope.as_of),
        year=f"{scope.as_of:%Y}-",
    )


async def _rows(
    connection: AsyncConnection, scope: Scope, labels: Mapping[str, Label]
) -> list[RevenueRow]:
    found = [
        RevenueRow(
            legal_entity=row.legal_entity,
            currency=row.currency,
            document_currency=row.document_currency,
            **labels[row.contract]._asdict(),
            account=row.account,
            account_name=NAMES[Account(row.account)],
            month=row.month,
            year=row.year,
            to_date=row.to_date,
            late_month=row.late,
            late_year=row.late_year,
            document_to_date=row.document,
        )
        for row in await connection.execute(_REVENUE, _values(scope, labels))
    ]
    return sorted(found, key=lambda row: (row.project, row.contract))


async def _late(
    connection: AsyncConnection, scope: Scope, labels: Mapping[str, Label]
) -> list[LateRow]:
    return [
        LateRow(
            legal_entity=row.legal_entity,
            currency=row.currency,
            document_currency=row.document_currency,
            **labels[row.contract]._asdict(),
            account=row.account,
            service_period=row.service_period,
            posting_period=row.period,
            amount=row.amount,
        )
        for row in await connection.execute(_LATE, _values(scope, labels))
    ]


async def _schedule(
    connection: AsyncConnection,
    scope: Scope,
    labels: Mapping[str, Label],
    currency_of: CurrencyOf,
) -> list[ScheduleRow]:
    values = {"contracts": list(labels), "as_of": scope.as_of}
    return [
        ScheduleRow(
            legal_entity=row.legal_entity,
            currency=currency_of(row.legal_entity),
            document_currency=row.document_currency,
            **labels[row.contract]._asdict(),
            line=row.line_id,
            closed_to=row.as_of,
            progress=row.to_date,
            estimate=row.estimate,
            document_revenue=row.revenue_to_date,
            document_change=row.revenue_in_period,
            document_billed=row.billed_to_date,
            document_provision=row.loss_provision,
        )
        for row in await connection.execute(_SCHEDULE, values)
        if scope.covers(row.legal_entity)
    ]
