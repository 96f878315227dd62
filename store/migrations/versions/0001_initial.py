"""The first schema: intake, agreements, work, billing, control, and the guards over them.

Written in SQL, in the order of the files' names, so that a database administrator can review it.
"""

from __future__ import annotations

from pathlib import Path

from store.migrations.scripts import run_scripts

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCRIPTS = Path(__file__).parent / "initial"


def upgrade() -> None:
    run_scripts(SCRIPTS)


def downgrade() -> None:
    raise NotImplementedError("the first schema holds the ledger: restore a backup instead")
