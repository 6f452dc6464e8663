"""New columns on the existing tables, and their foreign keys; all of it empty and not yet enforced.

What must hold for every row comes in 0007, once 0006 has moved the data. The foreign keys are added NOT VALID, so that
the lock on a large table lasts no longer than a moment; 0008 validates them.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from migrations.moving import LINKS
from services.errors import Conflict

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UUID = sa.UUID(as_uuid=True)
TIME = sa.DateTime(timezone=True)
ZERO = sa.text("0")
COMMENT = "deprecated: superseded by claude_executions, kept for backward compatibility"

RENAMED = (("reasoning", "reason"), ("created_by_id", "author_id"))
AUTHOR_KEYS = ("fk_feedback_items_created_by_id_users", "fk_feedback_items_author_id_users")


def _session_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("workspace_id", UUID),
        sa.Column("dataset_id", UUID),
        sa.Column("start_index", sa.Integer, nullable=False, server_default=ZERO),
        sa.Column("end_index", sa.Integer, nullable=False, server_default=ZERO),
        sa.Column("context_bars", sa.Integer, nullable=False, server_default=ZERO),
        sa.Column("detector_version_id", UUID),
        sa.Column("params", pg.JSONB),
        sa.Column("coverage", sa.Text, nullable=False, server_default="partial"),
        sa.Column("split", sa.Text, nullable=False, server_default="tune"),
        sa.Column("retest_of_id", UUID),
        sa.Column("run_ms", sa.Integer),
        sa.Column("isolation", sa.Text),
        sa.Column("detector_error", sa.Text),
        sa.Column("detection_count", sa.Integer, nullable=False, server_default=ZERO),
        sa.Column("tp", sa.Integer, nullable=False, server_default=ZERO),
        sa.Column("fp", sa.Integer, nullable=False, server_default=ZERO),
        sa.Column("fn", sa.Integer, nullable=False, server_default=ZERO),
        sa.Column("unsure_count", sa.Integer, nullable=False, server_default=ZERO),
        sa.Column("success_rate", sa.Double),
        sa.Column("precision", sa.Double),
        sa.Column("recall", sa.Double),
        sa.Column("ci_low", sa.Double),
        sa.Column("ci_high", sa.Double),
        sa.Column("completed_at", TIME),
    ]


def _feedback_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("workspace_id", UUID),
        sa.Column("detection_id", UUID),
        sa.Column("verdict", sa.Text),
        sa.Column("original", pg.JSONB),
        sa.Column("expected_kind", sa.Text),
        sa.Column("expected_direction", sa.Integer),
        sa.Column("expected_index", sa.Integer),
        sa.Column("expected_time", TIME),
        sa.Column("expected_price", sa.Double),
        sa.Column("expected_low", sa.Double),
        sa.Column("expected_high", sa.Double),
        sa.Column("tolerance_bars", sa.Integer),
        sa.Column("dataset_id", UUID),
        sa.Column("window_start", sa.Integer),
        sa.Column("window_end", sa.Integer),
        sa.Column("severity", sa.Text),
        sa.Column("state", sa.Text, nullable=False, server_default="open"),
        sa.Column("made_by", sa.Text, nullable=False, server_default="person"),
        sa.Column("carried_from_id", UUID),
        sa.Column("sent_to_claude_at", TIME),
        sa.Column("execution_id", UUID),
        sa.Column("resolved_version_id", UUID),
        sa.Column("updated_at", TIME, nullable=False, server_default=sa.text("now()")),
    ]


def _user_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("created_at", TIME, nullable=False, server_default=sa.text("now()")),
        sa.Column("last_seen_at", TIME),
    ]


def _new_columns() -> dict[str, list[sa.Column[Any]]]:
    return {"users": _user_columns(), "pattern_sessions": _session_columns(), "feedback_items": _feedback_columns()}


def upgrade() -> None:
    _refuse_double_emails()
    for table, columns in _new_columns().items():
        for new in columns:
            op.add_column(table, new)
    for before, after in RENAMED:
        op.alter_column("feedback_items", before, new_column_name=after)
    op.execute("ALTER TABLE feedback_items RENAME CONSTRAINT {} TO {}".format(*AUTHOR_KEYS))
    op.alter_column("pattern_sessions", "pattern_type", existing_type=sa.Text, nullable=True)
    op.alter_column("feedback_items", "type", existing_type=sa.Text, nullable=True)
    op.alter_column("feedback_items", "session_id", existing_type=UUID, nullable=True)
    for table, column, referred, on_delete in LINKS:
        name = op.f(f"fk_{table}_{column}_{referred}")
        op.create_foreign_key(name, table, referred, [column], ["id"], ondelete=on_delete, postgresql_not_valid=True)
    op.drop_constraint(op.f("uq_users_email_as_written"), "users", type_="unique")
    op.create_index(op.f("uq_users_email"), "users", [sa.text("lower(email)")], unique=True)
    op.create_table_comment("implementation_sessions", COMMENT)


def downgrade() -> None:
    op.drop_table_comment("implementation_sessions", existing_comment=COMMENT)
    op.drop_index(op.f("uq_users_email"), table_name="users")
    op.create_unique_constraint(op.f("uq_users_email_as_written"), "users", ["email"])
    for table, column, referred, _on_delete in LINKS:
        op.drop_constraint(op.f(f"fk_{table}_{column}_{referred}"), table, type_="foreignkey")
    op.alter_column("feedback_items", "session_id", existing_type=UUID, nullable=False)
    op.alter_column("feedback_items", "type", existing_type=sa.Text, nullable=False)
    op.alter_column("pattern_sessions", "pattern_type", existing_type=sa.Text, nullable=False)
    op.execute("ALTER TABLE feedback_items RENAME CONSTRAINT {1} TO {0}".format(*AUTHOR_KEYS))
    for before, after in RENAMED:
        op.alter_column("feedback_items", after, new_column_name=before)
    for table, columns in _new_columns().items():
        for new in columns:
            op.drop_column(table, new.name)


def _refuse_double_emails() -> None:
    """Sign-in does not tell the case of an address apart, so two people cannot share one. Nobody but them can say
    which of the two it is; the migration stops before it touches anything of theirs."""
    twice = op.get_bind().scalar(
        sa.text(
            "SELECT string_agg(email, ' and ' ORDER BY email) FROM users "
            "GROUP BY lower(email) HAVING count(*) > 1 ORDER BY lower(email) LIMIT 1"
        )
    )
    if twice:
        raise Conflict(
            f"Two people share an e-mail address but for its case ({twice}); change one, then migrate again."
        )
