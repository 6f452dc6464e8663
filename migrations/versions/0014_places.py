"""Places: what the judgements make of the candles, series that renaming keeps, what an agent has seen.

The places themselves are derived from the judgements after the migration, by the rule that the app runs with
(`patterndesk migrate`); until then `pattern_workspaces.places_at` is NULL. Frozen scores stay as they are.

Refused while executions are live: their replay would be counted by two rules. `patterndesk migrate --drain` waits for
them.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.database.migrate import DRAINED
from services.errors import Conflict

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COLUMNS = (  # table, column, type, what stands where nothing is given; without it the column may be NULL
    ("candle_datasets", "series_id", sa.UUID, "gen_random_uuid()"),
    ("candle_datasets", "series_offset", sa.Integer, "0"),
    ("pattern_sessions", "unjudged_count", sa.Integer, None),
    ("pattern_sessions", "n_effective", sa.Float, None),
    ("pattern_sessions", "label_set_sha256", sa.Text, None),
    ("pattern_sessions", "score_note", sa.Text, None),
    ("detections", "slack", sa.Float, None),
    ("feedback_items", "judged_at", lambda: sa.DateTime(timezone=True), "now()"),
    ("detector_versions", "confirmation_lag", sa.Integer, None),
    ("pattern_workspaces", "replay_policy", sa.Text, None),
    ("pattern_workspaces", "approval_policy", postgresql.JSONB, "'{}'::jsonb"),
    ("pattern_workspaces", "rate", postgresql.JSONB, None),
    ("pattern_workspaces", "places_at", lambda: sa.DateTime(timezone=True), None),
)
CHECKS = (
    ("replay_policy_known", "replay_policy IN ('strict', 'net')"),
    ("holdout_share_range", "holdout_share >= 0 AND holdout_share <= 0.5"),
)
LIVE = "SELECT count(*) FROM claude_executions WHERE status IN ('pending', 'running', 'retry')"
# Datasets of one symbol, timeframe and adjustment are one series. Where each begins in it is counted from the bars of
# the earliest one by time; the candles are not read here, so bars are taken as evenly spaced.
SERIES = """
UPDATE candle_datasets d SET series_id = f.series_id FROM (
    SELECT DISTINCT ON (symbol, timeframe, price_adjustment) symbol, timeframe, price_adjustment, series_id
    FROM candle_datasets ORDER BY symbol, timeframe, price_adjustment, created_at, id
) f WHERE (d.symbol, d.timeframe, d.price_adjustment) = (f.symbol, f.timeframe, f.price_adjustment)
"""
OFFSETS = """
UPDATE candle_datasets d SET series_offset = round(
    extract(epoch FROM d.start_at - f.start_at) / extract(epoch FROM f.end_at - f.start_at) * (f.rows - 1)
)::int FROM (
    SELECT DISTINCT ON (series_id) series_id, start_at, end_at, rows FROM candle_datasets
    ORDER BY series_id, created_at, id
) f WHERE f.series_id = d.series_id AND f.end_at > f.start_at AND d.start_at <> f.start_at
"""
# What every earlier execution had: the items it was sent, and, of a tuner's, all judged places of its tune sessions.
SEEN = """
INSERT INTO seen_places (workspace_id, series_id, kind, direction, anchor_bar, execution_id)
SELECT DISTINCT ON (f.workspace_id, d.series_id, f.expected_kind, f.expected_direction, p.bar)
       f.workspace_id, d.series_id, f.expected_kind, f.expected_direction, p.bar, e.id
FROM feedback_items f
JOIN candle_datasets d ON d.id = f.dataset_id
JOIN claude_executions e ON e.workspace_id = f.workspace_id
CROSS JOIN LATERAL (VALUES (f.candle_index + d.series_offset), (f.expected_index + d.series_offset)) p(bar)
LEFT JOIN pattern_sessions s ON s.id = f.session_id
WHERE p.bar IS NOT NULL AND f.expected_kind IS NOT NULL AND f.expected_direction IS NOT NULL
  AND (EXISTS (SELECT 1 FROM execution_feedback x WHERE x.execution_id = e.id AND x.feedback_id = f.id)
       OR (e.agent = 'tuner' AND NOT e.is_first AND s.split = 'tune' AND f.created_at < e.triggered_at))
