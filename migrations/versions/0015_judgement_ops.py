"""Judgements as the boards sent them, each done once.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    uuid = postgresql.UUID(as_uuid=True)
    op.create_table(
        "judgement_ops",
        sa.Column("id", uuid, nullable=False),
        sa.Column("session_id", uuid, nullable=False),
        sa.Column("author_id", uuid, nullable=False),
        sa.Column("client", uuid, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("mark_id", uuid, nullable=True),
        sa.Column("feedback_id", uuid, nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("previous", postgresql.JSONB(), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=True),
        sa.Column("undone_by", uuid, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(
            "action IN ('judge', 'miss', 'remove', 'undo', 'lost')", name=op.f("ck_judgement_ops_action_known")
        ),
        sa.CheckConstraint("result IN ('done', 'refused', 'conflict')", name=op.f("ck_judgement_ops_result_known")),
        sa.CheckConstraint("seq > 0", name=op.f("ck_judgement_ops_seq_positive")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["pattern_sessions.id"], name=op.f("fk_judgement_ops_session_id_pattern_sessions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_judgement_ops_author_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_judgement_ops")),
        sa.UniqueConstraint("session_id", "author_id", "client", "seq", name=op.f("uq_judgement_ops_session_id_author_id_client_seq")),
        sa.UniqueConstraint("session_id", "position", name=op.f("uq_judgement_ops_session_id_position")),
    )  # fmt: skip
    op.create_index(
        op.f("ix_judgement_ops_author_id_mark_id_position"), "judgement_ops", ["author_id", "mark_id", "position"]
    )


def downgrade() -> None:
    op.drop_table("judgement_ops")
