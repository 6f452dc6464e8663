"""One truth for a batch: `execution_feedback`. The two columns that repeat it follow it by triggers.

`claude_executions.feedback_ids` holds the batch of an execution, oldest correction first; `feedback_items.execution_id`
the latest execution that took the item. Rows that disagree are set right once.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BATCH_OF = """
ARRAY(SELECT x.feedback_id::text FROM execution_feedback x JOIN feedback_items i ON i.id = x.feedback_id
      WHERE x.execution_id = e.id ORDER BY i.created_at, i.id)
"""
LATEST_OF = """
(SELECT x.execution_id FROM execution_feedback x JOIN claude_executions c ON c.id = x.execution_id
 WHERE x.feedback_id = f.id ORDER BY c.number DESC LIMIT 1)
"""
FOLLOW = f"""
CREATE FUNCTION batches_follow_links() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE claude_executions e SET feedback_ids = {BATCH_OF}
    WHERE e.id IN (SELECT execution_id FROM changed);
    UPDATE feedback_items f SET execution_id = {LATEST_OF}
    WHERE f.id IN (SELECT feedback_id FROM changed);
    RETURN NULL;
END $$
"""
REFUSE = """
CREATE FUNCTION links_stay_as_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the link of a correction to an execution is written or removed, never changed'
        USING ERRCODE = 'restrict_violation';
END $$
"""
TRIGGERS = (  # name, definition
    (
        "execution_feedback_added",
        "AFTER INSERT ON execution_feedback REFERENCING NEW TABLE AS changed "
        "FOR EACH STATEMENT EXECUTE FUNCTION batches_follow_links()",
    ),
    (
        "execution_feedback_removed",
        "AFTER DELETE ON execution_feedback REFERENCING OLD TABLE AS changed "
        "FOR EACH STATEMENT EXECUTE FUNCTION batches_follow_links()",
    ),
    (
        "execution_feedback_kept",
        "BEFORE UPDATE OF execution_id, feedback_id ON execution_feedback "
        "FOR EACH ROW EXECUTE FUNCTION links_stay_as_written()",
    ),
)


def upgrade() -> None:
    op.execute(
        f"UPDATE claude_executions e SET feedback_ids = {BATCH_OF} "
        f"WHERE ARRAY(SELECT unnest(feedback_ids) ORDER BY 1) <> ARRAY(SELECT unnest({BATCH_OF}) ORDER BY 1)"
    )
    op.execute(
        f"UPDATE feedback_items f SET execution_id = {LATEST_OF} WHERE execution_id IS DISTINCT FROM {LATEST_OF}"
    )
    op.execute(FOLLOW)
    op.execute(REFUSE)
    for name, definition in TRIGGERS:
        op.execute(f"CREATE TRIGGER {name} {definition}")


def downgrade() -> None:
    for name, _definition in reversed(TRIGGERS):
        op.execute(f"DROP TRIGGER {name} ON execution_feedback")
    op.execute("DROP FUNCTION links_stay_as_written()")
    op.execute("DROP FUNCTION batches_follow_links()")
