"""The Erp port over the real server: what it stores, what it refuses, what it tells."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.tryton.local import northfield
from adapters.tryton.local.admin import Accountant
from adapters.tryton.local.figures import invoice_balances, posted_figures
from adapters.tryton.simulator import Fault, FaultKind, FaultProxy
from canonical.client import Address, TaxId, TaxIdKind
from canonical.errors import (
    DataRejected,
    OutcomeUnknown,
    RecordMissing,
    SetupInvalid,
    SystemUnavailable,
)
from canonical.ids import ExternalRef
from canonical.invoice import DraftInvoice, Invoice, PostedInvoice
from canonical.payment import PaymentSeen
from canonical.ports import Erp
from tests.adapters.tryton.builders import (
    ENTITY,
    TODAY,
    make_client,
    make_invoice,
    make_line,
    make_plan,
)
from tests.adapters.tryton.plant import Plant


async def drafted(erp: Erp, invoice: Invoice | None = None) -> DraftInvoice:
    chosen = invoice or make_invoice()
    client = await erp.ensure_client(make_client(net_days=chosen.net_days), key="client")
    return await erp.create_draft(chosen, client, key=chosen.key)


async def posted(erp: Erp, invoice: Invoice | None = None) -> PostedInvoice:
    return await erp.post_invoice(await drafted(erp, invoice), TODAY)


async def payments_of(erp: Erp, invoice: PostedInvoice, cursor: str = "") -> list[PaymentSeen]:
    pages = [page async for page in erp.payments_since(ENTITY, cursor)]
    return [p for page in pages for p in page.payments if p.invoice == invoice.reference]


async def test_a_posted_invoice_has_our_totals_by_an_independent_count(
    erp: Erp, plant: Plant
) -> None:
    invoice = make_invoice(make_line("1234.56"), make_line("99.99", "S7", "expense", 2))
    answer = await posted(erp, invoice)
    (row,) = await posted_figures(plant.dsn, invoice.key)
    assert (answer.net, answer.tax, answer.gross) == (invoice.net, invoice.tax, invoice.gross)
    assert (row.net, row.tax) == (invoice.net.amount, invoice.tax.amount)
    assert row.receivable == invoice.gross.amount == Decimal("1576.12")


async def test_every_kind_of_line_is_posted_to_its_account_also_what_is_kept_back(
    erp: Erp, plant: Plant
) -> None:
    """A retention is a negative line, as is the discount for paying early."""
    nets = {kind: "100.00" for kind in northfield.LINE_KINDS}
    nets |= {"retention": "-30.00", "early_payment_discount": "-5.00"}
    lines = [
        make_line(net, kind=kind, line_no=number)
        for number, (kind, net) in enumerate(nets.items(), start=1)
    ]
    invoice = make_invoice(*lines)
    await posted(erp, invoice)
    booked: dict[str, Decimal] = {northfield.RECEIVABLE: invoice.gross.amount}
    booked[northfield.ACCRUED_TAX] = -invoice.tax.amount
    for kind, (_, account) in northfield.LINE_KINDS.items():
        booked[account] = booked.get(account, Decimal(0)) - Decimal(nets[kind])
    assert await invoice_balances(plant.dsn, invoice.key) == booked


async def test_the_due_date_counts_the_terms_from_the_invoice_date(erp: Erp) -> None:
    answer = await posted(erp, make_invoice(net_days=14))
    assert (answer.invoice_date, answer.due_date) == (TODAY, TODAY + timedelta(days=14))


async def test_a_client_without_tax_due_is_invoiced_without_tax(erp: Erp) -> None:
    answer = await posted(erp, make_invoice(make_line("500.00", "RC")))
    assert (answer.tax.amount, answer.gross.amount) == (Decimal(0), Decimal("500.00"))


async def test_a_post_whose_answer_was_lost_is_found_done(
    erp: Erp, proxy: FaultProxy, plant: Plant
) -> None:
    draft = await drafted(erp)
    proxy.inject(Fault(kind=FaultKind.LOSE_ANSWER, method="model.account.invoice.post"))
    with pytest.raises(SystemUnavailable):
        await erp.post_invoice(draft, TODAY)
    answer = await erp.post_invoice(draft, TODAY)
    assert answer.posted
    assert [row.number for row in await posted_figures(plant.dsn, draft.key)] == [answer.number]


async def test_a_post_that_commits_between_our_look_and_our_click_is_a_success(
    erp: Erp, proxy: FaultProxy
) -> None:
    draft = await drafted(erp)
    late = Fault(kind=FaultKind.COMMIT_LATE, method="model.account.invoice.post", delay_s=60)
    proxy.inject(late)
    with pytest.raises(SystemUnavailable):
        await erp.post_invoice(draft, TODAY)
    second = await erp.post_invoice(draft, TODAY)
    await proxy.land()
    assert await erp.read_invoice(draft.reference) == second


async def test_a_lost_create_is_in_doubt_and_its_draft_is_found_by_our_key(
    erp: Erp, proxy: FaultProxy
) -> None:
    invoice = make_invoice()
    proxy.inject(Fault(kind=FaultKind.LOSE_ANSWER, method="model.account.invoice.create"))
    with pytest.raises(OutcomeUnknown):
        await drafted(erp, invoice)
    assert [found.key for found in await erp.find_invoices(ENTITY, invoice.key)] == [invoice.key]


async def test_a_surplus_draft_is_deleted_and_the_other_one_stays(erp: Erp) -> None:
    invoice = make_invoice()
    first, second = await drafted(erp, invoice), await drafted(erp, invoice)
    await erp.delete_draft(second)
    await erp.delete_draft(second)
    assert await erp.find_invoices(ENTITY, invoice.key) == [first]


async def test_a_posted_invoice_is_never_deleted(erp: Erp) -> None:
    draft = await drafted(erp)
    await erp.post_invoice(draft, TODAY)
    with pytest.raises(DataRejected, match="is posted"):
        await erp.delete_draft(draft)


async def test_a_draft_with_another_key_is_never_deleted(erp: Erp) -> None:
    draft = await drafted(erp)
    with pytest.raises(DataRejected, match="no draft for"):
        await erp.delete_draft(draft.model_copy(update={"key": "somebody-elses"}))


async def test_totals_that_differ_from_the_servers_are_refused(erp: Erp) -> None:
    invoice = make_invoice()
    wrong = invoice.gross + make_line("0.01").net
    lying = invoice.model_copy(update={"gross": wrong})
    with pytest.raises(DataRejected):
        await posted(erp, lying)
    (draft,) = await erp.find_invoices(ENTITY, invoice.key)
    assert not (await erp.read_invoice(draft.reference)).posted


async def test_a_closed_period_refuses_the_post_and_the_reopened_one_takes_it(
    erp: Erp, accountant: Accountant
) -> None:
    draft = await drafted(erp)
    await accountant.close_period(TODAY)
    try:
        with pytest.raises(DataRejected):
            await erp.post_invoice(draft, TODAY)
    finally:
        await accountant.reopen_period(TODAY)
    assert (await erp.post_invoice(draft, TODAY)).posted


async def test_a_warning_that_is_not_listed_waits_for_a_person(erp: Erp) -> None:
    draft = await drafted(erp)
    with pytest.raises(DataRejected, match="future"):
        await erp.post_invoice(draft, TODAY + timedelta(days=20))


async def test_partial_and_final_payment_are_both_seen_with_their_references(
    erp: Erp, accountant: Accountant, plant: Plant
) -> None:
    invoice = await posted(erp)
    number = int(invoice.reference.id)
    await accountant.pay(number, TODAY, "BANK-1", Decimal("400.00"))
    assert (await erp.read_invoice(invoice.reference)).open_amount.amount == Decimal("790.00")
    await accountant.pay(number, TODAY, "BANK-2")
    seen = await payments_of(erp, invoice)
    assert [(p.bank_reference, p.amount.amount) for p in seen] == [
        ("BANK-1", Decimal("400.00")),
        ("BANK-2", Decimal("790.00")),
    ]
    after = await erp.read_invoice(invoice.reference)
    assert (after.state, after.open_amount.amount) == ("paid", Decimal(0))
    (row,) = await posted_figures(plant.dsn, invoice.key)
    assert row.paid == invoice.gross.amount


async def test_a_payment_after_the_cursor_is_told_by_the_next_pull(
    erp: Erp, accountant: Accountant
) -> None:
    invoice = await posted(erp)
    cursor = [page.cursor async for page in erp.payments_since(ENTITY, "")][-1]
    await accountant.pay(int(invoice.reference.id), TODAY, "BANK-3")
    assert [p.bank_reference for p in await payments_of(erp, invoice, cursor)] == ["BANK-3"]


async def test_a_text_that_is_no_cursor_is_refused(erp: Erp) -> None:
    with pytest.raises(DataRejected):
        _ = [page async for page in erp.payments_since(ENTITY, "yesterday")]


async def test_a_client_that_changed_is_brought_up_to_date_in_place(erp: Erp, plant: Plant) -> None:
    client = make_client()
    first = await erp.ensure_client(client, key="c")
    moved = client.model_copy(
        update={
            "legal_name": "Falkenstein SE",
            "address": Address(street="Neuer Weg 1", city="Leipzig", country="AT"),
            "tax_ids": (TaxId(kind=TaxIdKind.EU_VAT, value="ATU13585627"),),
            "net_days": 14,
        }
    )
    assert await erp.ensure_client(moved, key="c") == first
    assert await erp.find_client(ENTITY, client.code) == first


async def test_an_archived_client_is_adopted_by_a_new_attempt(erp: Erp) -> None:
    client = make_client()
    first = await erp.ensure_client(client, key="c")
    await erp.archive_client(first)
    assert await erp.ensure_client(client, key="c") == first


async def test_an_up_to_date_client_costs_no_write(erp: Erp, proxy: FaultProxy) -> None:
    client = make_client()
    await erp.ensure_client(client, key="c")
    await erp.ensure_client(client, key="c")
    assert proxy.calls["model.party.party.write"] == 0


async def test_a_vat_id_that_the_server_refuses_is_told(erp: Erp) -> None:
    wrong = (TaxId(kind=TaxIdKind.EU_VAT, value="DE136695977"),)
    with pytest.raises(DataRejected):
        await erp.ensure_client(make_client(tax_ids=wrong), key="c")


async def test_terms_that_the_server_does_not_know_name_the_field(erp: Erp) -> None:
    with pytest.raises(DataRejected) as refused:
        await erp.ensure_client(make_client(net_days=17), key="c")
    assert refused.value.fields == ("net_days",)


async def test_a_project_gets_one_task_per_role_and_new_ones_later(
    erp: Erp, proxy: FaultProxy
) -> None:
    client = await erp.ensure_client(make_client(), key="c")
    plan = make_plan()
    first = await erp.ensure_project(plan, client, key="p")
    more = plan.model_copy(
        update={"rates": (*plan.rates, plan.rates[0].model_copy(update={"role": "Partner"}))}
    )
    assert await erp.ensure_project(more, client, key="p") == first
    writes = proxy.calls["model.project.work.write"]
    assert await erp.ensure_project(more, client, key="p") == first
    assert (writes, proxy.calls["model.project.work.write"]) == (1, 1)


async def test_a_project_without_roles_has_no_tasks_and_is_found_again(
    erp: Erp, proxy: FaultProxy
) -> None:
    client = await erp.ensure_client(make_client(), key="c")
    plan = make_plan().model_copy(update={"rates": (), "team": ()})
    project = await erp.ensure_project(plan, client, key="p")
    assert await erp.ensure_project(plan, client, key="p") == project
    await erp.archive_project(project)
    assert proxy.calls["model.project.work.write"] == 1


async def test_an_archived_project_is_reopened_by_a_new_attempt(
    erp: Erp, proxy: FaultProxy
) -> None:
    client = await erp.ensure_client(make_client(), key="c")
    plan = make_plan()
    project = await erp.ensure_project(plan, client, key="p")
    await erp.archive_project(project)
    await erp.archive_project(project)
    assert proxy.calls["model.project.work.write"] == 1
    assert await erp.ensure_project(plan, client, key="p") == project
    assert proxy.calls["model.project.work.write"] == 2


async def test_the_invoice_document_is_the_servers_own(erp: Erp) -> None:
    invoice = await posted(erp)
    name, content = await erp.invoice_document(invoice.reference)
    assert (name, content[:2]) == (f"{invoice.number}.odt", b"PK")


async def test_a_reference_of_another_system_is_missing_here(erp: Erp) -> None:
    with pytest.raises(RecordMissing):
        await erp.read_invoice(ExternalRef(system="other-erp", kind="invoice", id="1"))


async def test_a_legal_entity_of_another_erp_is_a_mistake_of_set_up(erp: Erp) -> None:
    with pytest.raises(SetupInvalid, match="NC-US"):
        await erp.find_invoices("NC-US", "INV-1")


async def test_the_check_names_database_and_company(erp: Erp) -> None:
    assert "Northfield Consulting GmbH" in await erp.check()
