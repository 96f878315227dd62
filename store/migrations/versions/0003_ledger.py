"""The ledger: the books of each contract, balanced journals, and transactions of fees.

Written in SQL, in the order of the files' names, so that a database administrator can review it.
"""

from __future__ import annotations

from pathlib import Path

from store.migrations.scripts import run_scripts

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCRIPTS = Path(__file__).parent / "ledger"


def upgrade() -> None:
    run_scripts(SCRIPTS)


def downgrade() -> None:
    raise NotImplementedError("the ledger is only added to: restore a backup instead")
