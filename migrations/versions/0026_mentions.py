"""The comments that name people, so that each finds theirs without reading all.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_workspace_messages_mentions",
        "workspace_messages",
        [sa.text("(data -> 'mentions')")],
        postgresql_using="gin",
        postgresql_where=sa.text("type = 'comment' AND data ? 'mentions'"),
    )


def downgrade() -> None:
    op.drop_index("ix_workspace_messages_mentions", table_name="workspace_messages")
