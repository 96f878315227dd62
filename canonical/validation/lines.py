"""Findings about what was sold, in the CRM's own lines: kinds, roles with rates, the tax code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from canonical.agreement import client_of
from canonical.currencies import MINOR_DIGITS
from canonical.deal import Deal, DealLine, LineKind
from canonical.deal_lines import RATE_MAX, RATE_STEP, rate_fits
from canonical.errors import SetupInvalid
from canonical.landscape import LegalEntity
from canonical.taxation import tax_code_for
from canonical.validation.report import Finding, finding
from canonical.validation.terms import terms_fit

LINES_MAX = 2_000


def line_findings(deal: Deal, entity: LegalEntity) -> Iterator[Finding]:
    if len(deal.lines) > LINES_MAX:
        yield finding(
            "lines_too_many",
            "lines",
            f"{len(deal.lines)} lines are more than {LINES_MAX}",
            "Split the deal.",
        )
    for line in deal.lines[:LINES_MAX]:
        yield from _kind_findings(line)
        if line.role:
            yield from _role_findings(line, entity)
    yield from _same_day_findings(deal, entity)
    yield from _tax_findings(deal, entity)


def _kind_findings(line: DealLine) -> Iterator[Finding]:
    """A line with a price that nothing bills would be lost money."""
    if line.unit_price and line.kind not in set(LineKind):
        yield finding(
            "line_kind_unknown",
            f"lines.{line.reference.id}.kind",
            f"{line.kind or 'nothing'} is not a kind of line that is billed",
            "Correct the product's family, or name it in the CRM adapter's settings.",
        )
    if line.kind == LineKind.ROLE and not line.role:
        yield finding(
            "role_missing",
            f"lines.{line.reference.id}.role",
            "the line sells hours of no role",
            "Name the role.",
        )


def _role_findings(line: DealLine, entity: LegalEntity) -> Iterator[Finding]:
    if entity.role_named(line.role) is None:
        yield finding(
            "role_unmapped",
            f"lines.{line.reference.id}.role",
            f"role {line.role!r} is not mapped for legal entity {entity.code}",
            "Add the role to the landscape's `roles`, or correct the line.",
        )
    rate = line.unit_price
    if not rate_fits(rate):
        yield finding(
            "rate_negative" if rate < 0 else "rate_out_of_range",
            f"lines.{line.reference.id}.unit_price",
            f"the rate {rate} is negative, above {RATE_MAX} or finer than {RATE_STEP}",
            "Enter the rate per hour with at most four decimals.",
        )


def _same_day_findings(deal: Deal, entity: LegalEntity) -> Iterator[Finding]:
    starts = Counter(
        (entity.role_named(line.role), line.effective_from or deal.service_start)
        for line in deal.lines
        if line.role
    )
    for (role, day), count in starts.items():
        if count > 1 and role is not None:
            yield finding(
                "rates_overlap",
                "lines",
                f"role {role!r} has {count} rates from {day or 'the start'}",
                "Give each rate of a role its own start date.",
            )


def _tax_findings(deal: Deal, entity: LegalEntity) -> Iterator[Finding]:
    """Other findings tell why there is no client yet; then there is no tax code to look for."""
    if deal.account is None or deal.currency not in MINOR_DIGITS or not terms_fit(deal):
        return
    try:
        tax_code_for(entity, client_of(deal))
    except SetupInvalid as error:
        yield finding(
            "tax_unmapped", "account.address.country", str(error), "Complete the tax policy."
        )
