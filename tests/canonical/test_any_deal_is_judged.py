"""Whatever a CRM tells, validation answers: with findings, or the deal can be agreed and billed."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from canonical.agreement import Agreement, agree
from canonical.contract import ContractVersion, RateRow
from canonical.deal import Deal, DealLine, LineKind, RetainerTerms
from canonical.engine.contracts import check_version
from canonical.ids import ExternalRef
from canonical.ledger.entity import entity_terms
from canonical.terms.lines import FixedFeeLine, MilestonesLine, RetainerLine
from canonical.terms.policies import Cap, Multipliers, Payer
from tests.canonical.deals import (
    fee_line,
    findings_of,
    make_account,
    make_deal,
    make_entity,
    make_landscape,
    milestone_line,
    retainer_line,
    role_line,
    sold_by,
)

METHODS = ["time_and_materials", "retainer", "milestones", "fixed_fee"]
FIELDS = sorted(
    {
        field
        for model in (
            *(ContractVersion, RateRow, RetainerLine, MilestonesLine, FixedFeeLine),
            *(Cap, Multipliers, Payer),
        )
        for field in model.model_fields
    }
    | {"remove", "nonsense"}
)
WORDS = [
    *("time", "fee", "retainer", "milestones", "expenses", *METHODS, "EUR", "USD", "K-10042"),
    *("0", "0.5", "1", "-1", "100", "1e999999", "NaN", "2026-03-01", "0001-01-01", "9999-12-31"),
    *("Consultant", "month", "straight_line", "on_invoice", "VAT19", "line", True, False, None),
]

values: st.SearchStrategy[JsonValue] = st.recursive(
    st.sampled_from(WORDS) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    ),
    max_leaves=12,
)
sheets = st.dictionaries(st.sampled_from(FIELDS), values, max_size=4)
sheet_lines = st.builds(
    lambda line_id, fields: {**fields, "line_id": line_id},
    st.sampled_from(["time", "fee", "retainer", "milestones", "new"]),
    sheets,
)
numbers = st.decimals(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [Decimal("1E+999999"), Decimal("-1E-999999"), Decimal(20)]
)
lines = st.builds(
    DealLine,
    reference=st.just(ExternalRef(system="crm", kind="line", id="1")),
    kind=st.sampled_from([*LineKind, "", "Licence"]),
    item_id=st.sampled_from(["", "a", "time"]),
    role=st.sampled_from(["", "SNR", "nobody"]),
    quantity=numbers,
    unit_price=numbers,
    effective_from=st.none() | st.dates(),
    description=st.text(max_size=2),
    retainer=st.none()
    | st.builds(
        RetainerTerms,
        period=st.sampled_from(["month", "", "x"]),
        overage_rate=st.none() | numbers,
        rollover_hours_max=st.none() | numbers,
        rollover_periods=st.none() | st.integers(),
    ),
)


def agreement_of(deal: Deal) -> Agreement | None:
    """Of a deal without findings; the engine must take it, and the store give it back."""
    if findings_of(deal):
        return None
    agreement = agree(deal, make_entity())
    contract = agreement.contract
    entities = {each.code: entity_terms(each) for each in make_landscape().entities}
    check_version(contract, contract.effective_from, entities)
    assert Agreement.model_validate_json(agreement.model_dump_json()) == agreement
    return agreement


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(lines, max_size=4),
    sheets | st.lists(sheet_lines, max_size=3).map(lambda each: {"lines": each}),
    st.sampled_from([*METHODS, "barter"]),
    *(st.none() | st.dates(), st.none() | st.dates()),
    st.sampled_from(["EUR", "JPY", "XXL", ""]),
    *(st.sampled_from([None, -1, 30]), st.sampled_from([None, make_account()])),
)
def test_nonsense_is_found_and_breaks_nothing(
    sold: list[DealLine],
    terms: JsonValue,
    method: str,
    starts: object,
    ends: object,
    currency: str,
    net_days: int | None,
    account: object,
) -> None:
    deal = make_deal(
        *sold,
        terms=terms,
        billing_method=method,
        service_start=starts,
        service_end=ends,
        currency=currency,
        net_days=net_days,
        account=account,
    )
    agreement_of(deal)


AMOUNTS = (st.integers(-1, 10**6) | st.decimals(-10, 10**9, places=3)).map(str)
SHEETS = [
    "",
    "labour_discount_percent: 5",
    "lines: [{line_id: fee, revenue: straight_line}]",
    "lines: [{line_id: fee, price: 1000}]",
    "caps: [{cap_id: A, hours: 10, scope: line, line_id: time}]",
    "payers: [{customer: K-10042, share: 1}]",
    "currency: USD",
]


@settings(max_examples=100)
@given(
    st.sampled_from(METHODS),
    *(AMOUNTS, AMOUNTS),
    st.sampled_from(["EUR", "JPY", "KWD"]),
    st.sampled_from(SHEETS),
    st.sampled_from(["2026-03-31", "2026-12-31", "2027-02-28", None]),
)
def test_a_plausible_deal_has_findings_or_becomes_a_contract_that_can_be_billed(
    method: str, first: str, second: str, currency: str, sheet: str, ends: str | None
) -> None:
    sold = {
        "time_and_materials": [role_line(first), role_line(second, "2026-04-01")],
        "retainer": [retainer_line(fee=first), role_line("1")],
        "milestones": [milestone_line("A", first), milestone_line("B", second), role_line("1")],
        "fixed_fee": [fee_line("2026-03-31", first), fee_line("2026-06-30", second)],
    }
    deal = sold_by(method, *sold[method], sheet=sheet, currency=currency, service_end=ends)
    agreement = agreement_of(deal)
    if agreement is not None:
        assert agreement.contract.lines[0].method == method
        assert agreement.contract.currency == currency
