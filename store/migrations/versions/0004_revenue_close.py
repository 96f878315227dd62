"""Entries of revenue: what was sealed for the ERP, and how it booked it.

Written in SQL, in the order of the files' names, so that a database administrator can review it.
"""

from __future__ import annotations

from pathlib import Path

from store.migrations.scripts import run_scripts

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCRIPTS = Path(__file__).parent / "revenue"


def upgrade() -> None:
    run_scripts(SCRIPTS)


def downgrade() -> None:
    raise NotImplementedError("sealed entries are only added to: restore a backup instead")
