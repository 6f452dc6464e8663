"""Periods in which a version was deployed, roll backs, waived lines of an approval, rooms of disputed places.

The periods of what is there are those of `deployed_at` and `retired_at`. A version that a verification had renamed keeps
that name as its release; its number is what its build was labelled with.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

EVENTS = "'run_failed', 'deploy_failed', 'review_waiting', 'success_rate_fell', 'test'"
PERIODS = """
INSERT INTO version_periods (id, workspace_id, version_id, started_at, ended_at)
SELECT gen_random_uuid(), v.workspace_id, v.id, v.deployed_at,
       CASE WHEN v.status = 'deployed' THEN NULL ELSE coalesce(v.retired_at, v.deployed_at) END
FROM detector_versions v WHERE v.deployed_at IS NOT NULL
"""
RELEASES = """
UPDATE detector_versions SET release = version, version = build_label
WHERE build_label IS NOT NULL AND build_label <> version AND build_label ~ '^\\d+\\.\\d+\\.\\d+$'
"""


def _id(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.UUID(), nullable=nullable)


def _time(name: str, *, now: bool = False, nullable: bool = False) -> sa.Column[object]:
    default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def _refers(table: str, column: str, to: str, ondelete: str | None = "CASCADE") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}_{to}"), ondelete=ondelete)


def _events(extra: str) -> None:
    op.drop_constraint(op.f("ck_notifications_event_known"), "notifications", type_="check")
    op.create_check_constraint(op.f("ck_notifications_event_known"), "notifications", f"event IN ({EVENTS}{extra})")


def upgrade() -> None:
    _events(", 'approval_voided'")
    op.add_column("detector_versions", sa.Column("release", sa.Text(), nullable=True))
    op.add_column(
        "pattern_workspaces",
        sa.Column("approval_waivers", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
    )
    op.add_column("claude_executions", _id("holdout_asked_of", nullable=True))
    op.create_foreign_key(
        "fk_claude_executions_holdout_asked_of", "claude_executions", "detector_versions", ["holdout_asked_of"], ["id"],
        ondelete="SET NULL",
    )  # fmt: skip
    op.create_table(
        "version_periods",
        _id("id"), _id("workspace_id"), _id("version_id"), _time("started_at"), _time("ended_at", nullable=True),
        sa.Column("how", sa.Text(), server_default="deploy", nullable=False),
        sa.CheckConstraint("how IN ('deploy', 'roll_back')", name=op.f("ck_version_periods_how_known")),
        _refers("version_periods", "workspace_id", "pattern_workspaces"),
        _refers("version_periods", "version_id", "detector_versions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version_periods")),
    )  # fmt: skip
    op.create_index(op.f("ix_version_periods_version_id_started_at"), "version_periods", ["version_id", "started_at"])
    op.create_index(
        "uq_version_periods_running", "version_periods", ["workspace_id"], unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )  # fmt: skip
    op.create_table(
        "version_switches",
        _id("id"), _id("workspace_id"), _id("from_version_id"), _id("to_version_id"),
        sa.Column("reason", sa.Text(), nullable=False), _id("requested_by_id"),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("error", sa.Text(), nullable=True), _time("created_at", now=True), _time("ended_at", nullable=True),
        sa.CheckConstraint("status IN ('pending', 'done', 'failed')", name=op.f("ck_version_switches_status_known")),
        _refers("version_switches", "workspace_id", "pattern_workspaces"),
        _refers("version_switches", "from_version_id", "detector_versions"),
        _refers("version_switches", "to_version_id", "detector_versions"),
        _refers("version_switches", "requested_by_id", "users", None),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version_switches")),
    )  # fmt: skip
    op.create_index(
        "uq_version_switches_pending", "version_switches", ["workspace_id"], unique=True,
        postgresql_where=sa.text("status = 'pending'"),
    )  # fmt: skip
    op.create_table(
        "place_comments",
        _id("id"), _id("workspace_id"), _id("series_id"), sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("direction", sa.Integer(), nullable=False), sa.Column("anchor_bar", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False), _id("author_id"), _time("created_at", now=True),
        _refers("place_comments", "workspace_id", "pattern_workspaces"),
        _refers("place_comments", "author_id", "users", None),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place_comments")),
    )  # fmt: skip
    op.create_index(
        op.f("ix_place_comments_workspace_id_series_id_anchor_bar"), "place_comments",
        ["workspace_id", "series_id", "anchor_bar"],
    )  # fmt: skip
    op.execute(RELEASES)
    op.execute(PERIODS)


def downgrade() -> None:
    """Comments on places, waivers, and when a version ran again are gone; a release is its version's name again."""
    op.execute("UPDATE detector_versions SET version = release WHERE release IS NOT NULL")
    for table in ("place_comments", "version_switches", "version_periods"):
        op.drop_table(table)
    op.drop_constraint("fk_claude_executions_holdout_asked_of", "claude_executions", type_="foreignkey")
    op.drop_column("claude_executions", "holdout_asked_of")
    op.drop_column("pattern_workspaces", "approval_waivers")
    op.drop_column("detector_versions", "release")
    op.execute("DELETE FROM notifications WHERE event = 'approval_voided'")
    _events("")
