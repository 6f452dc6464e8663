"""Every row is held to the rules: foreign keys and CHECKs validated, what must be given NOT NULL.

VALIDATE lets readers and writers go on. SET NOT NULL finds the validated `..._given` CHECK and reads no row.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FOREIGN_KEYS = (
    ("pattern_sessions", "workspace_id_pattern_workspaces"),
    ("pattern_sessions", "dataset_id_candle_datasets"),
    ("pattern_sessions", "detector_version_id_detector_versions"),
    ("pattern_sessions", "retest_of_id_pattern_sessions"),
    ("feedback_items", "workspace_id_pattern_workspaces"),
    ("feedback_items", "detection_id_detections"),
    ("feedback_items", "dataset_id_candle_datasets"),
    ("feedback_items", "carried_from_id_feedback_items"),
    ("feedback_items", "execution_id_claude_executions"),
    ("feedback_items", "resolved_version_id_detector_versions"),
)
CHECKS = (
    ("users", "role_known"),
    ("pattern_sessions", "status_known"),
    ("pattern_sessions", "coverage_known"),
    ("pattern_sessions", "split_known"),
    ("pattern_sessions", "window_order"),
    ("feedback_items", "verdict_known"),
    ("feedback_items", "state_known"),
    ("feedback_items", "indexes_not_negative"),
    ("feedback_items", "window_order"),
    ("feedback_items", "direction_known"),
    ("feedback_items", "made_by_known"),
    ("feedback_items", "missed_has_place"),
)
GIVEN = (  # table, column, the CHECK that stood in for NOT NULL
    ("pattern_sessions", "workspace_id", "workspace_given"),
    ("feedback_items", "workspace_id", "workspace_given"),
    ("feedback_items", "verdict", "verdict_given"),
)


def upgrade() -> None:
    for table, name in FOREIGN_KEYS:
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT fk_{table}_{name}")
    for table, name in (*CHECKS, *((table, check) for table, _column, check in GIVEN)):
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")
    for table, column, check in GIVEN:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL")
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{check}")


def downgrade() -> None:
    """Validated constraints stay so; they go with 0007 and 0005."""
    for table, column, check in GIVEN:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{check} CHECK ({column} IS NOT NULL) NOT VALID")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")
