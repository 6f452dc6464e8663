"""What must hold from now on: CHECKs and indexes on the existing tables.

The CHECKs are NOT VALID here, so that no table stays locked while every row is read; 0008 validates them. Those named
`..._given` stand in for NOT NULL until then.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CHECKS = (  # table, name, condition
    ("users", "role_known", "role IN ('viewer', 'member', 'admin')"),
    (
        "pattern_sessions",
        "status_known",
        "status IN ('running', 'active', 'completed', 'archived', 'failed', 'submitted_for_review', 'implemented')",
    ),
    ("pattern_sessions", "coverage_known", "coverage IN ('partial', 'exhaustive')"),
    ("pattern_sessions", "split_known", "split IN ('tune', 'holdout')"),
    ("pattern_sessions", "window_order", "start_index >= 0 AND end_index >= start_index"),
    (
        "feedback_items",
        "verdict_known",
        "verdict IN ('confirmed', 'false_positive', 'false_negative', 'adjustment', 'unsure', 'comment')",
    ),
    (
        "feedback_items",
        "state_known",
        "state IN ('open', 'sent', 'addressed', 'verified', 'disputed', 'withdrawn')",
    ),
    ("feedback_items", "indexes_not_negative", "candle_index >= 0 AND expected_index >= 0"),
    ("feedback_items", "window_order", "window_end >= window_start"),
    ("feedback_items", "direction_known", "expected_direction IN (-1, 0, 1)"),
    ("feedback_items", "made_by_known", "made_by IN ('person', 'rule', 'carried')"),
    ("feedback_items", "missed_has_place", "verdict <> 'false_negative' OR candle_index IS NOT NULL"),
    ("pattern_sessions", "workspace_given", "workspace_id IS NOT NULL"),
    ("feedback_items", "workspace_given", "workspace_id IS NOT NULL"),
    ("feedback_items", "verdict_given", "verdict IS NOT NULL"),
)
INDEXES = (  # name, table, columns, unique, condition
    ("ix_pattern_sessions_workspace_id_created_at", "pattern_sessions", ["workspace_id", "created_at"], False, None),
    ("ix_pattern_sessions_detector_version_id", "pattern_sessions", ["detector_version_id"], False, None),
    ("ix_feedback_items_workspace_id_created_at", "feedback_items", ["workspace_id", "created_at"], False, None),
    ("ix_feedback_items_session_id", "feedback_items", ["session_id"], False, None),
    ("ix_feedback_items_execution_id", "feedback_items", ["execution_id"], False, "execution_id IS NOT NULL"),
    (
        "ix_feedback_items_open",
        "feedback_items",
        ["workspace_id"],
        False,
        "state = 'open' AND made_by <> 'carried' AND verdict NOT IN ('confirmed', 'unsure')",
    ),
    (
        "uq_feedback_items_author_detection",
        "feedback_items",
        ["author_id", "detection_id"],
        True,
        "detection_id IS NOT NULL AND state <> 'withdrawn'",
    ),
)


def upgrade() -> None:
    for table, name, condition in CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition, postgresql_not_valid=True)
    for index, table, columns, unique, where in INDEXES:
        op.create_index(op.f(index), table, columns, unique=unique, postgresql_where=sa.text(where) if where else None)


def downgrade() -> None:
    for index, table, _columns, _unique, _where in reversed(INDEXES):
        op.drop_index(op.f(index), table_name=table)
    for table, name, _condition in reversed(CHECKS):
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
