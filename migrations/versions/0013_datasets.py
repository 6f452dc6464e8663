"""Datasets that can be put away, and how files of one shape were read before.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("candle_datasets", sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "import_readings",
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("reading", postgresql.JSONB(), nullable=False),
        sa.Column("updated_by_id", sa.UUID(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["updated_by_id"], ["users.id"], name=op.f("fk_import_readings_updated_by_id_users")
        ),
        sa.PrimaryKeyConstraint("shape", name=op.f("pk_import_readings")),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("import_readings")
    op.drop_column("candle_datasets", "archived_at")
