"""What is written down beside: attempts and batches of executions, waivers, read markers, attachments, audit, settings.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UUID = sa.UUID(as_uuid=True)
TIME = sa.DateTime(timezone=True)
JSON = pg.JSONB
TEXTS = pg.ARRAY(sa.Text)
NOW = sa.text("now()")

TABLES = (
    "execution_attempts",
    "execution_feedback",
    "gate_waivers",
    "read_markers",
    "attachments",
    "audit_events",
    "settings",
)


def upgrade() -> None:
    _execution_attempts()
    _execution_feedback()
    _gate_waivers()
    _read_markers()
    _attachments()
    _audit_events()
    _settings()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _execution_attempts() -> None:
    op.create_table(
        "execution_attempts",
        sa.Column("id", UUID, nullable=False),
        sa.Column("execution_id", UUID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("started_at", TIME, nullable=False, server_default=NOW),
        sa.Column("ended_at", TIME),
        sa.Column("outcome", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("log_key", sa.Text),
        sa.Column("cost_usd", sa.Numeric(12, 6), nullable=False, server_default=sa.text("0")),
        sa.Column("input_tokens", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("output_tokens", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("commit_hash", sa.Text),
        sa.Column("deployment_id", sa.Text),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_execution_attempts")),
        sa.UniqueConstraint("execution_id", "number", name=op.f("uq_execution_attempts_execution_id_number")),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["claude_executions.id"],
            ondelete="CASCADE",
            name=op.f("fk_execution_attempts_execution_id_claude_executions"),
        ),
    )


def _execution_feedback() -> None:
    op.create_table(
        "execution_feedback",
        sa.Column("execution_id", UUID, nullable=False),
        sa.Column("feedback_id", UUID, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.PrimaryKeyConstraint("execution_id", "feedback_id", name=op.f("pk_execution_feedback")),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["claude_executions.id"],
            ondelete="CASCADE",
            name=op.f("fk_execution_feedback_execution_id_claude_executions"),
        ),
        sa.ForeignKeyConstraint(
            ["feedback_id"],
            ["feedback_items.id"],
            ondelete="CASCADE",
            name=op.f("fk_execution_feedback_feedback_id_feedback_items"),
        ),
    )
    op.create_index(op.f("ix_execution_feedback_feedback_id"), "execution_feedback", ["feedback_id"])


def _gate_waivers() -> None:
    op.create_table(
        "gate_waivers",
        sa.Column("id", UUID, nullable=False),
        sa.Column("workspace_id", UUID, nullable=False),
        sa.Column("execution_id", UUID, nullable=False),
        sa.Column("detector_version_id", UUID, nullable=False),
        sa.Column("waived_by_id", UUID, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("broken_ids", TEXTS, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_waivers")),
        sa.ForeignKeyConstraint(
            ["detector_version_id"],
            ["detector_versions.id"],
            name=op.f("fk_gate_waivers_detector_version_id_detector_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["claude_executions.id"],
            ondelete="CASCADE",
            name=op.f("fk_gate_waivers_execution_id_claude_executions"),
        ),
        sa.ForeignKeyConstraint(["waived_by_id"], ["users.id"], name=op.f("fk_gate_waivers_waived_by_id_users")),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["pattern_workspaces.id"],
            ondelete="CASCADE",
            name=op.f("fk_gate_waivers_workspace_id_pattern_workspaces"),
        ),
    )


def _read_markers() -> None:
    op.create_table(
        "read_markers",
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("workspace_id", UUID, nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("read_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("user_id", "workspace_id", name=op.f("pk_read_markers")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], ondelete="CASCADE", name=op.f("fk_read_markers_user_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["pattern_workspaces.id"],
            ondelete="CASCADE",
            name=op.f("fk_read_markers_workspace_id_pattern_workspaces"),
        ),
    )


def _attachments() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", UUID, nullable=False),
        sa.Column("content_sha256", sa.Text, nullable=False),
        sa.Column("storage_key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("uploaded_by_id", UUID, nullable=False),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("content_sha256", name=op.f("uq_attachments_content_sha256")),
        sa.CheckConstraint("kind IN ('image', 'video', 'file')", name=op.f("ck_attachments_kind_known")),
        sa.ForeignKeyConstraint(["uploaded_by_id"], ["users.id"], name=op.f("fk_attachments_uploaded_by_id_users")),
    )


def _audit_events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", UUID, nullable=False),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.Column("actor_id", UUID),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("object_type", sa.Text, nullable=False),
        sa.Column("object_id", sa.Text, nullable=False),
        sa.Column("before", JSON),
        sa.Column("after", JSON),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_audit_events_actor_id_users")),
    )
    op.create_index(op.f("ix_audit_events_created_at_id"), "audit_events", ["created_at", "id"])
    op.create_index(op.f("ix_audit_events_object_type_object_id"), "audit_events", ["object_type", "object_id"])


def _settings() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.Column("updated_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )
