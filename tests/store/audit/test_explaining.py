"""An invoice line is explained from the journal back to the source, whatever was billed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.errors import RecordMissing, RuleViolation
from canonical.ids import ExternalRef, InvoiceId
from store import postings, trail
from store.audit.explaining import explain
from store.audit.explanation import Explanation, Rate
from store.audit.sealer import Sealer
from store.engine import transaction
from store.processes import invoice_process
from tests.store.reports.firm import Firm
from tests.store.reports.sold import NORTH, WEST, Sold, expenses, hourly, milestones

CAPS: list[dict[str, object]] = [
    {"cap_id": "NTE", "amount": "5000"},
    {"cap_id": "H", "hours": "100"},
]
RATES = {
    "rates": [
        {
            "row": "own",
            "level": "person",
            "person": "ada",
            "role": "",
            "rate": "130",
            "effective_from": "2026-01-01",
        },
        {
            "row": "old",
            "role": "consultant",
            "rate": "90",
            "effective_from": "2025-01-01",
            "effective_to": "2026-09-30",
        },
        {"row": "new", "role": "consultant", "rate": "100", "effective_from": "2026-10-01"},
        {
            "row": "any",
            "level": "default",
            "role": "",
            "rate": "80",
            "effective_from": "2026-01-01",
        },
    ]
}


@pytest.fixture
def firm(engine: AsyncEngine) -> Firm:
    return Firm(engine)


async def first_line(firm: Firm, invoice: InvoiceId) -> Explanation:
    return await explain(firm.engine, f"{await firm.key_of(invoice)}/1")


async def worked(firm: Firm, caps: Sequence[dict[str, object]] = ()) -> Sold:
    """Two hours of ada in October."""
    sold = await firm.sell("A", hourly("100", **RATES), expenses(), caps=caps)
    await firm.work(sold, "t1", "2026-10-05", "2", person="ada")
    return sold


async def test_work_is_explained_by_entry_approval_contract_rate_tax_and_caps(firm: Firm) -> None:
    sold = await worked(firm, caps=CAPS)
    found = await first_line(firm, await firm.bill_and_post(sold, "2026-10", "2026-11-02"))
    (row,) = found.transactions
    assert (row.entry.system, row.entry.id, row.entry.person) == ("psa", "t1", "ada")
    assert row.entry.approved_at is not None
    assert (row.agreed.contract, row.agreed.version) == (sold.contract, 1)
    assert row.rate_row == Rate(
        row="own",
        level="person",
        subject="ada",
        rate=Decimal(130),
        effective_from=row.agreed.effective_from,
    )
    assert [(each.row, each.rate) for each in row.beaten] == [
        ("new", Decimal(100)),
        ("any", Decimal(80)),
    ]
    assert found.tax is not None
    assert (found.tax.rate, found.tax.amount.amount) == (Decimal("0.19"), Decimal("49.40"))
    assert sorted(row.limits.values()) == [2, 260]
    assert str(found.net) == str(row.net) == "260.00 EUR"


async def test_the_journals_of_the_document_and_the_revenue_of_its_month_are_named(
    firm: Firm,
) -> None:
    sold = await worked(firm)
    found = await first_line(firm, await firm.bill_and_post(sold, "2026-10", "2026-11-02"))
    (posted,) = found.posted
    sides = {side.account: side.amount for side in posted.sides}
    assert sides == {"1100": Decimal("309.40"), "1200": -260, "2300": Decimal("-49.40")}
    assert {side.account for journal in found.revenue for side in journal.sides} == {"1200", "4000"}


async def test_a_document_in_another_currency_names_the_rate_of_its_day(firm: Firm) -> None:
    sold = await firm.sell("A", hourly("100"), entity=WEST, currency="EUR")
    await firm.rates("2026-10-01", EUR_USD="1.10")
    await firm.rates("2026-11-02", EUR_USD="1.20")
    await firm.rates("2026-11-09", EUR_USD="1.30")
    await firm.work(sold, "t1", "2026-10-05", "1")
    found = await first_line(firm, await firm.bill_and_post(sold, "2026-10", "2026-11-03"))
    assert found.spot_rate is not None
    assert (found.spot_rate.pair, found.spot_rate.rate) == ("EUR/USD", Decimal("1.20"))
    receivable = next(side for side in found.posted[0].sides if side.account == "1100")
    assert receivable.amount == receivable.document_amount * found.spot_rate.rate


async def test_a_milestone_is_explained_by_who_accepted_it(firm: Firm) -> None:
    sold = await firm.sell("A", milestones("1000", retention="10"))
    await firm.accept(sold, "M1", "2026-10-07")
    found = await first_line(firm, await firm.bill_and_post(sold, "2026-10", "2026-11-02"))
    (row, *_) = found.transactions
    assert (row.entry.system, row.rate_row) == ("", None)
    assert row.acceptance is not None
    assert (row.acceptance.milestone, row.acceptance.accepted_by) == ("M1", "client")


async def test_an_expense_is_explained_by_its_own_price(firm: Firm) -> None:
    sold = await worked(firm)
    await firm.expense(sold, "e1", "2026-10-06", "50")
    invoice = await firm.bill_and_post(sold, "2026-10", "2026-11-02")
    found = await explain(firm.engine, f"{await firm.key_of(invoice)}/2")
    (row,) = found.transactions
    assert (row.kind, row.entry.id, row.rate_row) == ("expense", "e1", None)
    assert row.rate_basis.startswith("cost 50")


async def test_what_is_credited_is_named_with_its_invoice_line(firm: Firm) -> None:
    sold = await worked(firm)
    invoice = await firm.bill_and_post(sold, "2026-10", "2026-11-02")
    async with transaction(firm.engine) as connection:
        await connection.execute(CREDIT, {"id": invoice})
    found = await explain(firm.engine, "credit/1")
    (row,) = found.transactions
    assert row.credits.endswith(f"({await firm.key_of(invoice)}/1)")


async def test_who_posted_it_in_the_erp_and_when_is_in_the_trail(firm: Firm) -> None:
    sold = await worked(firm)
    invoice = await firm.bill_and_post(sold, "2026-10", "2026-11-02")
    key, record = await firm.key_of(invoice), ExternalRef(system="erp", kind="invoice", id="71")
    async with transaction(firm.engine) as connection:
        await postings.open_posting(connection, key, "erp")
        await postings.bind(connection, key, record)
        await postings.confirm(connection, invoice_process(invoice), record, NORTH)
        await trail.note(connection, invoice_process(invoice), "invoice.approved", actor="Dee")
    await Sealer(firm.engine, "test").step()
    found = await first_line(firm, invoice)
    assert found.erp is not None
    assert (found.erp.reference, found.erp.state) == ("erp/invoice/71", "confirmed")
    assert [(each.action, each.actor) for each in found.trail] == [
        ("invoice.drafted", "client-to-cash"),
        ("posting.confirmed", "client-to-cash"),
        ("invoice.approved", "Dee"),
    ]
    assert [(each.chain, each.number) for each in found.trail] == [
        (NORTH, 1),
        (NORTH, 2),
        ("platform", 1),
    ]


async def test_a_draft_is_explained_as_far_as_it_came(firm: Firm) -> None:
    sold = await worked(firm)
    (invoice,) = await firm.bill(sold, "2026-10", "2026-11-02")
    found = await first_line(firm, invoice)
    assert (found.number, found.posted, found.erp, found.spot_rate) == ("", (), None, None)
    assert len(found.transactions) == 1


async def test_an_invoice_is_named_by_key_or_by_the_erps_number(firm: Firm) -> None:
    sold = await worked(firm)
    invoice = await firm.bill_and_post(sold, "2026-10", "2026-11-02")
    by_key = await first_line(firm, invoice)
    assert await explain(firm.engine, f"{by_key.number}/1") == by_key
    for unknown in (f"{by_key.number}/2", by_key.number, "RE-0/1", "/1", "x/y", ""):
        with pytest.raises(RecordMissing):
            await explain(firm.engine, unknown)


async def test_a_number_that_two_invoices_have_is_not_guessed(firm: Firm) -> None:
    for code in ("A", "B"):
        sold = await firm.sell(code, hourly("100"))
        await firm.work(sold, f"t-{code}", "2026-10-05", "1")
        await firm.bill_and_post(sold, "2026-10", "2026-11-02")
    async with transaction(firm.engine) as connection:
        await connection.execute(text("UPDATE invoice SET number = 'RE-7'"))
    with pytest.raises(RuleViolation, match="several invoices have the number RE-7"):
        await explain(firm.engine, "RE-7/1")


# A credit note of a whole invoice, as far as an explanation looks at it.
CREDIT = text(
    """
    WITH credited AS (
        SELECT t.id, i.line_no FROM invoice_transaction i
        JOIN billing_transaction t ON t.id = i.transaction_id WHERE i.invoice_id = CAST(:id AS uuid)
    ), note AS (
        INSERT INTO invoice (id, key, engagement_id, period, run, sequence, legal_entity, bill_to,
            currency, net, tax, gross, body, contract_id, type, credits)
        SELECT gen_random_uuid(), 'credit', engagement_id, period, run, 99, legal_entity, bill_to,
            currency, -net, -tax, -gross, body, contract_id, 'credit_note', id
        FROM invoice WHERE id = CAST(:id AS uuid) RETURNING id
    ), line AS (
        INSERT INTO invoice_line (invoice_id, line_no, kind, description, net, currency, tax_code,
            quantity)
        SELECT note.id, 1, kind, description, -net, currency, tax_code, quantity
        FROM invoice_line, note WHERE invoice_id = CAST(:id AS uuid) RETURNING invoice_id
    ), row AS (
        INSERT INTO billing_transaction (id, item_id, item_version, engagement_id, period, run,
            contract_id, contract_version, line_id, portion, kind, source, external_id, work_date,
            person, quantity, rate, rate_basis, amount, net, measure, currency, tax_code,
            currency_basis, approved_by, customer, legal_entity, service_period, beaten, limits,
            chapter_id, credits)
        SELECT gen_random_uuid(), item_id, item_version, engagement_id, period, run,
            contract_id, contract_version, line_id, portion, kind, source, external_id, work_date,
            person, -quantity, rate, rate_basis, -amount, -net, -measure, currency, tax_code,
            currency_basis, approved_by, customer, legal_entity, service_period, beaten, limits,
            chapter_id, id
        FROM billing_transaction WHERE id IN (SELECT id FROM credited) RETURNING id
    )
    INSERT INTO invoice_transaction (transaction_id, invoice_id, line_no)
    SELECT row.id, line.invoice_id, 1 FROM row, line
    """
)
