"""A contract of each billing method runs from the signed deal to cash, and both ledgers agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio

from adapters.tryton.local.figures import account_totals, posted_figures
from canonical.ledger.accounts import Account
from canonical.ledger.entity import entity_terms
from canonical.periods import period_of
from runtime.landscape import load_landscape
from store.overview import account_balances
from tests.e2e.firm import Firm, running_firm
from workers.demo.stories.base import DemoStory
from workers.demo.stories.catalogue import STORIES
from workers.demo.story import Story
from workers.local.landscape import ENTITY

ZERO = Decimal(0)
METHODS = tuple(story for story in STORIES if story.name != "time_and_materials")
"""That one has tests of its own, with everything that can go wrong."""


class Told:
    """All stories, told at once to one firm."""

    def __init__(self, firm: Firm, stories: dict[str, Story]) -> None:
        self.firm, self.stories = firm, stories


async def _tell(firm: Firm, told: DemoStory) -> Story:
    story = firm.story()
    story.closes_months = False
    story.sell(deal=told.deal(story.month))
    await story.until_active()
    await told.play(story, lambda who, what: None)
    return story


@pytest_asyncio.fixture(scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
    async with running_firm(tmp_path_factory.mktemp("methods")) as firm:
        played = await asyncio.gather(*(_tell(firm, each) for each in METHODS))
        stories = {each.name: story for each, story in zip(METHODS, played, strict=True)}
        (any_story, *_) = played
        month = any_story.month
        for period in (month.before_it().period, month.period, period_of(any_story.today)):
            await any_story.close_revenue(period)
        yield Told(firm, stories)


@pytest.mark.parametrize("method", METHODS, ids=lambda each: each.name)
async def test_invoices_of_a_method_are_right_in_the_erp_and_paid(
    told: Told, method: DemoStory
) -> None:
    story = told.stories[method.name]
    expected = method.expected(story.month)
    invoices = await story.overview.invoices(story.engagement_id)
    found = [await posted_figures(told.firm.stack.erp_dsn(), invoice.key) for invoice in invoices]
    figures = [(each.net, each.tax, each.receivable, each.paid) for (each,) in found]
    amounts = [each.amounts() for each in expected.invoices]
    assert figures == [(net, tax, gross, gross) for net, tax, gross in amounts]


@pytest.mark.parametrize("method", METHODS, ids=lambda each: each.name)
async def test_the_ledger_of_a_method_is_what_was_worked_out_by_hand(
    told: Told, method: DemoStory
) -> None:
    story = told.stories[method.name]
    rows = await told.firm.rows(
        "SELECT l.account, sum(l.amount) AS balance FROM journal_line l"
        " JOIN journal_entry j ON j.id = l.journal_id"
        " JOIN contract_version v ON v.contract_id = j.contract_id"
        " WHERE v.engagement_id = :engagement GROUP BY 1 HAVING sum(l.amount) <> 0",
        engagement=story.engagement_id,
    )
    expected = method.expected(story.month).ledger
    assert {row["account"]: row["balance"] for row in rows} == {
        account: Decimal(amount) for account, amount in expected.items()
    }


async def test_after_the_closes_the_erp_shows_our_ledger_account_by_account(told: Told) -> None:
    ours = await account_balances(told.firm.engine, ENTITY)
    landscape = load_landscape(told.firm.stack.settings.landscape_path)
    numbers = entity_terms(landscape.entity(ENTITY))
    theirs = await account_totals(told.firm.stack.erp_dsn())
    found = {
        account.value: theirs.get(numbers.number(account), ZERO)
        for account in Account
        if theirs.get(numbers.number(account), ZERO)
    }
    assert found == ours


async def test_nothing_is_left_for_anybody_to_do(told: Told) -> None:
    any_story = next(iter(told.stories.values()))
    assert [f"{each.cause}: {each.message}" for each in await any_story.overview.open_cases()] == []
