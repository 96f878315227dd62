"""A firm over a database of its own."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.store.reports.firm import Firm


@pytest.fixture
def firm(engine: AsyncEngine) -> Firm:
    return Firm(engine)
