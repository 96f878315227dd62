"""Milestones bill on acceptance, with their evidence; the customer may keep a retention."""

from __future__ import annotations

from decimal import Decimal

from canonical.errors import RuleViolation
from canonical.rules.pricing import Evidence, Fee, LineFacts
from canonical.terms.lines import Milestone, MilestonesLine

METHOD = "milestones"


def fees(line: MilestonesLine, facts: LineFacts) -> list[Fee]:
    """One fee per accepted milestone, due on the day of its acceptance."""
    found = []
    for milestone in line.milestones:
        evidence = facts.acceptances.get(milestone.milestone_id)
        if evidence is not None and evidence.accepted_on <= facts.through:
            found.append(_fee(milestone, evidence))
    return found


def _fee(milestone: Milestone, evidence: Evidence) -> Fee:
    return Fee(
        key=milestone.milestone_id,
        due_on=evidence.accepted_on,
        amount=milestone.amount,
        description=milestone.name or f"milestone {milestone.milestone_id}",
    )


def retention_percent(line: MilestonesLine, milestone_id: str) -> Decimal:
    """The percentage that the customer keeps of a milestone: its own, or the line's."""
    own = {each.milestone_id: each.retention_percent for each in line.milestones}[milestone_id]
    return line.retention_percent if own is None else own


def check_evidence(line: MilestonesLine, evidence: Evidence) -> None:
    """Raises RuleViolation unless the milestone exists and its acceptance can be proven."""
    if evidence.milestone not in {milestone.milestone_id for milestone in line.milestones}:
        raise RuleViolation(f"contract line {line.line_id} has no milestone {evidence.milestone!r}")
    if not evidence.accepted_by or not evidence.document_hash:
        raise RuleViolation(
            f"contract line {line.line_id}: milestone {evidence.milestone} has no evidence of its "
            "acceptance; name who accepted it and the document's hash"
        )
