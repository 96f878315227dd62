"""Findings about what was sold: roles with rates, and the tax code that the client gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from canonical.agreement import client_of
from canonical.contract import RATE_DECIMALS, RATE_DIGITS_MAX
from canonical.currencies import MINOR_DIGITS
from canonical.deal import Deal, DealLine
from canonical.errors import SetupInvalid
from canonical.landscape import LegalEntity
from canonical.money import round_half_up
from canonical.taxation import tax_code_for
from canonical.validation.report import Finding, finding
from canonical.validation.terms import terms_fit

RATE_LINES_MAX = 2_000
RATE_STEP = Decimal(1).scaleb(-RATE_DECIMALS)
RATE_MAX = Decimal(10) ** (RATE_DIGITS_MAX - RATE_DECIMALS) - RATE_STEP


def line_findings(deal: Deal, entity: LegalEntity) -> Iterator[Finding]:
    roles = [line for line in deal.lines if line.role]
    if not roles:
        yield finding(
            "rates_missing", "lines", "no line sells a role at a rate", "Add a line per role."
        )
    if len(deal.lines) > RATE_LINES_MAX:
        yield finding(
            "lines_too_many",
            "lines",
            f"{len(deal.lines)} lines are more than {RATE_LINES_MAX}",
            "Split the deal.",
        )
    for line in roles:
        if entity.role_named(line.role) is None:
            yield finding(
                "role_unmapped",
                f"lines.{line.reference.id}.role",
                f"role {line.role!r} is not mapped for legal entity {entity.code}",
                "Add the role to the landscape's `roles`, or correct the line.",
            )
        yield from _rate_findings(line)
    yield from _same_day_findings(deal, entity)
    yield from _tax_findings(deal, entity)


def _rate_findings(line: DealLine) -> Iterator[Finding]:
    rate = line.unit_price
    if not 0 <= rate <= RATE_MAX or rate != round_half_up(rate, RATE_STEP):
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
