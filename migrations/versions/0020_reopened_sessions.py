"""The frozen scores of sessions that were opened again, and the message that tells of it.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

CHECK = "ck_workspace_messages_type_known"
NEW = "session_reopened"


def _types() -> list[str]:
    """The types that the database takes now."""
    definition = sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name")
    return re.findall(r"'([a-z_]+)'", op.get_bind().scalar(definition, {"name": CHECK}))


def _take(types: list[str]) -> None:
    op.drop_constraint(op.f(CHECK), "workspace_messages", type_="check")
    listed = ", ".join(f"'{each}'" for each in types)
    op.create_check_constraint(op.f(CHECK), "workspace_messages", f"type IN ({listed})")


def upgrade() -> None:
    op.create_table(
        "session_revisions",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("session_id", sa.UUID(), nullable=False),
        sa.Column("tp", sa.Integer(), nullable=False),
        sa.Column("fp", sa.Integer(), nullable=False),
        sa.Column("fn", sa.Integer(), nullable=False),
        sa.Column("unsure_count", sa.Integer(), nullable=False),
        sa.Column("success_rate", sa.Double(), nullable=True),
        sa.Column("ci_low", sa.Double(), nullable=True),
        sa.Column("ci_high", sa.Double(), nullable=True),
        sa.Column("n_effective", sa.Double(), nullable=True),
        sa.Column("unjudged_count", sa.Integer(), nullable=True),
        sa.Column("label_set_sha256", sa.Text(), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopened_by_id", sa.UUID(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["pattern_sessions.id"], name=op.f("fk_session_revisions_session_id_pattern_sessions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["reopened_by_id"], ["users.id"], name=op.f("fk_session_revisions_reopened_by_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_revisions")),
    )  # fmt: skip
    op.create_index(op.f("ix_session_revisions_session_id"), "session_revisions", ["session_id"])
    _take([*_types(), NEW])


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM workspace_messages WHERE type = 'session_reopened'"))
    _take([each for each in _types() if each != NEW])
    op.drop_table("session_revisions")
