"""`c2c why`: one line for people, more of it, or JSON; and an exit code for scripts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.landscape import load_landscape
from runtime.settings import Settings
from store.engine import create_engine
from tests.store.reports.firm import Firm
from tests.store.reports.sold import expenses, hourly
from tests.workers.conftest import Shell, Told, local_document

SAID = "600.00 EUR: ready, and no run has billed its project yet. It waits for the next cut-off"


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(settings.database_url.get_secret_value())
    yield engine
    await engine.dispose()


@pytest.fixture
async def told(at_home: Shell, settings: Settings, database: AsyncEngine) -> Shell:
    """Six hours `t1`, an expense `t1`, and eight hours `t2`, of which a cap holds the half."""
    document = local_document()
    document["entities"][0]["roles"] = {}
    settings.landscape_path.write_text(json.dumps(document))
    firm = Firm(database, load_landscape(settings.landscape_path))
    cap = {"cap_id": "NTE", "amount": "1000"}
    sold = await firm.sell("A", hourly("100"), expenses(), caps=[cap], tax_code="DE-S-19")
    await firm.work(sold, "t1", "2026-10-05", "6")
    await firm.work(sold, "t2", "2026-10-06", "8")
    await firm.expense(sold, "t1", "2026-10-07", "10", outside_caps=True)
    return at_home


async def why(shell: Shell, *arguments: str) -> Told:
    said = await asyncio.to_thread(shell, "why", *arguments)
    assert "Traceback" not in said.err
    return said


async def test_one_line_says_why_and_by_whom_it_waits(told: Shell) -> None:
    said = await why(told, "psa/time/t1")
    assert (said.code, said.out.count("\n")) == (0, 1)
    assert said.out.startswith("psa/time/t1  6 h, " + SAID)


async def test_parts_in_several_states_are_several_lines(told: Shell) -> None:
    first, second = (await why(told, "t2")).out.splitlines()
    assert first.startswith("psa/time/t2  4 h, 400.00 EUR: ready")
    assert second.startswith("psa/time/t2  4 h, 400.00 EUR: held, over the cap NTE")


async def test_detail_says_who_approved_it_and_for_whom(told: Shell) -> None:
    said = await why(told, "psa/time/t1", "--detail")
    for words in ("ada, 2026-10-05", "bo, 2026-10-05 12:00 UTC", "Falke GmbH", "last cut-off"):
        assert words in said.out


async def test_machines_get_one_document(told: Shell) -> None:
    found = json.loads((await why(told, "psa/time/t2", "--json")).out)
    assert (found["entry"], found["quantity"]) == ("psa/time/t2", "8")
    assert found["client"] == "Falke GmbH"
    lines = [(line["state"], float(line["quantity"]), line["acts"]) for line in found["lines"]]
    assert lines == [("ready", 4, "finance"), ("held", 4, "finance")]
    assert found["lines"][1]["amount"] == {"amount": "400.00", "currency": "EUR"}


async def test_an_id_that_two_entries_have_is_asked_back(told: Shell) -> None:
    said = await why(told, "t1")
    assert said.code == 2
    words = " ".join(said.err.replace("│", " ").split())
    assert "psa/expense/t1, psa/time/t1; name one of them whole" in words


@pytest.mark.parametrize("name", ["psa/time/t9", "t9", "a/b", ""])
async def test_an_entry_that_nobody_told_us_of_leaves_with_one(told: Shell, name: str) -> None:
    said = await why(told, name)
    assert (said.code, "no source told us of" in said.out) == (1, True)
