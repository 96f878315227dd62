"""Control accounts and the trial balance: what the rows of a report are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.ledger.accounts import Account
from canonical.reports.proofs import Proof, prove
from store.reports.scope import IN_SCOPE, Scope

ZERO: Final = Decimal(0)
JOURNALS_NAMED_MAX: Final = 20

BALANCE: Final = "debits = credits of all journals"

_CONTROL: Final = text(
    f"""
    SELECT j.legal_entity, l.account, l.currency, sum(l.amount) AS amount
    FROM journal_line l JOIN journal_entry j ON j.id = l.journal_id
    WHERE l.account = ANY(CAST(:accounts AS text[])) AND {IN_SCOPE}
    GROUP BY 1, 2, 3
    """
)
_BALANCE: Final = text(
    f"""
    SELECT j.legal_entity, l.currency,
           coalesce(sum(l.amount) FILTER (WHERE l.amount > 0), 0) AS debits,
           coalesce(-sum(l.amount) FILTER (WHERE l.amount < 0), 0) AS credits
    FROM journal_line l JOIN journal_entry j ON j.id = l.journal_id
    WHERE {IN_SCOPE}
    GROUP BY 1, 2 ORDER BY 1, 2
    """
)
_UNBALANCED: Final = text(
    f"""
    SELECT j.id FROM journal_line l JOIN journal_entry j ON j.id = l.journal_id
    WHERE {IN_SCOPE} AND j.legal_entity = :of AND l.currency = :currency
    GROUP BY j.id HAVING sum(l.amount) <> 0 OR sum(l.document_amount) <> 0
    ORDER BY j.id LIMIT :limit
    """
)
_CURRENCIES: Final = text(
    f"SELECT DISTINCT j.currency FROM journal_entry j WHERE {IN_SCOPE} ORDER BY 1"
)

Sums = dict[tuple[str, str, Account], Decimal]
"""By legal entity, functional currency and account; debits are more than zero."""


class Counted:
    """What the rows of a report say of accounts, to be held against the ledger."""

    def __init__(self) -> None:
        self.sums: Sums = {}

    def add(self, legal_entity: str, currency: str, amounts: Mapping[Account, Decimal]) -> None:
        """Debits are more than zero."""
        for account, amount in amounts.items():
            key = (legal_entity, currency, account)
            self.sums[key] = self.sums.get(key, ZERO) + amount


async def control_proofs(
    connection: AsyncConnection, scope: Scope, counted: Counted, accounts: Sequence[Account]
) -> list[Proof]:
    """The rows add up to each control account; and the journals balance."""
    ledger = await _control(connection, scope, accounts)
    proofs = [
        prove(
            f"rows of this report = account {account.value}",
            entity,
            currency,
            {"rows": counted.sums.get((entity, currency, account), ZERO)},
            {f"account {account.value}": ledger.get((entity, currency, account), ZERO)},
        )
        for entity, currency, account in sorted({*counted.sums, *ledger})
    ]
    return [*proofs, *await _balances(connection, scope)]


async def _control(connection: AsyncConnection, scope: Scope, accounts: Iterable[Account]) -> Sums:
    values = scope.values(accounts=[each.value for each in accounts])
    return {
        (row.legal_entity, row.currency, Account(row.account)): row.amount
        for row in await connection.execute(_CONTROL, values)
    }


async def _balances(connection: AsyncConnection, scope: Scope) -> list[Proof]:
    found = (await connection.execute(_BALANCE, scope.values())).all()
    return [
        prove(
            BALANCE,
            row.legal_entity,
            row.currency,
            {"debits": row.debits},
            {"credits": row.credits},
            detail=await _unbalanced(connection, scope, row.legal_entity, row.currency)
            if row.debits != row.credits
            else "",
        )
        for row in found
    ]


async def _unbalanced(
    connection: AsyncConnection, scope: Scope, legal_entity: str, currency: str
) -> str:
    values = scope.values(of=legal_entity, currency=currency, limit=JOURNALS_NAMED_MAX)
    ids = list(await connection.scalars(_UNBALANCED, values))
    return f"look at journal_entry {', '.join(str(each) for each in ids)}"


async def functional_currencies(connection: AsyncConnection, scope: Scope) -> list[str]:
    """Of all journals in scope: what a group currency needs rates for."""
    return list(await connection.scalars(_CURRENCIES, scope.values()))
