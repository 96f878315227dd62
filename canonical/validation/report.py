"""What a validation says: findings with their remedies, all of them in one report."""

from __future__ import annotations

from typing import NamedTuple

from canonical.base import Noun
from canonical.ids import ExternalRef


class Finding(Noun):
    """One thing that is wrong with the deal: where, what, and what somebody can do about it."""

    code: str
    field: str
    message: str
    remedy: str


class KnownClient(NamedTuple):
    """A client that we have already, for the duplicate check."""

    reference: ExternalRef
    code: str
    name: str
    vat_id: str


class ValidationReport(Noun):
    """Every finding, not the first. No finding: the deal can be set up."""

    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.findings

    def text(self) -> str:
        return "; ".join(f"{finding.field}: {finding.message}" for finding in self.findings)


def finding(code: str, field: str, message: str, remedy: str) -> Finding:
    return Finding(code=code, field=field, message=message, remedy=remedy)
