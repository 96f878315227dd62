"""`c2c bill preview` shows what a run would do, and does nothing."""

from __future__ import annotations

import asyncio
import json
from datetime import date

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.landscape import load_landscape
from runtime.settings import Settings
from tests import builders as make
from tests.store.conftest import Store
from tests.workers.conftest import Shell
from workers.local.landscape import ENTITY


async def run(c2c: Shell, *arguments: str) -> tuple[int, str]:
    """Beside the test's own loop, as in a process of its own."""
    told = await asyncio.to_thread(c2c, "bill", "preview", *arguments)
    assert "Traceback" not in told.err
    return told.code, told.out + told.err


@pytest_asyncio.fixture
async def worked(engine: AsyncEngine, settings: Settings) -> Store:
    """An active engagement of the local landscape with one approved entry and one expense, and an
    entry from before the contract."""
    landscape = load_landscape(settings.landscape_path)
    store = Store.over(engine, landscape)
    agreement = make.make_agreement(entity=landscape.entity(ENTITY))
    await store.begin(agreement.contract)
    early = make.make_time_entry("t-0", work_date=date(2026, 10, 30))
    await store.work.store_items([make.make_time_entry(), make.make_expense(), early])
    return store


async def test_parts_holds_lines_taxes_and_journals_are_shown_and_nothing_is_stored(
    worked: Store, at_home: Shell
) -> None:
    code, said = await run(at_home, make.ENGAGEMENT, "--period", make.PERIOD)
    assert code == 0
    shown = ("960.00 EUR", "its date is before the contract begins", "Consultant, 8 h at 120 EUR")
    assert [each for each in (*shown, "gross", "4.2.2", "1200") if each not in said] == []
    for table in ("billing_run", "book_chapter", "billing_transaction", "invoice", "journal_entry"):
        assert await worked.count(table) == 0


async def test_machines_get_the_figures_as_text(worked: Store, at_home: Shell) -> None:
    code, said = await run(at_home, make.ENGAGEMENT, "--period", make.PERIOD, "--json")
    preview = json.loads(said)
    assert code == 0
    assert preview["invoices"][0]["net"] == {"amount": "1054.40", "currency": "EUR"}


async def test_the_preview_is_what_the_run_then_does(worked: Store, at_home: Shell) -> None:
    _, said = await run(at_home, make.ENGAGEMENT, "--period", make.PERIOD, "--json")
    await worked.bill()
    (gross,) = await worked.column("SELECT gross::text FROM invoice")
    assert gross == json.loads(said)["invoices"][0]["gross"]["amount"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((make.ENGAGEMENT, "--period", "2026-13"), "'2026-13' is not a billing period"),
        (("salesforce/nobody", "--period", "2026-11"), "has no contract"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_a_reason(
    worked: Store, at_home: Shell, arguments: tuple[str, ...], reason: str
) -> None:
    code, said = await run(at_home, *arguments)
    assert code != 0
    assert reason in said
