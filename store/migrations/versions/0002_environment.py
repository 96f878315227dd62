"""The one row that names the environment of a database."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE database_environment (
            "only" BOOLEAN DEFAULT true NOT NULL,
            name TEXT NOT NULL,
            claimed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            CONSTRAINT database_environment_pkey PRIMARY KEY ("only"),
            CONSTRAINT database_environment_only_check CHECK ("only")
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE database_environment")
