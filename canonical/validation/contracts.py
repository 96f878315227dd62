"""Findings about the contract that a deal asks for: its lines with the terms sheet laid over.

Each part of the draft is tried by itself on a contract that is otherwise right, so that no mistake
hides another one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from canonical.agreement import client_of
from canonical.contract_draft import header_of, terms_of
from canonical.currencies import MINOR_DIGITS
from canonical.deal import Deal
from canonical.deal_lines import EXPENSES, TIME, Draft, lines_of
from canonical.errors import SetupInvalid
from canonical.landscape import Landscape, LegalEntity
from canonical.taxation import tax_code_for
from canonical.validation.billable import unbillable
from canonical.validation.refusals import judge
from canonical.validation.report import Finding, finding
from canonical.validation.terms import markup_fits, terms_fit
from canonical.validation.wording import worded

_ANY_CURRENCY = "CLF"
"""Stands in for a currency that nobody knows: with four decimals no amount is too fine for it."""
_LINES_MAX = 500

_METHOD_LINES = {
    "time_and_materials": ("rates_missing", "no line sells a role at a rate", "role"),
    "retainer": ("retainer_missing", "no line sells a retainer", "retainer"),
    "milestones": ("milestones_missing", "no line sells a milestone", "milestone"),
    "fixed_fee": ("fee_missing", "no line is an instalment of the fee", "instalment"),
}


def contract_findings(deal: Deal, entity: LegalEntity, landscape: Landscape) -> Iterator[Finding]:
    draft = terms_of(deal, entity, _tax_code(deal, entity))
    frame = _frame(deal, entity)
    lines = draft.pop("lines")
    assert isinstance(lines, list)  # as `terms_of` makes it
    if deal.currency not in MINOR_DIGITS:
        draft.pop("caps", None)  # another currency than which?
    whole: Draft = {**frame, **draft, "lines": lines}
    found = [
        *_line_findings(frame, lines, landscape),
        *_policy_findings(frame, draft, _stand_ins(lines)),
        *_role_findings(lines, entity),
        *_milestone_findings(lines),
        *(worded(each, "contract_invalid") for each in judge(whole).refusals),
    ]
    yield from _method_findings(deal, lines)
    own = lines_of(deal, entity)
    yield from _name_findings(own)
    told = _told_in_the_crms_words(deal, own)
    yield from _once(each for each in found if each.field not in told)


def _frame(deal: Deal, entity: LegalEntity) -> Draft:
    """A header that is right, whatever the deal lacks: other findings tell what that is."""
    frame = header_of(deal, entity)
    if deal.currency not in MINOR_DIGITS:
        frame["currency"] = _ANY_CURRENCY
    if not terms_fit(deal):
        frame["net_days"] = 0
    return frame


def _tax_code(deal: Deal, entity: LegalEntity) -> str:
    """Empty while other findings tell why there is no client, or no tax code for it, yet."""
    if deal.account is None or deal.currency not in MINOR_DIGITS or not terms_fit(deal):
        return ""
    try:
        return tax_code_for(entity, client_of(deal))
    except SetupInvalid:
        return ""


def _line_findings(frame: Draft, lines: list[Draft], landscape: Landscape) -> Iterator[Finding]:
    for line in lines:
        for code, variant in _variants(line):
            verdict = judge({**frame, "lines": [variant]})
            yield from (worded(refusal, code) for refusal in verdict.refusals)
        if verdict.version is not None and verdict.version.lines:
            yield from unbillable(verdict.version, landscape)


def _variants(line: Draft) -> list[tuple[str, Draft]]:
    """The line, last; and before it the line with all but one question out of the way, where its
    model asks several and stops at the first. With the code of what a whole line can have."""
    method = line.get("method")
    if method == "fixed_fee":
        return [
            ("schedule_over_price", {**line, "revenue": "on_invoice"}),
            ("term_missing", {**line, "schedule": []}),
            ("fee_invalid", line),
        ]
    codes = {"time_and_materials": "rates_overlap", "milestones": "milestone_twice"}
    return [(codes.get(str(method), "line_invalid"), line)]


def _stand_ins(lines: list[Draft]) -> list[Draft]:
    """Lines without fault under the same names: policies speak of lines."""
    names = [str(line["line_id"]) for line in lines[:_LINES_MAX]]
    return [{"method": "expenses", "line_id": name} for name in names or ["none"]]


def _policy_findings(frame: Draft, policies: Draft, lines: list[Draft]) -> Iterator[Finding]:
    for name, told in policies.items():
        body = {**frame, "lines": lines, name: told}
        if name == "caps" and isinstance(told, list):
            for cap in told:
                yield from _misfit(body, cap)
        for refusal in judge(body).refusals:
            yield worded(refusal, f"{name}_invalid", f"contract.{name}")


def _misfit(body: Draft, cap: object) -> Iterator[Finding]:
    """What is wrong between a cap and its contract, when the cap by itself is right."""
    if not isinstance(cap, Mapping):
        return
    is_foreign = cap.get("currency") not in (None, body["currency"])
    code = "cap_currency" if is_foreign else "cap_line_unknown"
    for refusal in judge({**body, "caps": [cap]}).refusals:
        if refusal.is_of_whole:
            yield worded(refusal, code, f"contract.caps.{cap.get('cap_id')}")


def _method_findings(deal: Deal, lines: list[Draft]) -> Iterator[Finding]:
    """A method that nobody knows is told elsewhere."""
    if deal.billing_method not in _METHOD_LINES:
        return
    if deal.billing_method not in [line.get("method") for line in lines]:
        code, reason, wanted = _METHOD_LINES[deal.billing_method]
        yield finding(
            code,
            "lines",
            f"the deal is sold by {deal.billing_method}, and {reason}",
            f"Add a line per {wanted}, or correct the billing method.",
        )


def _name_findings(own: list[Draft]) -> Iterator[Finding]:
    names = Counter(str(line["line_id"]) for line in own)
    for name, times in names.items():
        if times > 1:
            yield finding(
                "line_named_twice",
                f"contract.{name}",
                f"{times} contract lines would be named {name}",
                "Give each retainer an id of its own.",
            )


def _role_findings(lines: list[Draft], entity: LegalEntity) -> Iterator[Finding]:
    """The terms sheet speaks the contract's words, not the CRM's."""
    known = set(entity.roles.values())
    for line in lines:
        roles = {str(role) for row in _rows(line, "rates") if (role := row.get("role"))}
        if roles - known:
            yield finding(
                "role_unmapped",
                f"contract.{line['line_id']}.rates",
                f"contract line {line['line_id']}: {', '.join(sorted(roles - known))} is not a "
                f"role of legal entity {entity.code}",
                f"Use one of: {', '.join(sorted(known))}.",
            )


def _milestone_findings(lines: list[Draft]) -> Iterator[Finding]:
    """An acceptance names a milestone and no line."""
    lines_of_each: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        for milestone in _rows(line, "milestones"):
            lines_of_each[str(milestone.get("milestone_id"))].add(str(line["line_id"]))
    for name, holders in lines_of_each.items():
        if len(holders) > 1:
            yield finding(
                "milestone_twice",
                f"contract.milestones.{name}",
                f"milestone {name} is on the contract lines {', '.join(sorted(holders))}",
                "Give each milestone a name of its own.",
            )


def _rows(line: Draft, field: str) -> list[Mapping[str, object]]:
    rows = line.get(field)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _told_in_the_crms_words(deal: Deal, own: list[Draft]) -> set[str]:
    """Where no role line is sound, each of them has its finding: that no rate is left follows."""
    told = set()
    if any(line["line_id"] == TIME and line.get("rates") == [] for line in own):
        told.add(f"contract.{TIME}.rates")
    if not markup_fits(deal):
        told.add(f"contract.{EXPENSES}.markup_percent")
    return told


def _once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The same sentence, or the same code at the same place, is one finding: the first knows it
    best."""
    sentences: set[str] = set()
    places: set[tuple[str, str]] = set()
    for each in findings:
        place = (each.code, each.field)
        if each.message not in sentences and place not in places:
            yield each
        sentences.add(each.message)
        places.add(place)
