"""The tables as they stood before workspaces: people, test sessions, feedback, implementation sessions.

No CHECK holds the statuses and types here: old rows may carry anything, and 0005 decides what becomes of it.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UUID = sa.UUID(as_uuid=True)
TIME = sa.DateTime(timezone=True)
NOW = sa.text("now()")
EMPTY = sa.text("'{}'")


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", UUID, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("image", sa.Text),
        sa.Column("role", sa.Text, nullable=False, server_default="viewer"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email_as_written")),
    )
    op.create_table(
        "pattern_sessions",
        sa.Column("id", UUID, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("timeframe", sa.Text, nullable=False),
        sa.Column("start_time", TIME),
        sa.Column("end_time", TIME),
        sa.Column("pattern_type", sa.Text, nullable=False),
        sa.Column("pattern_version", sa.Text),
        sa.Column("pattern_settings", pg.JSONB),
        sa.Column("candle_data", pg.JSONB),
        sa.Column("description", sa.Text),
        sa.Column("status", sa.Text, nullable=False, server_default="active"),
        sa.Column("created_by_id", UUID, nullable=False),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.Column("updated_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pattern_sessions")),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_pattern_sessions_created_by_id_users")),
    )
    _feedback_items()
    _implementation_sessions()


def _feedback_items() -> None:
    op.create_table(
        "feedback_items",
        sa.Column("id", UUID, nullable=False),
        sa.Column("session_id", UUID, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("reasoning", sa.Text),
        sa.Column("candle_index", sa.Integer),
        sa.Column("candle_time", TIME),
        sa.Column("price", sa.Float),
        sa.Column("attachments", pg.ARRAY(sa.Text), nullable=False, server_default=EMPTY),
        sa.Column("metadata", pg.JSONB),
        sa.Column("created_by_id", UUID, nullable=False),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback_items")),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["pattern_sessions.id"],
            ondelete="CASCADE",
            name=op.f("fk_feedback_items_session_id_pattern_sessions"),
        ),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_feedback_items_created_by_id_users")),
    )


def _implementation_sessions() -> None:
    op.create_table(
        "implementation_sessions",
        sa.Column("id", UUID, nullable=False),
        sa.Column("session_id", UUID, nullable=False),
        sa.Column("feedback_ids", pg.ARRAY(sa.Text), nullable=False, server_default=EMPTY),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("type", sa.Text),
        sa.Column("phase", sa.Text),
        sa.Column("status", sa.Text, nullable=False, server_default="pending"),
        sa.Column("progress", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("phases", pg.JSONB),
        sa.Column("checkpoints", pg.JSONB),
        sa.Column("files_changed", pg.ARRAY(sa.Text), nullable=False, server_default=EMPTY),
        sa.Column("commit_hash", sa.Text),
        sa.Column("deployment_url", sa.Text),
        sa.Column("retry_count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("max_retries", sa.Integer, nullable=False, server_default=sa.text("10")),
        sa.Column("created_by_id", UUID, nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("completed_at", TIME),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.Column("updated_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_implementation_sessions")),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["pattern_sessions.id"],
            ondelete="CASCADE",
            name=op.f("fk_implementation_sessions_session_id_pattern_sessions"),
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["users.id"], name=op.f("fk_implementation_sessions_created_by_id_users")
        ),
    )


def downgrade() -> None:
    for table in ("implementation_sessions", "feedback_items", "pattern_sessions", "users"):
        op.drop_table(table)
