"""Contracts that are sold, set up and active, put straight into their tables."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.client import Address, Client
from canonical.contract import ContractVersion
from canonical.ids import ClientId, ExternalRef, derive, project_id
from store.engine import transaction
from store.tables import client, contract_version, engagement, identity_link, project
from tests import builders as make

CODE_CHARACTERS = 12


async def set_up(
    engine: AsyncEngine, *versions: ContractVersion, project_ref: ExternalRef = make.PSA_PROJECT
) -> None:
    """The active engagement of one contract, its project linked in the PSA, and its clients."""
    first = versions[0]
    payers = [payer.customer for version in versions for payer in version.payers]
    async with transaction(engine) as connection:
        await _keep_clients(connection, [*(each.bill_to for each in versions), *payers])
        await connection.execute(insert(engagement).values(**_engagement(first)))
        await connection.execute(insert(contract_version), [_version(each) for each in versions])
        plan = project_id(first.engagement_id)
        await connection.execute(
            insert(project).values(
                id=plan,
                engagement_id=first.engagement_id,
                client_id=first.bill_to,
                legal_entity=first.legal_entity,
                code=code_of(first),
                body={},
            )
        )
        await connection.execute(
            insert(identity_link).values(
                system=project_ref.system,
                kind=project_ref.kind,
                external_id=project_ref.id,
                noun="project",
                noun_id=plan,
            )
        )


async def add_version(engine: AsyncEngine, version: ContractVersion) -> None:
    async with transaction(engine) as connection:
        await connection.execute(insert(contract_version), [_version(version)])


def code_of(version: ContractVersion) -> str:
    return f"P-{version.contract_id[:CODE_CHARACTERS]}"


def _engagement(version: ContractVersion) -> dict[str, object]:
    return {
        "id": version.engagement_id,
        "deal_system": make.CRM,
        "deal_kind": "Opportunity",
        "deal_id": version.engagement_id,
        "stage": "active",
        "legal_entity": version.legal_entity,
        "project_code": code_of(version),
        "client_name": "Client",
    }


def _version(version: ContractVersion) -> dict[str, object]:
    return {
        "contract_id": version.contract_id,
        "version": version.version,
        "engagement_id": version.engagement_id,
        "effective_from": version.effective_from,
        "body": version.model_dump(mode="json"),
    }


async def _keep_clients(connection: AsyncConnection, customers: Sequence[ClientId]) -> None:
    rows = [
        {
            "id": customer,
            "code": customer,
            "name": "Client",
            "name_folded": "client",
            "body": _client(customer).model_dump(mode="json"),
        }
        for customer in sorted(set(customers))
    ]
    await connection.execute(upsert(client).on_conflict_do_nothing(), rows)


def _client(customer: ClientId) -> Client:
    return Client(
        id=customer,
        reference=ExternalRef(system=make.CRM, kind="Account", id=customer),
        code=customer,
        name="Client",
        legal_name="Client",
        address=Address(city="Chemnitz", country="DE"),
        currency="EUR",
        net_days=30,
        invoice_email="invoices@client.example",
    )


def another_contract(number: int, **changes: object) -> ContractVersion:
    """Another contract of the same client, on the same terms unless they are changed."""
    values = {
        "contract_id": derive("contract", f"another-{number}"),
        "engagement_id": f"{make.CRM}/another-{number}",
    }
    return make.make_agreement().contract.model_copy(update={**values, **changes})


def project_of(number: int) -> ExternalRef:
    """The project of another contract in the PSA."""
    return ExternalRef(system=make.PSA, kind="workspace", id=f"another-{number}")
