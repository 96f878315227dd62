"""A row that somebody changed behind the ledger's back breaks the proof, and is named."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.reports.head import ReportKind
from canonical.reports.proofs import Proof
from canonical.reports.rows import ReportRow
from store.reports.control import BALANCE
from store.reports.position import EQUATION as POSITION
from store.reports.receivables import POSTED
from store.reports.retention import EQUATION as RETENTION
from store.reports.telling import TOLD
from store.reports.wip import EQUATION as WIP
from tests.store.reports.firm import Firm
from tests.store.reports.sold import hourly, milestones

DAY = "2026-03-31"
TABLES = ("journal_line", "billing_transaction", "contract_version", "journal_entry")


async def tamper(engine: AsyncEngine, *statements: str) -> None:
    """As a superuser who switches the guards off."""
    async with engine.begin() as connection:
        for table in TABLES:
            await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        for statement in statements:
            changed = await connection.execute(text(statement))
            assert changed.rowcount
        for table in TABLES:
            await connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER ALL"))


async def story(firm: Firm) -> None:
    """A is billed and paid in part, and has new work; M1 is billed with its retention."""
    sold = await firm.sell("A", hourly("100"))
    await firm.work(sold, "t1", "2026-01-15", "10")
    invoice = await firm.bill_and_post(sold, "2026-01", "2026-02-03")
    await firm.pay(sold, invoice, "500", "2026-02-20")
    await firm.work(sold, "t2", "2026-03-10", "3")
    await firm.close(sold, "2026-03", DAY)
    built = await firm.sell("M", milestones("1000"))
    await firm.accept(built, "M1", "2026-03-10")
    await firm.bill_and_post(built, "2026-03", "2026-03-30")


async def broken(firm: Firm, kind: ReportKind) -> tuple[list[ReportRow], list[Proof]]:
    rows, proofs = await firm.report(kind, DAY)
    assert proofs.holds == (not proofs.broken)
    return rows, proofs.broken


def one_more(account: str, *more: str) -> str:
    """One euro more on the first line of an account."""
    where = " AND ".join([f"account = '{account}'", *more])
    return (
        "UPDATE journal_line SET amount = amount + 1, document_amount = document_amount + 1"
        f" WHERE (journal_id, line_no) = (SELECT journal_id, line_no FROM journal_line"
        f" WHERE {where} ORDER BY 1, 2 LIMIT 1)"
    )


def one_less(account: str) -> str:
    return one_more(account).replace("+ 1", "- 1")


CASES = {
    "position by one line": (ReportKind.POSITION, [one_more("1200")], {POSITION, BALANCE}),
    "position by a transaction": (
        ReportKind.POSITION,
        ["UPDATE billing_transaction SET net = net + 1 WHERE kind = 'time'"],
        {POSITION},
    ),
    "WIP by two lines that balance": (
        ReportKind.WIP,
        [one_more("1200"), one_less("4000")],
        {WIP},
    ),
    "WIP by a rate of the contract": (
        ReportKind.WIP,
        [
            "UPDATE contract_version SET body = jsonb_set(body, '{lines,0,rates,0,rate}', '\"90\"')"
            " WHERE body @? '$.lines[0].rates'"
        ],
        {WIP},
    ),
    "receivables by two lines that balance": (
        ReportKind.RECEIVABLES,
        [one_more("1100"), one_less("2300")],
        {POSTED},
    ),
    "receivables by an item nobody knows": (
        ReportKind.RECEIVABLES,
        ["UPDATE journal_line SET item = 'X' WHERE item = 'A-2026-01-1-1'"],
        {"rows of this report = account 1100"},
    ),
    "revenue by a line without its contract": (
        ReportKind.REVENUE,
        ["UPDATE journal_line SET contract = '' WHERE account = '4000'"],
        {POSITION, "rows of this report = account 4000"},
    ),
    "retention by two lines that balance": (
        ReportKind.RETENTION,
        [one_more("1250"), one_less("1100")],
        {RETENTION, "rows of this report = account 1250"},
    ),
}


@pytest.mark.parametrize(("kind", "statements", "equations"), CASES.values(), ids=CASES)
async def test_a_changed_row_breaks_the_report(
    firm: Firm, kind: ReportKind, statements: list[str], equations: set[str]
) -> None:
    await story(firm)
    assert (await broken(firm, kind))[1] == []
    await tamper(firm.engine, *statements)
    assert {proof.equation for proof in (await broken(firm, kind))[1]} == equations


async def test_a_broken_balance_names_its_journal(firm: Firm) -> None:
    await story(firm)
    await tamper(firm.engine, one_more("2300"))
    (proof,) = (await broken(firm, ReportKind.RECEIVABLES))[1]
    async with firm.engine.connect() as connection:
        journal = await connection.scalar(
            text("SELECT min(journal_id) FROM journal_line WHERE account = '2300'")
        )
    assert (proof.equation, proof.detail) == (BALANCE, f"look at journal_entry {journal}")


async def test_differences_of_two_contracts_do_not_cancel_out(firm: Firm) -> None:
    await story(firm)
    await tamper(
        firm.engine,
        "UPDATE billing_transaction SET net = net + 1 WHERE kind = 'time'",
        "UPDATE billing_transaction SET net = net - 1 WHERE kind = 'milestone'",
    )
    _, found = await broken(firm, ReportKind.POSITION)
    assert [proof.subject for proof in found] == ["A", "M"]
    assert [proof.difference for proof in found] == [1, -1]


async def test_a_contract_whose_past_cannot_be_told_is_named_and_the_others_are_reported(
    firm: Firm,
) -> None:
    await story(firm)
    other = await firm.sell("N", milestones("500"))
    await firm.accept(other, "M1", "2026-03-10")
    await firm.close(other, "2026-03", DAY)
    await tamper(
        firm.engine,
        "UPDATE contract_version SET body = jsonb_set(body, '{tax_code}', '\"GONE\"')"
        " WHERE body @? '$.lines[0].rates'",
    )
    rows, found = await broken(firm, ReportKind.WIP)
    told = [proof for proof in found if proof.equation == TOLD]
    assert [(proof.subject, "'GONE' is not mapped" in proof.detail) for proof in told] == [
        ("A", True)
    ]
    assert [getattr(row, "project", "") for row in rows] == ["N"]
