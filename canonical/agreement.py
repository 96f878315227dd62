"""From a valid deal to what was agreed: the client, the contract's first version, the project's
plan."""

from __future__ import annotations

import re

from canonical.base import Noun
from canonical.client import Client, TaxId, TaxIdKind
from canonical.contract import ContractVersion, TimeAndMaterialsLine
from canonical.contract_draft import client_code, draft_of
from canonical.deal import Deal, DealPerson
from canonical.ids import client_id, project_id
from canonical.landscape import LegalEntity
from canonical.project import ProjectPlan, RoleRate, TeamMember
from canonical.taxation import tax_code_for
from canonical.terms.policies import RateLevel


class Agreement(Noun):
    """Everything that set-up creates, derived from the deal and nothing else."""

    client: Client
    contract: ContractVersion
    plan: ProjectPlan


def agree(deal: Deal, entity: LegalEntity) -> Agreement:
    """The agreement of a deal that passed validation."""
    client = client_of(deal)
    if deal.service_start is None:
        raise AssertionError(f"deal {deal.reference} was not validated")
    contract = ContractVersion.model_validate(draft_of(deal, entity, tax_code_for(entity, client)))
    return Agreement(client=client, contract=contract, plan=_plan(deal, entity, contract))


def _plan(deal: Deal, entity: LegalEntity, contract: ContractVersion) -> ProjectPlan:
    return ProjectPlan(
        id=project_id(contract.engagement_id),
        engagement_id=contract.engagement_id,
        deal=deal.reference,
        code=project_code(deal),
        name=deal.name,
        legal_entity=entity.code,
        currency=contract.currency,
        starts=contract.effective_from,
        ends=deal.service_end,
        purchase_order=contract.purchase_order,
        team=tuple(_member(person, entity) for person in deal.team),
        rates=_shown_rates(contract),
    )


def _shown_rates(contract: ContractVersion) -> tuple[RoleRate, ...]:
    """What the PSA shows of time and materials: of each role the rows of its strongest level.
    Rates of single persons stay in the contract."""
    line = contract.line_of("time_and_materials")
    if not isinstance(line, TimeAndMaterialsLine):
        return ()
    rows = [row for row in line.rates if row.role and not row.person]
    levels = list(RateLevel)
    strongest: dict[str, int] = {}
    for row in rows:
        level = levels.index(row.level)
        strongest[row.role] = min(strongest.get(row.role, level), level)
    return tuple(
        RoleRate(role=row.role, rate=row.rate, effective_from=row.effective_from)
        for row in rows
        if levels.index(row.level) == strongest[row.role]
    )


def _member(person: DealPerson, entity: LegalEntity) -> TeamMember:
    role = entity.role_named(person.role) or person.role
    return TeamMember(name=person.name, email=person.email, role=role)


def client_of(deal: Deal) -> Client:
    """The bill-to client of a deal that has an account, a currency and payment terms."""
    account = deal.account
    if account is None or deal.net_days is None:
        raise AssertionError(f"deal {deal.reference} was not validated")
    vat_id = compact_vat_id(account.vat_id)
    return Client(
        id=client_id(account.reference),
        reference=account.reference,
        code=client_code(account),
        name=account.name,
        legal_name=account.legal_name or account.name,
        parent=account.parent,
        parent_name=account.parent_name,
        address=account.address,
        tax_ids=(TaxId(kind=TaxIdKind.EU_VAT, value=vat_id),) if vat_id else (),
        currency=deal.currency,
        net_days=deal.net_days,
        invoice_email=account.invoice_email,
    )


def compact_vat_id(text: str) -> str:
    """`DE 136.695-976` as `DE136695976`."""
    return re.sub(r"[\s.-]", "", text).upper()


def project_code(deal: Deal) -> str:
    """The code that PSA and ERP share: letters of the client and the deal's own id, unique and
    stable."""
    name = deal.account.name if deal.account is not None else deal.name
    letters = re.sub(r"[^A-Z]", "", name.upper())[:4] or "PRJ"
    tail = re.sub(r"[^A-Z0-9]", "", deal.reference.id.upper())[-12:]
    return f"{letters}-{tail}"
