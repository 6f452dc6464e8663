"""The three new models of the workspace-centric schema: workspaces, their messages, executions.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UUID = sa.UUID(as_uuid=True)
TIME = sa.DateTime(timezone=True)
JSON = pg.JSONB
TEXTS = pg.ARRAY(sa.Text)
NOW = sa.text("now()")
MESSAGE_TYPE_KNOWN = (
    "type IN ("
    "'pattern_created', 'pattern_description_submitted', 'session_created', 'session_completed', "
    "'feedback_added', 'feedback_batch_sent', 'claude_started', 'claude_phase_update', 'claude_checkpoint', "
    "'claude_completed', 'claude_failed', 'deploy_started', 'deploy_building', 'deploy_success', "
    "'deploy_failed', 'deploy_retry', 'user_approved', 'admin_verified', 'version_updated', 'status_changed', "
    "'comment', 'review_returned', 'approval_voided', 'gate_waived', 'version_rolled_back', 'mark_disputed'"
    ")"
)


def upgrade() -> None:
    _pattern_workspaces()
    _claude_executions()
    _workspace_messages()


def downgrade() -> None:
    for table in ("workspace_messages", "claude_executions", "pattern_workspaces"):
        op.drop_table(table)


def _pattern_workspaces() -> None:
    op.create_table(
        "pattern_workspaces",
        sa.Column("id", UUID, nullable=False),
        sa.Column("pattern_type", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="soon"),
        sa.Column("version", sa.Text, nullable=False, server_default="0.0.0"),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.Column("updated_at", TIME, nullable=False, server_default=NOW),
        sa.Column("implemented_at", TIME),
        sa.Column("approved_at", TIME),
        sa.Column("verified_at", TIME),
        sa.Column("description", sa.Text),
        sa.Column("user_reasoning", sa.Text),
        sa.Column("identification_steps", JSON),
        sa.Column("attachments", TEXTS, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("session_count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("feedback_count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("success_rate", sa.Double),
        sa.Column("last_tested_at", TIME),
        sa.Column("created_by_id", UUID, nullable=False),
        sa.Column("approved_by_id", UUID),
        sa.Column("verified_by_id", UUID),
        sa.Column("archived_at", TIME),
        sa.Column("rules", sa.Text),
        sa.Column("approved_evidence", JSON),
        sa.Column("deployed_version_id", UUID),
        sa.Column("success_tp", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("success_fp", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("success_fn", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("message_seq", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("execution_seq", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("holdout_share", sa.Double, nullable=False, server_default=sa.text("0.2")),
        sa.Column("notification_urls", TEXTS, nullable=False, server_default=sa.text("'{}'")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pattern_workspaces")),
        sa.UniqueConstraint("pattern_type", name=op.f("uq_pattern_workspaces_pattern_type")),
        sa.CheckConstraint(
            "session_count >= 0 AND feedback_count >= 0", name=op.f("ck_pattern_workspaces_counts_not_negative")
        ),
        sa.CheckConstraint(
            "pattern_type ~ '^[a-z][a-z0-9_]{1,62}$'", name=op.f("ck_pattern_workspaces_pattern_type_form")
        ),
        sa.CheckConstraint(
            "status NOT IN ('in_review', 'verified') OR (approved_at IS NOT NULL AND approved_by_id IS NOT NULL)",
            name=op.f("ck_pattern_workspaces_review_has_approver"),
        ),
        sa.CheckConstraint(
            "status IN ('soon', 'implementing', 'beta', 'in_review', 'verified')",
            name=op.f("ck_pattern_workspaces_status_known"),
        ),
        sa.CheckConstraint(
            "success_rate IS NULL OR (success_rate >= 0 AND success_rate <= 1)",
            name=op.f("ck_pattern_workspaces_success_rate_range"),
        ),
        sa.CheckConstraint(
            "status <> 'verified' OR (verified_at IS NOT NULL AND verified_by_id IS NOT NULL)",
            name=op.f("ck_pattern_workspaces_verified_has_verifier"),
        ),
        sa.CheckConstraint("version ~ '^\\d+\\.\\d+\\.\\d+$'", name=op.f("ck_pattern_workspaces_version_form")),
        sa.ForeignKeyConstraint(
            ["approved_by_id"], ["users.id"], name=op.f("fk_pattern_workspaces_approved_by_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["users.id"], name=op.f("fk_pattern_workspaces_created_by_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["verified_by_id"], ["users.id"], name=op.f("fk_pattern_workspaces_verified_by_id_users")
        ),
    )
    op.create_index(op.f("ix_pattern_workspaces_created_by_id"), "pattern_workspaces", ["created_by_id"])
    op.create_index(op.f("ix_pattern_workspaces_pattern_type"), "pattern_workspaces", ["pattern_type"])
    op.create_index(op.f("ix_pattern_workspaces_status"), "pattern_workspaces", ["status"])


def _workspace_messages() -> None:
    op.create_table(
        "workspace_messages",
        sa.Column("id", UUID, nullable=False),
        sa.Column("workspace_id", UUID, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.Column("author_id", UUID),
        sa.Column("author_type", sa.Text, nullable=False, server_default="user"),
        sa.Column("title", sa.Text),
        sa.Column("content", sa.Text),
        sa.Column("data", JSON),
        sa.Column("attachments", TEXTS, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("session_id", UUID),
        sa.Column("feedback_id", UUID),
        sa.Column("execution_id", UUID),
        sa.Column("status", sa.Text),
        sa.Column("progress", sa.Integer),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("dedupe_key", sa.Text),
        sa.Column("edited_at", TIME),
        sa.Column("deleted_at", TIME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace_messages")),
        sa.UniqueConstraint("workspace_id", "seq", name=op.f("uq_workspace_messages_workspace_id_seq")),
        sa.CheckConstraint(
            "author_type IN ('user', 'system', 'claude')", name=op.f("ck_workspace_messages_author_type_known")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_workspace_messages_progress_range")),
        sa.CheckConstraint(
            "status IN ('pending', 'in_progress', 'completed', 'failed')",
            name=op.f("ck_workspace_messages_status_known"),
        ),
        sa.CheckConstraint(
            MESSAGE_TYPE_KNOWN,
            name=op.f("ck_workspace_messages_type_known"),
        ),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_workspace_messages_author_id_users")),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["claude_executions.id"],
            name=op.f("fk_workspace_messages_execution_id_claude_executions"),
        ),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback_items.id"], name=op.f("fk_workspace_messages_feedback_id_feedback_items")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["pattern_sessions.id"], name=op.f("fk_workspace_messages_session_id_pattern_sessions")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["pattern_workspaces.id"],
            ondelete="CASCADE",
            name=op.f("fk_workspace_messages_workspace_id_pattern_workspaces"),
        ),
    )
    op.create_index(
        op.f("ix_workspace_messages_execution_id"),
        "workspace_messages",
        ["execution_id"],
        postgresql_where=sa.text("execution_id IS NOT NULL"),
    )
    op.create_index(op.f("ix_workspace_messages_session_id"), "workspace_messages", ["session_id"])
    op.create_index(op.f("ix_workspace_messages_type"), "workspace_messages", ["type"])
    op.create_index(
        op.f("ix_workspace_messages_workspace_id_created_at_id"),
        "workspace_messages",
        ["workspace_id", "created_at", "id"],
    )
    op.create_index(
        op.f("uq_workspace_messages_dedupe_key"),
        "workspace_messages",
        ["dedupe_key"],
        unique=True,
        postgresql_where=sa.text("dedupe_key IS NOT NULL"),
    )


def _execution_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", UUID, nullable=False),
        sa.Column("workspace_id", UUID, nullable=False),
        sa.Column("triggered_by", UUID, nullable=False),
        sa.Column("triggered_at", TIME, nullable=False, server_default=NOW),
        sa.Column("status", sa.Text, nullable=False, server_default="pending"),
        sa.Column("phase", sa.Text),
        sa.Column("progress", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("feedback_ids", TEXTS, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("prompt_file", sa.Text),
        sa.Column("completed_at", TIME),
        sa.Column("files_changed", TEXTS, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("commit_hash", sa.Text),
        sa.Column("commit_message", sa.Text),
        sa.Column("deploy_started_at", TIME),
        sa.Column("deploy_completed_at", TIME),
        sa.Column("deploy_url", sa.Text),
        sa.Column("deploy_status", sa.Text),
        sa.Column("deploy_logs", sa.Text),
        sa.Column("retry_count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("max_retries", sa.Integer, nullable=False, server_default=sa.text("10")),
        sa.Column("retry_reason", sa.Text),
        sa.Column("parent_execution_id", UUID),
        sa.Column("phases", JSON),
        sa.Column("checkpoints", JSON),
        sa.Column("error", sa.Text),
        sa.Column("errored_at", TIME),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("agent", sa.Text, nullable=False, server_default="tuner"),
        sa.Column("epoch", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("is_first", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("stop_after_planning", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("plan_accepted_at", TIME),
        sa.Column("started_at", TIME),
        sa.Column("canceled_at", TIME),
        sa.Column("canceled_by_id", UUID),
        sa.Column("heartbeat_at", TIME),
        sa.Column("worker_id", sa.Text),
        sa.Column("base_commit", sa.Text),
        sa.Column("candidate_version_id", UUID),
        sa.Column("plan", JSON),
        sa.Column("summary", sa.Text),
        sa.Column("test_report", JSON),
        sa.Column("log_key", sa.Text),
        sa.Column("cost_usd", sa.Numeric(12, 6), nullable=False, server_default=sa.text("0")),
        sa.Column("input_tokens", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("output_tokens", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("deploy_target", sa.Text, nullable=False, server_default="local"),
        sa.Column("deployment_id", sa.Text),
        sa.Column("deploy_state_raw", sa.Text),
    ]


def _claude_executions() -> None:
    op.create_table(
        "claude_executions",
        *_execution_columns(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claude_executions")),
        sa.UniqueConstraint("workspace_id", "number", name=op.f("uq_claude_executions_workspace_id_number")),
        sa.CheckConstraint(
            "status <> 'completed' OR completed_at IS NOT NULL", name=op.f("ck_claude_executions_completed_has_time")
        ),
        sa.CheckConstraint(
            "deploy_status IN ('queued', 'building', 'ready', 'error', 'canceled')",
            name=op.f("ck_claude_executions_deploy_status_known"),
        ),
        sa.CheckConstraint(
            "status <> 'failed' OR error IS NOT NULL", name=op.f("ck_claude_executions_failed_has_error")
        ),
        sa.CheckConstraint(
            "phase IN ('planning', 'implementing', 'testing', 'refining', 'deploying')",
            name=op.f("ck_claude_executions_phase_known"),
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_claude_executions_progress_range")),
        sa.CheckConstraint(
            "retry_count >= 0 AND max_retries >= 0", name=op.f("ck_claude_executions_retries_not_negative")
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'completed', 'failed', 'retry')",
            name=op.f("ck_claude_executions_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["canceled_by_id"], ["users.id"], name=op.f("fk_claude_executions_canceled_by_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["parent_execution_id"],
            ["claude_executions.id"],
            name=op.f("fk_claude_executions_parent_execution_id_claude_executions"),
        ),
        sa.ForeignKeyConstraint(["triggered_by"], ["users.id"], name=op.f("fk_claude_executions_triggered_by_users")),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["pattern_workspaces.id"],
            ondelete="CASCADE",
            name=op.f("fk_claude_executions_workspace_id_pattern_workspaces"),
        ),
    )
    op.create_index(op.f("ix_claude_executions_phase"), "claude_executions", ["phase"])
    op.create_index(op.f("ix_claude_executions_status"), "claude_executions", ["status"])
    op.create_index(
        op.f("ix_claude_executions_workspace_id_triggered_at"), "claude_executions", ["workspace_id", "triggered_at"]
    )
    op.create_index(
        op.f("uq_claude_executions_live"),
        "claude_executions",
        ["workspace_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('pending', 'running', 'retry')"),
    )
