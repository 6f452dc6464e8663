"""What detectors work on and make: datasets, detector versions, detections, evaluations.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UUID = sa.UUID(as_uuid=True)
TIME = sa.DateTime(timezone=True)
JSON = pg.JSONB
TEXTS = pg.ARRAY(sa.Text)
NOW = sa.text("now()")

# Two tables of 0002 point at detector versions, which only come to be here.
TO_VERSIONS = (("pattern_workspaces", "deployed_version_id"), ("claude_executions", "candidate_version_id"))


def upgrade() -> None:
    _candle_datasets()
    _detector_versions()
    _detections()
    _evaluations()
    for table, column in TO_VERSIONS:
        op.create_foreign_key(op.f(f"fk_{table}_{column}"), table, "detector_versions", [column], ["id"])


def downgrade() -> None:
    for table, column in TO_VERSIONS:
        op.drop_constraint(op.f(f"fk_{table}_{column}"), table, type_="foreignkey")
    for table in ("evaluations", "detections", "detector_versions", "candle_datasets"):
        op.drop_table(table)


def _candle_datasets() -> None:
    op.create_table(
        "candle_datasets",
        sa.Column("id", UUID, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("timeframe", sa.Text, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("start_at", TIME, nullable=False),
        sa.Column("end_at", TIME, nullable=False),
        sa.Column("source_format", sa.Text, nullable=False),
        sa.Column("source_sha256", sa.Text, nullable=False),
        sa.Column("content_sha256", sa.Text, nullable=False),
        sa.Column("storage_path", sa.Text, nullable=False),
        sa.Column("price_adjustment", sa.Text, nullable=False, server_default="unknown"),
        sa.Column("quality", JSON, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("licence_note", sa.Text),
        sa.Column("uploaded_by_id", UUID),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candle_datasets")),
        sa.UniqueConstraint("content_sha256", name=op.f("uq_candle_datasets_content_sha256")),
        sa.CheckConstraint("rows > 0", name=op.f("ck_candle_datasets_has_rows")),
        sa.CheckConstraint(
            "price_adjustment IN ('raw', 'split', 'total', 'unknown')",
            name=op.f("ck_candle_datasets_price_adjustment_known"),
        ),
        sa.ForeignKeyConstraint(["uploaded_by_id"], ["users.id"], name=op.f("fk_candle_datasets_uploaded_by_id_users")),
    )


def _detector_versions() -> None:
    op.create_table(
        "detector_versions",
        sa.Column("id", UUID, nullable=False),
        sa.Column("workspace_id", UUID, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("build_label", sa.Text),
        sa.Column("parent_id", UUID),
        sa.Column("commit_hash", sa.Text, nullable=False),
        sa.Column("module_path", sa.Text, nullable=False),
        sa.Column("code_sha256", sa.Text, nullable=False),
        sa.Column("params", JSON, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("param_schema", JSON, nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("execution_id", UUID),
        sa.Column("contract_report", JSON),
        sa.Column("status", sa.Text, nullable=False, server_default="candidate"),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.Column("deployed_at", TIME),
        sa.Column("retired_at", TIME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_detector_versions")),
        sa.CheckConstraint(
            "origin IN ('agent', 'tuner', 'manual', 'starter')", name=op.f("ck_detector_versions_origin_known")
        ),
        sa.CheckConstraint(
            "status IN ('candidate', 'deployed', 'retired', 'rejected')", name=op.f("ck_detector_versions_status_known")
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["claude_executions.id"], name=op.f("fk_detector_versions_execution_id_claude_executions")
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["detector_versions.id"], name=op.f("fk_detector_versions_parent_id_detector_versions")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["pattern_workspaces.id"],
            ondelete="CASCADE",
            name=op.f("fk_detector_versions_workspace_id_pattern_workspaces"),
        ),
    )
    op.create_index(
        op.f("ix_detector_versions_workspace_id_created_at"), "detector_versions", ["workspace_id", "created_at"]
    )
    op.create_index(
        op.f("uq_detector_versions_deployed"),
        "detector_versions",
        ["workspace_id"],
        unique=True,
        postgresql_where=sa.text("status = 'deployed'"),
    )


def _detections() -> None:
    op.create_table(
        "detections",
        sa.Column("id", UUID, nullable=False),
        sa.Column("session_id", UUID, nullable=False),
        sa.Column("detector_version_id", UUID, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("direction", sa.Integer, nullable=False),
        sa.Column("anchor_index", sa.Integer, nullable=False),
        sa.Column("anchor_time", TIME, nullable=False),
        sa.Column("start_index", sa.Integer, nullable=False),
        sa.Column("end_index", sa.Integer, nullable=False),
        sa.Column("price", sa.Double),
        sa.Column("price_low", sa.Double),
        sa.Column("price_high", sa.Double),
        sa.Column("confirmed_index", sa.Integer, nullable=False),
        sa.Column("confirmed_at", TIME, nullable=False),
        sa.Column("confidence", sa.Double),
        sa.Column("refs", JSON, nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.Column("meta", JSON, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_detections")),
        sa.UniqueConstraint("session_id", "key", name=op.f("uq_detections_session_id_key")),
        sa.CheckConstraint("direction IN (-1, 0, 1)", name=op.f("ck_detections_direction_known")),
        sa.ForeignKeyConstraint(
            ["detector_version_id"],
            ["detector_versions.id"],
            name=op.f("fk_detections_detector_version_id_detector_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["pattern_sessions.id"],
            ondelete="CASCADE",
            name=op.f("fk_detections_session_id_pattern_sessions"),
        ),
    )


def _evaluations() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", UUID, nullable=False),
        sa.Column("workspace_id", UUID, nullable=False),
        sa.Column("detector_version_id", UUID, nullable=False),
        sa.Column("baseline_version_id", UUID),
        sa.Column("execution_id", UUID),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("label_set_sha256", sa.Text, nullable=False),
        sa.Column("matcher", JSON, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("tp", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("fp", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("fn", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("unjudged", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("success_rate", sa.Double),
        sa.Column("precision", sa.Double),
        sa.Column("recall", sa.Double),
        sa.Column("f1", sa.Double),
        sa.Column("ci_low", sa.Double),
        sa.Column("ci_high", sa.Double),
        sa.Column("fixed_ids", TEXTS, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("broken_ids", TEXTS, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("p_value", sa.Double),
        sa.Column("splits", JSON, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("case_results", JSON, nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.Column("runtime_ms", sa.Integer),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
        sa.CheckConstraint(
            "kind IN ('first_look', 'replay', 'tuning', 'contract')", name=op.f("ck_evaluations_kind_known")
        ),
        sa.ForeignKeyConstraint(
            ["baseline_version_id"],
            ["detector_versions.id"],
            name=op.f("fk_evaluations_baseline_version_id_detector_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["detector_version_id"],
            ["detector_versions.id"],
            ondelete="CASCADE",
            name=op.f("fk_evaluations_detector_version_id_detector_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["claude_executions.id"], name=op.f("fk_evaluations_execution_id_claude_executions")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["pattern_workspaces.id"],
            ondelete="CASCADE",
            name=op.f("fk_evaluations_workspace_id_pattern_workspaces"),
        ),
    )
    op.create_index(op.f("ix_evaluations_detector_version_id"), "evaluations", ["detector_version_id"])
    op.create_index(op.f("ix_evaluations_workspace_id_created_at"), "evaluations", ["workspace_id", "created_at"])
