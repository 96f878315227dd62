"""Migrations written in SQL, so that a database administrator can review them."""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy.util import await_only


def run_scripts(folder: Path) -> None:
    """Run a folder's SQL files in the order of their names, in the migration's transaction."""
    # Prepared statements take one command each; the driver's own `execute` takes a script.
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    for script in sorted(folder.glob("*.sql")):
        await_only(driver.execute(script.read_text(encoding="utf-8")))
