"""What a workflow asks about a deal: read it, judge it, and compare it with what was set up."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from pydantic import Field
from temporalio import activity

from canonical.agreement import agree
from canonical.base import Noun
from canonical.case import Case
from canonical.contract import ContractVersion
from canonical.deal import Deal
from canonical.errors import Role
from canonical.ids import EngagementId, case_id
from canonical.landscape import Landscape, LegalEntity, SystemRole
from canonical.ports import Crm
from canonical.records import BillingRecords, CaseRecords, EngagementRecords
from canonical.validation import ValidationReport, validate_deal

FINDINGS_SHOWN_MAX = 30


class Systems(Noun):
    """The instances that serve an engagement's legal entity."""

    crm: str
    psa: str
    time: str
    erp: str
    expenses: str = ""
    expenses_are_pushed: bool = False


class DealReview(Noun):
    """What the workflow needs of a reviewed deal; the deal itself is in the store."""

    passed: bool
    findings: tuple[str, ...] = ()
    """Each with its remedy; the full report is in the store."""
    name: str = ""
    client_name: str = ""
    project_code: str = ""
    legal_entity: str = ""
    systems: Systems | None = None


class ReviewDeal(Noun):
    engagement_id: EngagementId


class DealChange(Noun):
    """Whether a won deal still says what was set up."""

    changed: bool
    differences: tuple[str, ...] = Field(default=(), max_length=FINDINGS_SHOWN_MAX)


class DealActivities:
    """Runs on the CRM's task queue."""

    def __init__(
        self,
        crm: Crm,
        records: EngagementRecords,
        contracts: BillingRecords,
        cases: CaseRecords,
        landscape: Landscape,
    ) -> None:
        self._crm, self._records, self._contracts = crm, records, contracts
        self._cases, self._landscape = cases, landscape

    @activity.defn
    async def review_deal(self, request: ReviewDeal) -> DealReview:
        """Read the deal, validate it whole, and keep deal, report and (if valid) the agreement."""
        engagement = await self._records.engagement(request.engagement_id)
        deal = await self._crm.read_deal(engagement.deal)
        known = () if deal.account is None else await self._records.known_clients(deal.account)
        report = validate_deal(deal, self._landscape, known)
        if not report.passed:
            await self._records.record_review(engagement.id, deal, report, None)
            return _refused(deal, report)
        entity = self._landscape.entity(deal.legal_entity)
        agreement = agree(deal, entity)
        await self._records.record_review(engagement.id, deal, report, agreement)
        return DealReview(
            passed=True,
            name=deal.name,
            client_name=agreement.client.name,
            project_code=agreement.plan.code,
            legal_entity=entity.code,
            systems=_systems(entity, self._landscape),
        )

    @activity.defn
    async def compare_deal(self, request: ReviewDeal) -> DealChange:
        """Compare a deal that was heard of again with what was set up; a difference opens a case.

        What was agreed is not changed by it: that takes an amendment.
        """
        engagement = await self._records.engagement(request.engagement_id)
        deal = await self._crm.read_deal(engagement.deal)
        differences = await self._differences(request.engagement_id, deal)
        if differences:
            await self._cases.open_case(_deal_changed(request.engagement_id, differences))
        return DealChange(changed=bool(differences), differences=differences)

    async def _differences(self, engagement: EngagementId, deal: Deal) -> tuple[str, ...]:
        report = validate_deal(deal, self._landscape, ())
        if not report.passed:
            return tuple(_findings(report))
        plan, client = await self._records.plan(engagement)
        agreed = (await self._contracts.contract_versions(engagement))[0]
        now = agree(deal, self._landscape.entity(deal.legal_entity))
        pairs = [
            ("client", client.model_dump(mode="json"), now.client.model_dump(mode="json")),
            ("project", plan.model_dump(mode="json"), now.plan.model_dump(mode="json")),
            ("contract", _terms(agreed), _terms(now.contract)),
        ]
        return tuple(
            f"{noun}.{field}: set up as {_said(before, field)}, the deal now says "
            f"{_said(after, field)}"[:500]
            for noun, before, after in pairs
            for field in dict.fromkeys([*before, *after])
            if before.get(field) != after.get(field)
        )[:FINDINGS_SHOWN_MAX]


def _refused(deal: Deal, report: ValidationReport) -> DealReview:
    client_name = deal.account.name if deal.account is not None else ""
    return DealReview(
        passed=False, findings=tuple(_findings(report)), name=deal.name, client_name=client_name
    )


def _findings(report: ValidationReport) -> list[str]:
    shown = report.findings[:FINDINGS_SHOWN_MAX]
    return [f"{each.field}: {each.message}. {each.remedy}"[:500] for each in shown]


def _said(terms: Mapping[str, object], field: str) -> str:
    value = terms.get(field)
    return f"{value:f}" if isinstance(value, Decimal) else repr(value)


_NOT_TERMS = {"contract_id", "engagement_id", "version", "lines"}


def _terms(version: ContractVersion) -> dict[str, object]:
    """What the deal agreed to, by policy and by contract line; equal numbers are equal however they
    are written."""
    policies: dict[str, object] = version.model_dump(exclude=_NOT_TERMS)
    lines = {
        f"lines.{line.line_id}.{field}": value
        for line in version.lines
        for field, value in line.model_dump(exclude={"line_id"}).items()
    }
    return policies | lines


def _systems(entity: LegalEntity, landscape: Landscape) -> Systems:
    expenses = entity.systems.get(SystemRole.EXPENSES, "")
    return Systems(
        crm=entity.system(SystemRole.CRM),
        psa=entity.system(SystemRole.PSA),
        time=entity.system(SystemRole.TIME),
        erp=entity.system(SystemRole.ERP),
        expenses=expenses,
        expenses_are_pushed=bool(expenses) and landscape.system(expenses).adapter == "push",
    )


def _deal_changed(engagement: EngagementId, differences: tuple[str, ...]) -> Case:
    process = f"engagement/{engagement}"
    return Case(
        id=case_id(process, "DealChanged", "|".join(differences)),
        process=process,
        cause="DealChanged",
        subject=f"deal {engagement}",
        owner=Role.PROJECT_OPERATIONS,
        message="; ".join(differences)[:2_000],
        next_step="Amend the contract, or restore the deal to what was set up.",
    )
