"""Books told for a report: a contract whose past cannot be told is named, the others go on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.engine.books import Books
from canonical.errors import DomainError
from canonical.ids import ContractId
from canonical.reports.proofs import Proof
from store.books.ledger import Ledger

ZERO: Final = Decimal(0)
TOLD: Final = "the books of a contract are told again from their rows"


class Told(NamedTuple):
    """The books of contracts that share them, and the day of their last chapter."""

    contracts: tuple[str, ...]
    books: Books
    on: date | None
    """None: nothing was told yet."""


async def told(
    connection: AsyncConnection, ledger: Ledger, contract: str, day: date
) -> Told | Proof:
    """The books at the end of a day, or the broken proof that says why they cannot be told."""
    try:
        group, found = await ledger.as_of(connection, ContractId(contract), day)
    except DomainError as error:
        return Proof(
            equation=TOLD,
            legal_entity="",
            subject=contract,
            currency="",
            left=(),
            right=(),
            difference=ZERO,
            detail=f"{type(error).__name__}: {error}",
        )
    return Told(group.contracts, found.telling.books, await _day_of(connection, found.chapter))


async def _day_of(connection: AsyncConnection, chapter: int) -> date | None:
    found: date | None = await connection.scalar(
        text("SELECT CAST(told_on AS date) FROM book_chapter WHERE id = :chapter"),
        {"chapter": chapter},
    )
    return found
