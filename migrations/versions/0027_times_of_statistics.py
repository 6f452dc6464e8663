"""The function that reads a time for the statistics, for databases whose statistics were made before PostgreSQL 15 could.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        r"""
        CREATE OR REPLACE FUNCTION stat_time(value text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
        BEGIN
            RETURN CASE WHEN value ~ '^\d{4}-\d\d-\d\dT\d\d:' THEN value::timestamptz END;
        EXCEPTION WHEN data_exception THEN
            RETURN NULL;
        END
        $$
        """
    )


def downgrade() -> None:
    """Nothing: the function belongs to revision 0018."""
