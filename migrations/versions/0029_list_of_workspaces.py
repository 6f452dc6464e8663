"""The order of the list of workspaces as an index, so that a page of a thousand reads its own rows.

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

INDEX = "ix_pattern_workspaces_category_name_id"


def upgrade() -> None:
    op.create_index(INDEX, "pattern_workspaces", ["category", "name", "id"])


def downgrade() -> None:
    op.drop_index(INDEX, "pattern_workspaces")
