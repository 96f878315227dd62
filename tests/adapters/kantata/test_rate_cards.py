"""Rate cards: a version per effective date, published once, continued where an attempt ended."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapters.kantata.simulated.faults import FaultKind
from canonical.errors import DataRejected, OutcomeUnknown, SystemUnavailable
from tests.adapters.kantata.test_projects import project_row, set_up
from tests.adapters.kantata.workshop import Workshop, make_plan, open_workshop


def published(workshop: Workshop) -> list[tuple[str, int]]:
    """Effective dates and rates of all published versions."""
    office = workshop.office
    dates = {
        row["id"]: str(row["effective_date"])
        for row in office.rows("rate_card_set_versions")
        if row["active"]
    }
    copies = {
        row["id"]: dates[row["rate_card_set_version_id"]]
        for row in office.rows("rate_card_versions")
        if row["rate_card_set_version_id"] in dates
    }
    return sorted(
        (copies[row["rate_card_version_id"]], int(str(row["rate"])))
        for row in office.rows("rate_card_roles")
        if row["rate_card_version_id"] in copies
    )


async def test_each_effective_date_is_a_published_version_with_its_rates() -> None:
    async with open_workshop() as workshop:
        project = await set_up(workshop)
        (card,) = workshop.office.rows("rate_cards")
        row = project_row(workshop, project)
        assert published(workshop) == [("2026-09-01", 18_000), ("2026-09-16", 18_750)]
    assert (card["currency"], row["rate_card_id"]) == ("EUR", card["id"])


async def test_a_second_attempt_changes_nothing_about_rates() -> None:
    async with open_workshop() as workshop:
        await set_up(workshop)
        await set_up(workshop)
        assert len(workshop.office.rows("rate_card_sets")) == 1
        assert len(workshop.office.rows("rate_card_set_versions")) == 2
        assert len(published(workshop)) == 2


@pytest.mark.parametrize(
    "resource", ["rate_card_sets", "rate_card_set_versions", "rate_cards", "rate_card_roles"]
)
async def test_a_lost_answer_anywhere_is_continued_by_the_next_attempt(resource: str) -> None:
    async with open_workshop({"settle_looks": 0}) as workshop:
        workshop.office.plan_fault(FaultKind.DROP, "POST", resource)
        with pytest.raises((OutcomeUnknown, SystemUnavailable)):
            await set_up(workshop)
        await set_up(workshop)
        assert published(workshop) == [("2026-09-01", 18_000), ("2026-09-16", 18_750)]
        assert len(workshop.office.rows("rate_cards")) == 1


async def test_a_later_rate_is_added_as_a_new_version() -> None:
    plan = make_plan()
    raised = plan.rates[1].model_copy(
        update={"rate": Decimal(200), "effective_from": plan.starts.replace(month=10)}
    )
    async with open_workshop() as workshop:
        await set_up(workshop)
        await set_up(workshop, rates=(*plan.rates, raised))
        assert published(workshop)[-1] == ("2026-10-01", 20_000)


async def test_rates_that_are_published_differently_are_refused() -> None:
    first = make_plan().rates[0]
    async with open_workshop() as workshop:
        await set_up(workshop, rates=(first,))
        with pytest.raises(DataRejected, match="2026-09-01 are published and differ"):
            await set_up(workshop, rates=(first.model_copy(update={"rate": Decimal(170)}),))
