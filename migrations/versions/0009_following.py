"""What is needed to follow a run and to be told of it: usage of the agent, attempts with logs of their own, notices.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ATTEMPT_COLUMNS = (
    ("phase", sa.Text),
    ("decision", postgresql.JSONB),
    ("deploy_status", sa.Text),
    ("deploy_log_key", sa.Text),
    ("log_tail", sa.Text),
)


def upgrade() -> None:
    op.add_column(
        "claude_executions", sa.Column("continues", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("claude_executions", sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_claude_executions_triggered_at_id"), "claude_executions", ["triggered_at", "id"])
    for name, kind in ATTEMPT_COLUMNS:
        op.add_column("execution_attempts", sa.Column(name, kind(), nullable=True))
    op.create_table(
        "agent_usage",
        sa.Column("execution_id", sa.UUID(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(12, 6), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(
            "cost_usd >= 0 AND input_tokens >= 0 AND output_tokens >= 0", name=op.f("ck_agent_usage_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["claude_executions.id"], ondelete="CASCADE",
            name=op.f("fk_agent_usage_execution_id_claude_executions"),
        ),
        sa.PrimaryKeyConstraint("execution_id", "message_id", name=op.f("pk_agent_usage")),
    )  # fmt: skip
    op.create_table(
        "notifications",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("workspace_id", sa.UUID(), nullable=False),
        sa.Column("execution_id", sa.UUID(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("outcomes", postgresql.JSONB(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "event IN ('run_failed', 'deploy_failed', 'review_waiting', 'success_rate_fell', 'test')",
            name=op.f("ck_notifications_event_known"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'sent', 'failed')", name=op.f("ck_notifications_status_known")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["pattern_workspaces.id"], ondelete="CASCADE",
            name=op.f("fk_notifications_workspace_id_pattern_workspaces"),
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["claude_executions.id"], ondelete="CASCADE",
            name=op.f("fk_notifications_execution_id_claude_executions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_notifications_dedupe_key")),
    )  # fmt: skip
    op.create_index(op.f("ix_notifications_workspace_id_created_at"), "notifications", ["workspace_id", "created_at"])


def downgrade() -> None:
    """Totals of cost and tokens stay on the executions and their attempts."""
    op.drop_table("notifications")
    op.drop_table("agent_usage")
    for name, _kind in ATTEMPT_COLUMNS:
        op.drop_column("execution_attempts", name)
    op.drop_index(op.f("ix_claude_executions_triggered_at_id"), "claude_executions")
    op.drop_column("claude_executions", "retry_at")
    op.drop_column("claude_executions", "continues")
