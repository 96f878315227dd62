"""Validation of a closed deal before anything is created anywhere: one report with every
finding."""

from __future__ import annotations

from canonical.deal import Deal
from canonical.deal_lines import RATE_MAX, RATE_STEP
from canonical.errors import SetupInvalid
from canonical.landscape import Landscape, LegalEntity
from canonical.validation.accounts import account_findings, duplicate_findings
from canonical.validation.contracts import contract_findings
from canonical.validation.lines import LINES_MAX, line_findings
from canonical.validation.report import Finding, KnownClient, ValidationReport, finding
from canonical.validation.sheet import sheet_findings
from canonical.validation.terms import BILLING_METHODS, deal_findings

__all__ = [
    "BILLING_METHODS",
    "LINES_MAX",
    "RATE_MAX",
    "RATE_STEP",
    "Finding",
    "KnownClient",
    "ValidationReport",
    "validate_deal",
]


def validate_deal(
    deal: Deal, landscape: Landscape, known_clients: tuple[KnownClient, ...]
) -> ValidationReport:
    """All findings of a deal. `known_clients` are those that share VAT id, code or name."""
    findings = list(deal_findings(deal))
    entity, entity_findings = _entity_of(deal, landscape)
    findings += entity_findings
    if deal.account is not None:
        findings += account_findings(deal.account)
        findings += duplicate_findings(deal.account, known_clients)
    findings += sheet_findings(deal, entity)
    if entity is not None:
        findings += line_findings(deal, entity)
    if entity is not None and len(deal.lines) <= LINES_MAX:
        findings += contract_findings(deal, entity, landscape)
    return ValidationReport(findings=tuple(findings))


def _entity_of(deal: Deal, landscape: Landscape) -> tuple[LegalEntity | None, list[Finding]]:
    try:
        return landscape.entity(deal.legal_entity), []
    except SetupInvalid as error:
        unknown = finding(
            "legal_entity_unknown",
            "legal_entity",
            str(error),
            "Enter the code of the legal entity that bills.",
        )
        return None, [unknown]