ORDER BY f.workspace_id, d.series_id, f.expected_kind, f.expected_direction, p.bar, e.triggered_at
"""


def upgrade() -> None:
    bind = op.get_bind()
    live = bind.execute(sa.text(LIVE)).scalar()
    if live and not bind.info.get(DRAINED):
        raise Conflict(
            f"{live} execution{' is' if live == 1 else 's are'} live; wait for the end, cancel, or run "
            "'patterndesk migrate --drain'."
        )
    for table, name, kind, default in COLUMNS:
        given = sa.text(default) if default else None
        op.add_column(table, sa.Column(name, kind(), server_default=given, nullable=default is None))
    op.execute("UPDATE feedback_items SET judged_at = created_at")
    op.execute(SERIES)
    op.execute(OFFSETS)
    op.create_index(op.f("ix_candle_datasets_series_id"), "candle_datasets", ["series_id"])
    for name, condition in CHECKS:
        op.create_check_constraint(op.f(f"ck_pattern_workspaces_{name}"), "pattern_workspaces", condition)
    _places()
    _records()
    op.execute(
        "INSERT INTO session_coverage (session_id, person_id, coverage, created_at) "
        "SELECT id, created_by_id, coverage, coalesce(completed_at, created_at) FROM pattern_sessions"
    )
    op.execute(SEEN)


def _spot() -> list[sa.Column[object]]:
    """Where on the candles something lies."""
    return [
        sa.Column("series_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("direction", sa.Integer(), nullable=False),
        sa.Column("anchor_bar", sa.Integer(), nullable=False),
        sa.Column("anchor_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price_low", sa.Float(), nullable=True),
        sa.Column("price_high", sa.Float(), nullable=True),
        sa.Column("level", sa.Float(), nullable=True),
        sa.Column("slack", sa.Float(), nullable=True),
    ]


def _created() -> sa.Column[object]:
    return sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _refers(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], ondelete=ondelete, name=op.f(f"fk_{table}_{column}_{to}"))


def _places() -> None:
    op.create_table(
        "places",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("workspace_id", sa.UUID(), nullable=False),
        sa.Column("founder_id", sa.UUID(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        *_spot(),
        sa.Column("confirmed_bar", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("present_votes", sa.Integer(), nullable=False),
        sa.Column("absent_votes", sa.Integer(), nullable=False),
        sa.Column("one_person", sa.Boolean(), nullable=False),
        sa.Column("decided", sa.Boolean(), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("seen", sa.Boolean(), nullable=False),
        _created(),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(
            "status IN ('present', 'absent', 'disputed', 'unsure')", name=op.f("ck_places_status_known")
        ),
        sa.CheckConstraint("split IN ('tune', 'holdout', 'embargo')", name=op.f("ck_places_split_known")),
        sa.CheckConstraint("direction IN (-1, 0, 1)", name=op.f("ck_places_direction_known")),
        _refers("places", "workspace_id", "pattern_workspaces", "CASCADE"),
        _refers("places", "founder_id", "feedback_items", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_places")),
        sa.UniqueConstraint("founder_id", "part", name=op.f("uq_places_founder_id_part")),
    )
    op.create_index(
        op.f("ix_places_workspace_id_series_id_anchor_bar"), "places", ["workspace_id", "series_id", "anchor_bar"]
    )
    op.create_table(
        "place_judgements",
        sa.Column("place_id", sa.UUID(), nullable=False),
        sa.Column("feedback_id", sa.UUID(), nullable=False),
        _refers("place_judgements", "place_id", "places", "CASCADE"),
        _refers("place_judgements", "feedback_id", "feedback_items", "CASCADE"),
        sa.PrimaryKeyConstraint("place_id", "feedback_id", name=op.f("pk_place_judgements")),
    )
    op.create_index(op.f("ix_place_judgements_feedback_id"), "place_judgements", ["feedback_id"])


def _records() -> None:
    op.create_table(
        "place_decisions",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("workspace_id", sa.UUID(), nullable=False),
        *_spot(),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("decided_by_id", sa.UUID(), nullable=False),
        _created(),
        _refers("place_decisions", "workspace_id", "pattern_workspaces", "CASCADE"),
        _refers("place_decisions", "decided_by_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place_decisions")),
    )
    op.create_index(
        op.f("ix_place_decisions_workspace_id_created_at"), "place_decisions", ["workspace_id", "created_at"]
    )
    op.create_table(
        "place_pins",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("workspace_id", sa.UUID(), nullable=False),
        *_spot()[:4],
        sa.Column("pinned_by_id", sa.UUID(), nullable=False),
        _created(),
        _refers("place_pins", "workspace_id", "pattern_workspaces", "CASCADE"),
        _refers("place_pins", "pinned_by_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place_pins")),
    )
    op.create_table(
        "seen_places",
        sa.Column("workspace_id", sa.UUID(), nullable=False),
        *_spot()[:4],
        sa.Column("execution_id", sa.UUID(), nullable=True),
        _created(),
        _refers("seen_places", "workspace_id", "pattern_workspaces", "CASCADE"),
        _refers("seen_places", "execution_id", "claude_executions", "SET NULL"),
        sa.PrimaryKeyConstraint(
            "workspace_id", "series_id", "kind", "direction", "anchor_bar", name=op.f("pk_seen_places")
        ),
    )
    op.create_table(
        "released_blocks",
        sa.Column("workspace_id", sa.UUID(), nullable=False),
        sa.Column("series_id", sa.UUID(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("released_by_id", sa.UUID(), nullable=False),
        _created(),
        _refers("released_blocks", "workspace_id", "pattern_workspaces", "CASCADE"),
        _refers("released_blocks", "released_by_id", "users"),
        sa.PrimaryKeyConstraint("workspace_id", "series_id", "block", name=op.f("pk_released_blocks")),
    )
    op.create_table(
        "session_coverage",
        sa.Column("session_id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("coverage", sa.Text(), nullable=False),
        _created(),
        sa.CheckConstraint("coverage IN ('partial', 'exhaustive')", name=op.f("ck_session_coverage_coverage_known")),
        _refers("session_coverage", "session_id", "pattern_sessions", "CASCADE"),
        _refers("session_coverage", "person_id", "users"),
        sa.PrimaryKeyConstraint("session_id", "person_id", name=op.f("pk_session_coverage")),
    )


def downgrade() -> None:
    """Judgements and frozen scores stay. Decisions of disputes, pins and what was seen are gone."""
    for table in (
        "session_coverage", "released_blocks", "seen_places", "place_pins", "place_decisions", "place_judgements",
        "places",
    ):  # fmt: skip
        op.drop_table(table)
    for name, _condition in CHECKS:
        op.drop_constraint(op.f(f"ck_pattern_workspaces_{name}"), "pattern_workspaces", type_="check")
    op.drop_index(op.f("ix_candle_datasets_series_id"), table_name="candle_datasets")
    for table, name, _kind, _default in reversed(COLUMNS):
        op.drop_column(table, name)
