"""The audit trail, chained: what waits for its seal, seals, signed checkpoints, keys of people.

Written in SQL, in the order of the files' names, so that a database administrator can review it.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op
from sqlalchemy.util import await_only

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCRIPTS = Path(__file__).parent / "audit"


def upgrade() -> None:
    # Prepared statements take one command each; the driver's own `execute` takes a script.
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    for script in sorted(SCRIPTS.glob("*.sql")):
        await_only(driver.execute(script.read_text(encoding="utf-8")))


def downgrade() -> None:
    raise NotImplementedError("seals are only added to: restore a backup instead")
