"""Executions by number and by the beginning of a commit, for the palette.

Revision ID: 0025
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_claude_executions_numbered", "claude_executions", ["number", "triggered_at"])
    op.create_index(
        "ix_claude_executions_committed",
        "claude_executions",
        ["commit_hash"],
        postgresql_ops={"commit_hash": "text_pattern_ops"},
        postgresql_where=sa.text("commit_hash IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_claude_executions_committed", table_name="claude_executions")
    op.drop_index("ix_claude_executions_numbered", table_name="claude_executions")
