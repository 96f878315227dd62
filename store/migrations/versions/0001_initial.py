"""The first schema: intake, agreements, work, billing, control, and the guards over them.

Written in SQL, in the order of the files' names, so that a database administrator can review it.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy.util import await_only

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCRIPTS = Path(__file__).parent / "initial"


def upgrade() -> None:
    # Prepared statements take one command each; the driver's own `execute` takes a script.
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    for script in sorted(SCRIPTS.glob("*.sql")):
        await_only(driver.execute(script.read_text(encoding="utf-8")))


def downgrade() -> None:
    raise NotImplementedError("the first schema holds the ledger: restore a backup instead")
