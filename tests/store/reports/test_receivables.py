"""Receivables: open items with their age, what is disputed, and cash that is applied to nothing."""

from __future__ import annotations

from datetime import date

from canonical.ids import InvoiceId
from canonical.reports.head import ReportKind
from canonical.reports.rows import Age, ReceivableRow, UnappliedRow
from tests.store.reports.firm import Firm
from tests.store.reports.reading import fig, plain, proven
from tests.store.reports.sold import Sold, hourly


async def open_items(firm: Firm, as_of: str) -> list[ReceivableRow]:
    return await proven(firm, ReportKind.RECEIVABLES, ReceivableRow, as_of)


async def unapplied(firm: Firm, as_of: str) -> list[UnappliedRow]:
    return await proven(firm, ReportKind.RECEIVABLES, UnappliedRow, as_of)


async def invoiced(
    firm: Firm, code: str = "A", *, currency: str = "EUR", due: str | None = None
) -> tuple[Sold, InvoiceId]:
    """1,000.00 net and 1,190.00 gross, posted on 3 February."""
    sold = await firm.sell(code, hourly("100"), currency=currency, customer=f"Client {code}")
    await firm.work(sold, f"t{code}", "2026-01-15", "10")
    return sold, await firm.bill_and_post(sold, "2026-01", "2026-02-03", due)


async def test_an_invoice_is_open_from_its_posting_date_on(firm: Firm) -> None:
    _, invoice = await invoiced(firm)
    assert await open_items(firm, "2026-02-02") == []
    (item,) = await open_items(firm, "2026-02-03")
    assert (item.invoice, item.customer_name) == (await firm.key_of(invoice), "Client A")
    assert plain(item.open, item.document_open) == fig("1190 1190")


async def test_a_part_payment_leaves_the_rest_open_also_when_looked_at_later(firm: Firm) -> None:
    sold, invoice = await invoiced(firm)
    await firm.pay(sold, invoice, "500", "2026-02-20")
    (before,) = await open_items(firm, "2026-02-19")
    (after,) = await open_items(firm, "2026-02-20")
    assert plain(before.open, after.open) == fig("1190 690")


async def test_age_counts_from_the_due_date_that_the_erp_gave_or_the_contract_allows(
    firm: Firm,
) -> None:
    """Without the ERP's date: 30 days after 3 February."""
    await invoiced(firm, "A")
    await invoiced(firm, "B", due="2026-01-31")
    first, second = await open_items(firm, "2026-03-06")
    assert (first.due_on, first.days_overdue, first.age) == (date(2026, 3, 5), 1, Age.TO_30)
    assert (second.due_on, second.days_overdue, second.age) == (date(2026, 1, 31), 34, Age.TO_60)
    assert second.amounts()["31-60"] == second.open
    assert second.amounts()["1-30"] == 0


async def test_what_is_disputed_of_an_item_is_said_while_it_is(firm: Firm) -> None:
    sold, invoice = await invoiced(firm)
    key = await firm.key_of(invoice)
    await firm.decide(sold, "2026-02-10", dispute={"id": "D1", "invoice": key, "amount": "200"})
    await firm.decide(sold, "2026-02-15", reject_dispute={"dispute": "D1"})
    days = ("2026-02-09", "2026-02-10", "2026-02-15")
    disputed = [(await open_items(firm, day))[0].document_disputed for day in days]
    assert plain(*disputed) == fig("0 200 0")


async def test_money_beyond_the_invoice_is_unapplied_cash_of_its_customer(firm: Firm) -> None:
    sold, invoice = await invoiced(firm)
    payment = await firm.pay(sold, invoice, "1300", "2026-02-20")
    assert await open_items(firm, "2026-02-20") == []
    (cash,) = await unapplied(firm, "2026-02-20")
    assert (cash.payment, cash.customer_name) == (payment, "Client A")
    assert plain(cash.unapplied, cash.document_unapplied) == fig("110 110")


async def test_a_foreign_item_is_carried_at_its_rate_with_the_revaluation_beside(
    firm: Firm,
) -> None:
    """1,190 USD posted when a dollar is a euro, worth 0.625 at the end of February; then 600 and
    700 are paid: 110 are left, at 0.625."""
    await firm.rates("2026-01-01", EUR_USD="1.00")
    await firm.rates("2026-02-28", EUR_USD="1.60")
    sold, invoice = await invoiced(firm, currency="USD")
    await firm.decide(sold, "2026-02-28", revalue={})
    await firm.pay(sold, invoice, "600", "2026-03-10")
    await firm.pay(sold, invoice, "700", "2026-03-20")
    (revalued,) = await open_items(firm, "2026-02-28")
    (paid,) = await open_items(firm, "2026-03-10")
    (cash,) = await unapplied(firm, "2026-03-20")
    assert plain(revalued.open, revalued.document_open, revalued.revaluation) == fig(
        "1190 1190 -446.25"
    )
    assert plain(paid.open, paid.document_open, paid.revaluation) == fig("590 590 0")
    assert plain(cash.unapplied, cash.document_unapplied) == fig("68.75 110")
    assert await open_items(firm, "2026-03-20") == []


async def test_items_come_by_customer_and_then_by_due_date(firm: Firm) -> None:
    await invoiced(firm, "B")
    await invoiced(firm, "A", due="2026-05-01")
    rows = await open_items(firm, "2026-03-01")
    assert [row.customer_name for row in rows] == ["Client A", "Client B"]


async def test_the_tax_of_its_owner_is_part_of_what_is_open(firm: Firm) -> None:
    """The ERP booked a cent less than we figured; its tax is what the customer owes."""
    firm = firm.with_tax_of_the_erp()
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-01-15", "10")
    (invoice,) = await firm.bill(sold, "2026-01", "2026-02-03")
    await firm.post(invoice, "2026-02-03", tax="189.99")
    (item,) = await open_items(firm, "2026-02-03")
    assert plain(item.open) == fig("1189.99")
