"""The review of a deal: what was read, why it was refused, or what was agreed."""

from __future__ import annotations

from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.agreement import Agreement
from canonical.case import Case
from canonical.client import Client
from canonical.contract import ContractVersion
from canonical.deal import Deal
from canonical.errors import RecordExists, Role
from canonical.ids import CaseId, EngagementId, case_id
from canonical.project import ProjectPlan
from canonical.validation import ValidationReport
from store import links, processes, references, trail
from store.engine import SYSTEM, constraint_of
from store.tables import client, contract_version, engagement, project

CAUSE = "DealInvalid"

_TAKEN = {
    "client_code_key": "another client has this code",
    "project_legal_entity_code_key": "another project of the legal entity has this code",
}


async def keep_reading(
    connection: AsyncConnection, engagement_id: EngagementId, deal: Deal, report: ValidationReport
) -> None:
    """The deal as last read, with its report."""
    await connection.execute(
        update(engagement)
        .where(engagement.c.id == engagement_id)
        .values(
            deal=deal.model_dump(mode="json"),
            report=report.model_dump(mode="json"),
            client_name=deal.account.name if deal.account is not None else "",
            updated_at=text("now()"),
        )
    )


async def refuse(
    connection: AsyncConnection, engagement_id: EngagementId, deal: Deal, report: ValidationReport
) -> None:
    """A case with every finding; the same deal refused again is the same case."""
    process = processes.engagement_process(engagement_id)
    remedies = dict.fromkeys(finding.remedy for finding in report.findings)
    await trail.open_case(
        connection,
        Case(
            id=_case(engagement_id),
            process=process,
            cause=CAUSE,
            subject=f"deal {deal.name or engagement_id}",
            owner=Role.PROJECT_OPERATIONS,
            message=report.text() or "the deal was refused without a finding",
            next_step=" ".join(remedies) or "Correct the deal in the CRM.",
            legal_entity=deal.legal_entity,
        ),
    )


async def keep_agreement(
    connection: AsyncConnection, engagement_id: EngagementId, agreement: Agreement
) -> None:
    """Client, contract version, project and the client's link; what is agreed stays.

    Raises RecordExists when another client or project has the code.
    """
    try:
        await _keep_client(connection, agreement.client)
        is_new = await _keep_contract(connection, agreement.contract)
        await _keep_project(connection, agreement.plan, agreement.client)
    except IntegrityError as error:
        reason = _TAKEN.get(constraint_of(error))
        if reason is None:
            raise
        codes = f"client {agreement.client.code}, project {agreement.plan.code}"
        raise RecordExists(SYSTEM, f"{codes}: {reason}; give one of them another") from error
    account = agreement.client.reference
    await links.link(connection, references.CLIENT, agreement.client.id, account)
    await trail.resolve_case(connection, _case(engagement_id), "the deal was corrected")
    if is_new:
        await _name_engagement(connection, engagement_id, agreement)


def _case(engagement_id: EngagementId) -> CaseId:
    return case_id(processes.engagement_process(engagement_id), CAUSE, engagement_id)


async def _keep_client(connection: AsyncConnection, agreed: Client) -> None:
    """The CRM owns the client: its newest word counts."""
    values = {
        "code": agreed.code,
        "name": agreed.name,
        "name_folded": agreed.name.casefold(),
        "vat_id": agreed.vat_id(),
        "body": agreed.model_dump(mode="json"),
    }
    await connection.execute(
        insert(client)
        .values(id=agreed.id, **values)
        .on_conflict_do_update(
            index_elements=[client.c.id], set_={**values, "updated_at": text("now()")}
        )
    )


async def _keep_contract(connection: AsyncConnection, version: ContractVersion) -> bool:
    inserted = await connection.execute(
        insert(contract_version)
        .values(
            contract_id=version.contract_id,
            version=version.version,
            engagement_id=version.engagement_id,
            effective_from=version.effective_from,
            body=version.model_dump(mode="json"),
        )
        .on_conflict_do_nothing(index_elements=["contract_id", "version"])
    )
    return inserted.rowcount == 1


async def _keep_project(connection: AsyncConnection, plan: ProjectPlan, agreed: Client) -> None:
    await connection.execute(
        insert(project)
        .values(
            id=plan.id,
            engagement_id=plan.engagement_id,
            client_id=agreed.id,
            legal_entity=plan.legal_entity,
            code=plan.code,
            body=plan.model_dump(mode="json"),
        )
        .on_conflict_do_nothing(index_elements=[project.c.id])
    )


async def _name_engagement(
    connection: AsyncConnection, engagement_id: EngagementId, agreement: Agreement
) -> None:
    await connection.execute(
        update(engagement)
        .where(engagement.c.id == engagement_id)
        .values(
            legal_entity=agreement.plan.legal_entity,
            project_code=agreement.plan.code,
            client_name=agreement.client.name,
        )
    )
    await trail.note(
        connection,
        processes.engagement_process(engagement_id),
        "agreement.saved",
        legal_entity=agreement.plan.legal_entity,
        contract=agreement.contract.contract_id,
        version=str(agreement.contract.version),
        project=agreement.plan.code,
    )
