"""What a report looks at: pages of contracts, one moment, nothing written."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from canonical.errors import SetupInvalid
from canonical.reports.head import ReportKind
from store.reports.scope import contracts, count_contracts, snapshot
from tests.store.reports.firm import Firm
from tests.store.reports.sold import NORTH, WEST, hourly


async def test_contracts_come_page_by_page_each_once(firm: Firm) -> None:
    for code in ("C", "A", "B", "E", "D"):
        await firm.sell(code, hourly("100"))
    async with snapshot(firm.engine) as connection:
        pages = [
            [label.project for label in page.values()]
            async for page in contracts(connection, "", limit=2)
        ]
    assert pages == [["A", "B"], ["C", "D"], ["E"]]


async def test_a_contract_belongs_to_every_entity_that_bills_a_line_of_it(firm: Firm) -> None:
    await firm.sell("A", hourly("100"), hourly("90", line_id="us", legal_entity=WEST))
    await firm.sell("B", hourly("100"))
    async with snapshot(firm.engine) as connection:
        found = [list(page.values()) async for page in contracts(connection, WEST)]
        assert [[label.project for label in page] for page in found] == [["A"]]
        assert await count_contracts(connection, WEST) == 1
        assert await count_contracts(connection, NORTH) == 2


async def test_a_report_cannot_write(firm: Firm) -> None:
    with pytest.raises(DBAPIError, match="read-only transaction"):
        async with snapshot(firm.engine) as connection:
            await connection.execute(text("DELETE FROM hold"))


async def test_a_report_sees_one_moment(firm: Firm) -> None:
    async with snapshot(firm.engine) as connection:
        before = await count_contracts(connection, "")
        await firm.sell("A", hourly("100"))
        assert await count_contracts(connection, "") == before == 0


async def test_an_entity_that_the_landscape_does_not_have_is_refused(firm: Firm) -> None:
    with pytest.raises(SetupInvalid, match=r"no legal entity 'EAST'.*NORTH-DE, WEST-US"):
        await firm.report(ReportKind.POSITION, "2026-01-31", entity="EAST")


async def test_an_empty_database_has_reports_without_rows(firm: Firm) -> None:
    for kind in ReportKind:
        rows, proofs = await firm.report(kind, "2026-01-31")
        assert (rows, proofs.sums, proofs.holds) == ([], [], True)
