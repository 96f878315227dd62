"""Parties: clients as Tryton knows them, found by their unique code."""

from __future__ import annotations

from adapters.http import Effect
from adapters.tryton.api import Tryton
from adapters.tryton.books import Books
from adapters.tryton.mapping import new_party, party_changes
from adapters.tryton.rows import Address, ContactMechanism, Identifier, Party
from canonical.client import Client
from canonical.errors import DataRejected

MODEL = "party.party"


class Parties:
    """The database refuses a second party with the same code, also when the first is archived."""

    def __init__(self, tryton: Tryton) -> None:
        self._tryton = tryton

    async def find(self, books: Books, code: str) -> Party | None:
        found = await self._tryton.search_read(
            MODEL, Party, [["code", "=", code]], await books.context(), limit=1
        )
        return found[0] if found else None

    async def ensure(self, books: Books, client: Client) -> int:
        """The party with the client's code, made or brought up to date; its id."""
        term = await books.payment_term(client.net_days)
        country = await books.country(client.address.country)
        party = await self.find(books, client.code)
        if party is None:
            created = await self._create(books, client, term, country)
            if isinstance(created, int):
                return created
            party = created
        await self._update(books, client, term, country, party)
        return party.id

    async def archive(self, books: Books, party: int) -> None:
        await self._tryton.write(MODEL, [party], {"active": False}, await books.context())

    async def _create(
        self, books: Books, client: Client, term: int, country: int | None
    ) -> int | Party:
        """The new party's id; or the party that somebody else made in the meantime."""
        values = new_party(client, term, country)
        context = await books.context()
        try:
            (party,) = await self._tryton.create(MODEL, [values], context, effect=Effect.SAFE_WRITE)
        except DataRejected:
            present = await self.find(books, client.code)
            if present is None:
                raise
            return present
        return party

    async def _update(
        self, books: Books, client: Client, term: int, country: int | None, party: Party
    ) -> None:
        context = await books.context()
        read = self._tryton.read
        addresses = await read("party.address", Address, party.addresses, context)
        identifiers = await read("party.identifier", Identifier, party.identifiers, context)
        contacts = await read(
            "party.contact_mechanism", ContactMechanism, party.contact_mechanisms, context
        )
        changes = party_changes(client, term, country, party, addresses, identifiers, contacts)
        if changes:
            await self._tryton.write(MODEL, [party.id], changes, context)
