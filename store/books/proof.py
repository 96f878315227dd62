"""The proof: what is told anew from the rows must be what was kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.engine.books import Books
from canonical.errors import LedgerDrift
from store.books.groups import Group
from store.books.keeping import contract_of
from store.tables import book_state


def states_of(books: Books) -> dict[str, tuple[str, int, int]]:
    """Per contract: a digest of all its journals and transactions, and their numbers."""
    journals: dict[str, list[str]] = {name: [] for name in books.contracts}
    transactions: dict[str, list[str]] = {name: [] for name in books.contracts}
    usual = next(iter(books.contracts))
    for journal in books.journals:
        sides = " ".join(
            f"{line.account} {line.amount:f} {line.document_amount:f}" for line in journal.lines
        )
        told = f"{journal.on} {journal.entity} {sides}"
        journals[contract_of(journal, usual)].append(told)
    for row in books.transactions.values():
        transactions[row.contract].append(f"{row.id} {row.quantity:f} {row.net:f}")
    return {
        name: (
            digest([*journals[name], *sorted(transactions[name])]),
            len(journals[name]),
            len(transactions[name]),
        )
        for name in books.contracts
    }


def digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


async def prove(connection: AsyncConnection, group: Group, books: Books) -> None:
    """Raises LedgerDrift when what was told is not what was kept."""
    found = await connection.execute(
        select(book_state).where(book_state.c.contract_id.in_(group.contracts))
    )
    kept = {row.contract_id: (row.digest, row.journals, row.transactions) for row in found}
    for contract, state in states_of(books).items():
        if contract in kept and kept[contract] != state:
            raise LedgerDrift(
                contract,
                f"{kept[contract][1]} journals and {kept[contract][2]} transactions were kept, "
                f"{state[1]} and {state[2]} come out now",
            )
