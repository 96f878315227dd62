"""Groups: contracts whose limits are shared keep their books together."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.contract import ContractVersion
from canonical.errors import RecordMissing
from canonical.ids import ContractId, EngagementId
from store.declarations import SHARE_BOOKS, books_of
from store.engine import SYSTEM

_SHARED = """
    v.body @? '$.caps[*] ? (@.scope == "customer" || @.scope == "purchase_order")'
"""

# A contract and, where it has a limit of its customer's, all others of the customer that have one.
_GROUP = f"""
SELECT DISTINCT v.contract_id::text FROM contract_version v
WHERE v.contract_id = CAST(:contract AS uuid)
   OR ({_SHARED}
       AND v.body ->> 'bill_to' IN (
           SELECT o.body ->> 'bill_to' FROM contract_version o
           WHERE o.contract_id = CAST(:contract AS uuid) AND {_SHARED.replace("v.", "o.")}))
ORDER BY 1
"""

_LOCK = """
SELECT count(*) FROM (
    SELECT 1 FROM engagement WHERE id IN (
        SELECT engagement_id FROM contract_version
        WHERE contract_id = ANY(CAST(:contracts AS uuid[])))
    ORDER BY id FOR NO KEY UPDATE
) locked
"""

_VERSIONS = """
SELECT body FROM contract_version WHERE contract_id = ANY(CAST(:contracts AS uuid[]))
ORDER BY contract_id, version
"""


class Group(NamedTuple):
    """The contracts that a decision on one of them may touch."""

    contract: ContractId
    versions: tuple[ContractVersion, ...]

    @property
    def contracts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(version.contract_id for version in self.versions))

    @property
    def own(self) -> tuple[ContractVersion, ...]:
        return tuple(each for each in self.versions if each.contract_id == self.contract)

    @property
    def newest(self) -> ContractVersion:
        return max(self.own, key=lambda version: version.version)


async def contract_of(connection: AsyncConnection, engagement: EngagementId) -> ContractId:
    """Raises RecordMissing for an engagement without an agreement."""
    found = await connection.scalar(
        text("SELECT contract_id::text FROM contract_version WHERE engagement_id = :id LIMIT 1"),
        {"id": engagement},
    )
    if found is None:
        raise RecordMissing(
            SYSTEM, f"engagement {engagement} has no contract; check the id, or agree on its deal"
        )
    return ContractId(found)


async def lock_group(connection: AsyncConnection, contract: ContractId) -> Group:
    """The group of a contract, for this transaction alone: its limits are allocated by one decision
    at a time, and no period is closed meanwhile."""
    members = await _members(connection, contract)
    while True:
        await connection.execute(text(_LOCK), {"contracts": members})
        again = await _members(connection, contract)
        if again == members:
            break
        members = again
    group = await _read(connection, contract, members)
    await share_books(connection, _entities(group.versions))
    return group


async def share_books(connection: AsyncConnection, entities: AbstractSet[str]) -> None:
    """Post in the books of legal entities: their periods stay open, or locked, until this
    transaction ends."""
    for entity in sorted(entities):
        await connection.execute(text(SHARE_BOOKS), {"lock": books_of(entity)})


async def read_group(connection: AsyncConnection, contract: ContractId) -> Group:
    """The same for reading: nothing is locked."""
    return await _read(connection, contract, await _members(connection, contract))


async def _members(connection: AsyncConnection, contract: ContractId) -> list[str]:
    found = await connection.scalars(text(_GROUP), {"contract": contract})
    return list(found)


async def _read(connection: AsyncConnection, contract: ContractId, members: Sequence[str]) -> Group:
    bodies = await connection.scalars(text(_VERSIONS), {"contracts": list(members)})
    return Group(contract, tuple(ContractVersion.model_validate(body) for body in bodies))


def _entities(versions: Sequence[ContractVersion]) -> set[str]:
    billing = {line.legal_entity for version in versions for line in version.lines}
    return (billing | {version.legal_entity for version in versions}) - {""}
