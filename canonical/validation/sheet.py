"""Findings about the terms sheet itself: readable, well formed, and silent on what is not its."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from canonical.contract_draft import OWNED, client_code
from canonical.deal import Deal, DealAccount
from canonical.landscape import LegalEntity
from canonical.overlay import line_changes
from canonical.validation.report import Finding, finding


def sheet_findings(deal: Deal, entity: LegalEntity | None) -> Iterator[Finding]:
    unreadable = deal.terms_unreadable
    if unreadable is not None:
        where = f", line {unreadable.line}," if unreadable.line else ""
        yield finding(
            "terms_unreadable",
            "terms",
            f"the terms sheet{where} cannot be read: {unreadable.reason}",
            unreadable.remedy,
        )
    for name, whose in OWNED.items():
        if name in deal.terms:
            yield finding(
                "terms_field_owned",
                f"terms.{name}",
                f"a terms sheet cannot say `{name}`: {whose}",
                "Remove it from the terms sheet.",
            )
    yield from _line_findings(deal)
    if deal.account is not None:
        yield from _payer_findings(deal, deal.account, entity)


def _line_findings(deal: Deal) -> Iterator[Finding]:
    changes, problems = line_changes(deal.terms.get("lines", []))
    for problem in problems:
        yield finding(
            "terms_lines_unclear",
            "terms.lines",
            problem,
            "Begin each entry with `- line_id:`, and the line's id.",
        )
    told = Counter(str(change["line_id"]) for change in changes)
    for line_id, times in told.items():
        if times > 1:
            yield finding(
                "line_named_twice",
                f"terms.lines.{line_id}",
                f"the terms sheet speaks {times} times of contract line {line_id}",
                "Say all of a line in one place.",
            )


def _payer_findings(
    deal: Deal, account: DealAccount, entity: LegalEntity | None
) -> Iterator[Finding]:
    """The only client that a deal sets up is its own account."""
    payers = deal.terms.get("payers")
    code = client_code(account)
    for payer in payers if isinstance(payers, list) else []:
        customer, tax_code = _text(payer, "customer"), _text(payer, "tax_code")
        if customer and customer != code:
            yield finding(
                "payer_unknown",
                f"terms.payers.{customer}",
                f"payer {customer} is not set up as a client",
                f"Name the deal's own account, {code}; other payers cannot be billed yet.",
            )
        if tax_code and entity and tax_code not in {tax.code for tax in entity.taxes}:
            yield finding(
                "tax_unmapped",
                f"terms.payers.{customer}.tax_code",
                f"tax code {tax_code} is not mapped for legal entity {entity.code}",
                "Correct the tax code, or add it to the entity's taxes.",
            )


def _text(row: object, field: str) -> str:
    """The field where it is a text; what else it may be is refused by the contract's models."""
    value = row.get(field) if isinstance(row, Mapping) else None
    return value if isinstance(value, str) else ""
