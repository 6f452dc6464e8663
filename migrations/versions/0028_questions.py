"""Questions to the agent on a timeline, what their answers cost, and their part of the statistics' sums.

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

CHECK = "ck_workspace_messages_type_known"
NEW = "claude_answer"
COUNTS = "cost_usd >= 0 AND input_tokens >= 0 AND output_tokens >= 0"
OF_QUESTION = """
CREATE FUNCTION stat_of_question(q questions)
RETURNS TABLE (day date, measure text, agent text, target text, symbol text, item text, n bigint, total numeric)
LANGUAGE sql STABLE AS $$
    SELECT (q.created_at AT TIME ZONE 'UTC')::date, 'question', 'claude', '', '', 'asked', 1::bigint, q.cost_usd
    WHERE q.id IS NOT NULL
$$
"""
# As the triggers of the other rows: the difference between the new row's sums and the old one's, in every scope.
TRIGGER = """
CREATE FUNCTION stat_question() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stat_changes (scope, day, measure, agent, target, symbol, item, n, total)
    SELECT scope.name, change.* FROM (
        SELECT day, measure, agent, target, symbol, item, sum(n) AS n, sum(total) AS total FROM (
            SELECT day, measure, agent, target, symbol, item, n, total FROM stat_of_question(NEW)
            UNION ALL
            SELECT day, measure, agent, target, symbol, item, -n, -total FROM stat_of_question(OLD)
        ) both_rows
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(n) <> 0 OR sum(total) <> 0
    ) change
    CROSS JOIN LATERAL stat_scopes(
        coalesce(NEW.workspace_id, OLD.workspace_id), coalesce(NEW.asked_by_id, OLD.asked_by_id)
    ) AS scope(name);
    IF random() < 0.02 THEN
        PERFORM stat_fold();
    END IF;
    RETURN NULL;
END $$
"""
ALSO = """            UNION ALL
            SELECT q.workspace_id, q.asked_by_id, s.* FROM questions q CROSS JOIN LATERAL stat_of_question(q) s
"""
BEFORE = "        ) rows\n"


def _types() -> list[str]:
    """The types that the database takes now."""
    definition = sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name")
    return re.findall(r"'([a-z_]+)'", op.get_bind().scalar(definition, {"name": CHECK}))


def _take(types: list[str]) -> None:
    op.drop_constraint(op.f(CHECK), "workspace_messages", type_="check")
    listed = ", ".join(f"'{each}'" for each in types)
    op.create_check_constraint(op.f(CHECK), "workspace_messages", f"type IN ({listed})")


def _refill() -> str:
    """The function that counts every sum again, as it stands now."""
    return str(op.get_bind().scalar(sa.text("SELECT pg_get_functiondef('stat_refill()'::regprocedure)")))


def upgrade() -> None:
    op.create_table(
        "questions",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("workspace_id", sa.UUID(), nullable=False),
        sa.Column("asked_message_id", sa.UUID(), nullable=False),
        sa.Column("answer_message_id", sa.UUID(), nullable=False),
        sa.Column("asked_by_id", sa.UUID(), nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("worker_id", sa.Text(), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cost_usd", sa.Numeric(12, 6), server_default=sa.text("0"), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'running', 'done', 'failed')", name=op.f("ck_questions_status_known")
        ),
        sa.CheckConstraint(
            "status NOT IN ('done', 'failed') OR ended_at IS NOT NULL", name=op.f("ck_questions_ended_has_time")
        ),
        sa.CheckConstraint(COUNTS, name=op.f("ck_questions_not_negative")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["pattern_workspaces.id"], name=op.f("fk_questions_workspace_id_pattern_workspaces"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["asked_message_id"], ["workspace_messages.id"], ondelete="CASCADE",
            name=op.f("fk_questions_asked_message_id_workspace_messages"),
        ),
        sa.ForeignKeyConstraint(
            ["answer_message_id"], ["workspace_messages.id"], ondelete="CASCADE",
            name=op.f("fk_questions_answer_message_id_workspace_messages"),
        ),
        sa.ForeignKeyConstraint(["asked_by_id"], ["users.id"], name=op.f("fk_questions_asked_by_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
    )  # fmt: skip
    op.create_index(op.f("ix_questions_workspace_id_created_at"), "questions", ["workspace_id", "created_at"])
    op.create_index(op.f("ix_questions_asked_message_id"), "questions", ["asked_message_id"])
    op.create_index(op.f("ix_questions_answer_message_id"), "questions", ["answer_message_id"], unique=True)
    op.create_index(
        "ix_questions_running", "questions", ["heartbeat_at"], postgresql_where=sa.text("status = 'running'")
    )
    op.create_table(
        "question_usage",
        sa.Column("question_id", sa.UUID(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(12, 6), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(COUNTS, name=op.f("ck_question_usage_not_negative")),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name=op.f("fk_question_usage_question_id_questions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("question_id", "message_id", name=op.f("pk_question_usage")),
    )  # fmt: skip
    op.create_index(op.f("ix_question_usage_created_at"), "question_usage", ["created_at"])
    _take([*_types(), NEW])
    op.execute(OF_QUESTION)
    op.execute(TRIGGER)
    op.execute(
        "CREATE TRIGGER stat_question AFTER INSERT OR DELETE OR UPDATE OF cost_usd ON questions "
        "FOR EACH ROW EXECUTE FUNCTION stat_question()"
    )
    refill = _refill()
    assert refill.count(BEFORE) == 1
    op.get_bind().exec_driver_sql(refill.replace(BEFORE, ALSO + BEFORE))


def downgrade() -> None:
    """Questions, their answers and what they cost are gone; the comments that asked them stay."""
    op.get_bind().exec_driver_sql(_refill().replace(ALSO, ""))
    op.execute("DROP TRIGGER stat_question ON questions")
    op.execute("DROP FUNCTION stat_question()")
    op.execute("DROP FUNCTION stat_of_question(questions)")
    op.execute("DELETE FROM stat_days WHERE measure = 'question'")
    op.execute("DELETE FROM stat_changes WHERE measure = 'question'")
    op.drop_table("question_usage")
    op.drop_table("questions")
    op.execute(sa.text("DELETE FROM workspace_messages WHERE type = 'claude_answer'"))
    _take([each for each in _types() if each != NEW])
