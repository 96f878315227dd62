"""From a valid deal to what was agreed: the client, the contract's first version, the project's
plan."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from canonical.base import Noun
from canonical.client import Client, TaxId, TaxIdKind
from canonical.contract import (
    ContractLine,
    ContractVersion,
    ExpensesLine,
    RateRow,
    TimeAndMaterialsLine,
)
from canonical.deal import Deal, DealLine, DealPerson
from canonical.ids import client_id, contract_id, engagement_id, project_id
from canonical.landscape import LegalEntity
from canonical.project import ProjectPlan, RoleRate, TeamMember
from canonical.taxation import tax_code_for


class Agreement(Noun):
    """Everything that set-up creates, derived from the deal and nothing else."""

    client: Client
    contract: ContractVersion
    plan: ProjectPlan


def agree(deal: Deal, entity: LegalEntity) -> Agreement:
    """The agreement of a deal that passed validation."""
    client = client_of(deal)
    rates = rate_rows(deal, entity, _start(deal))
    return Agreement(
        client=client,
        contract=_contract(deal, entity, client, rates),
        plan=_plan(deal, entity, rates),
    )


def _contract(
    deal: Deal, entity: LegalEntity, client: Client, rates: tuple[RateRow, ...]
) -> ContractVersion:
    engagement = engagement_id(deal.reference)
    return ContractVersion(
        contract_id=contract_id(engagement),
        engagement_id=engagement,
        version=1,
        effective_from=_start(deal),
        legal_entity=entity.code,
        bill_to=client.id,
        currency=deal.currency,
        net_days=client.net_days,
        purchase_order=deal.purchase_order,
        grouping=entity.grouping,
        tax_mode=entity.tax_mode,
        lines=_lines(deal, tax_code_for(entity, client), rates),
    )


def _lines(deal: Deal, tax_code: str, rates: tuple[RateRow, ...]) -> tuple[ContractLine, ...]:
    """Time by its rates; expenses only where the deal says at which mark-up."""
    time = TimeAndMaterialsLine(line_id="time", tax_code=tax_code, rates=rates)
    if deal.expense_markup_percent is None:
        return (time,)
    markup = deal.expense_markup_percent
    return time, ExpensesLine(line_id="expenses", tax_code=tax_code, markup_percent=markup)


def _plan(deal: Deal, entity: LegalEntity, rates: tuple[RateRow, ...]) -> ProjectPlan:
    engagement = engagement_id(deal.reference)
    return ProjectPlan(
        id=project_id(engagement),
        engagement_id=engagement,
        deal=deal.reference,
        code=project_code(deal),
        name=deal.name,
        legal_entity=entity.code,
        currency=deal.currency,
        starts=_start(deal),
        ends=deal.service_end,
        purchase_order=deal.purchase_order,
        team=tuple(_member(person, entity) for person in deal.team),
        rates=tuple(
            RoleRate(role=row.role, rate=row.rate, effective_from=row.effective_from)
            for row in rates
        ),
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
        code=account.code or account.reference.id,
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


def rate_rows(deal: Deal, entity: LegalEntity, starts: date) -> tuple[RateRow, ...]:
    """Rate rows per role; each ends the day before the role's next one begins."""
    by_role: dict[str, list[DealLine]] = defaultdict(list)
    for line in deal.lines:
        role = entity.role_named(line.role) if line.role else None
        if role is not None:
            by_role[role].append(line)
    rows: list[RateRow] = []
    for role in sorted(by_role):
        lines = sorted(by_role[role], key=lambda line: line.effective_from or starts)
        begins = [line.effective_from or starts for line in lines]
        ends = [following - timedelta(days=1) for following in begins[1:]]
        for line, begin, end in zip(lines, begins, [*ends, None], strict=True):
            rows.append(
                RateRow(
                    row=f"rates#{len(rows) + 1}",
                    role=role,
                    rate=line.unit_price.quantize(Decimal("0.0001")),
                    effective_from=begin,
                    effective_to=end,
                )
            )
    return tuple(rows)


def project_code(deal: Deal) -> str:
    """The code that PSA and ERP share: letters of the client and the deal's own id, unique and
    stable."""
    name = deal.account.name if deal.account is not None else deal.name
    letters = re.sub(r"[^A-Z]", "", name.upper())[:4] or "PRJ"
    tail = re.sub(r"[^A-Z0-9]", "", deal.reference.id.upper())[-12:]
    return f"{letters}-{tail}"


def _start(deal: Deal) -> date:
    if deal.service_start is None:
        raise AssertionError(f"deal {deal.reference} was not validated")
    return deal.service_start
