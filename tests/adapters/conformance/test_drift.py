"""Schema drift: an answer that does not fit is quarantined by its place, never filled with
nothing."""

from __future__ import annotations

import pytest

from canonical.errors import AnswerUnreadable
from tests.adapters.conformance.driver import AnyDriver, Bench, Drift


async def test_an_answer_that_does_not_fit_names_the_place(
    driver: AnyDriver, bench: Bench, drift: Drift[Bench]
) -> None:
    await drift.read(bench)
    await drift.apply(bench)
    with pytest.raises(AnswerUnreadable) as unreadable:
        await drift.read(bench)
    assert drift.where in unreadable.value.where
