"""Sums for the statistics, kept by triggers in the transaction that changes the rows they are of.

A row of `stat_days` is a sum of one day in one scope: everything, a workspace, a category, a person, or one of the first
three of one person. A transaction appends to `stat_changes` and never waits for another one; once in a while one of them
folds what was appended into `stat_days`. A statistic is the sum over both tables.

`correction_moves` holds each change of a correction's state, which its row forgets. Those before this migration are
taken from the executions and from the row's last change.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

KEYS = ("scope", "measure", "day", "agent", "target", "symbol", "item")
FUNCTIONS = (
    # Everything, the workspace, its category; each of all people and of one.
    """
CREATE FUNCTION stat_scopes(workspace uuid, person uuid) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT place.name || who.name
    FROM unnest(ARRAY['all', 'w:' || workspace, (SELECT 'c:' || w.category FROM pattern_workspaces w WHERE w.id = workspace)])
         AS place(name)
    CROSS JOIN unnest(ARRAY['', ' p:' || person]) AS who(name)
    WHERE place.name IS NOT NULL
$$
""",
    # Eighths of a doubling: a quantile read from them is off by 4.4 % at most. -100 holds what took no time.
    """
CREATE FUNCTION stat_bucket(seconds float8) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN seconds < 0.001 THEN -100 ELSE least(floor(8 * ln(seconds) / ln(2.0::float8)), 400)::int END
$$
""",
    # A time as our steps write it, or nothing: PostgreSQL 15 has no function that asks whether a text is one.
    r"""
CREATE FUNCTION stat_time(value text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN value ~ '^\d{4}-\d\d-\d\dT\d\d:' THEN value::timestamptz END;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$
""",
    # A phase whose times are no times, or that ended before it began, is left out.
    r"""
CREATE FUNCTION stat_of_execution(e claude_executions)
RETURNS TABLE (day date, measure text, agent text, target text, symbol text, item text, n bigint, total numeric)
LANGUAGE sql STABLE AS $$
    WITH run AS (
        SELECT (e.triggered_at AT TIME ZONE 'UTC')::date AS day,
               CASE WHEN e.status IN ('pending', 'running', 'retry') THEN 'live'
                    WHEN e.status = 'failed' AND e.canceled_at IS NOT NULL THEN 'canceled' ELSE e.status END AS outcome
        WHERE e.id IS NOT NULL
    ), phase AS (
        SELECT p.key AS name,
               extract(epoch FROM stat_time(p.value->>'completed_at') - stat_time(p.value->>'started_at')) AS seconds
        FROM run CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(e.phases) = 'object' THEN e.phases ELSE '{}' END) p
    )
    SELECT day, 'run', e.agent, e.deploy_target, '', outcome, 1::bigint, e.cost_usd FROM run
    UNION ALL
    SELECT day, 'retry', e.agent, e.deploy_target, '', e.retry_count || ':' || outcome, 1, 0 FROM run
    WHERE outcome <> 'live'
    UNION ALL
    SELECT (coalesce(e.deploy_started_at, e.triggered_at) AT TIME ZONE 'UTC')::date, 'deploy', e.agent,
           e.deploy_target, '', e.deploy_status, 1, 0
    FROM run WHERE e.deploy_status IS NOT NULL
    UNION ALL
    SELECT kept.day, kept.measure, e.agent, e.deploy_target, '', phase.name || ':' || stat_bucket(phase.seconds::float8),
           1, phase.seconds
    FROM run CROSS JOIN phase
    CROSS JOIN LATERAL (VALUES (run.day, 'phase'), (date_trunc('month', run.day)::date, 'phase.month')) kept(day, measure)
    WHERE phase.seconds >= 0
$$
""",
    # The kind of each attempt that failed; an attempt that was tried again counts as well.
    """
CREATE FUNCTION stat_of_attempt(a execution_attempts)
RETURNS TABLE (day date, measure text, agent text, target text, symbol text, item text, n bigint, total numeric)
LANGUAGE sql STABLE AS $$
    SELECT (a.ended_at AT TIME ZONE 'UTC')::date, 'cause', e.agent, e.deploy_target, '',
           coalesce(nullif(a.decision->>'kind', ''), 'unknown'), 1::bigint, 0::numeric
    FROM claude_executions e
    WHERE e.id = a.execution_id AND a.ended_at IS NOT NULL AND a.outcome IN ('failed', 'retry')
$$
""",
    """
CREATE FUNCTION stat_state(f feedback_items) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN f.made_by <> 'carried' AND f.verdict NOT IN ('confirmed', 'unsure') THEN f.state END
$$
""",
    """
CREATE FUNCTION stat_symbol(f feedback_items) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT d.symbol FROM candle_datasets d WHERE d.id = f.dataset_id), '')
$$
""",
    # What became of the corrections that were given on a day; a plus says that an agent had it.
    """
CREATE FUNCTION stat_of_correction(f feedback_items)
RETURNS TABLE (day date, measure text, agent text, target text, symbol text, item text, n bigint, total numeric)
LANGUAGE sql STABLE AS $$
    SELECT (f.created_at AT TIME ZONE 'UTC')::date, 'given', '', '', stat_symbol(f),
           stat_state(f) || CASE WHEN f.sent_to_claude_at IS NOT NULL THEN '+' ELSE '' END, 1::bigint, 0::numeric
    WHERE stat_state(f) IS NOT NULL
$$
""",
    """
CREATE FUNCTION stat_of_move(m correction_moves)
RETURNS TABLE (day date, measure text, agent text, target text, symbol text, item text, n bigint, total numeric)
LANGUAGE sql STABLE AS $$
    SELECT (m.at AT TIME ZONE 'UTC')::date, 'move', '', '', m.symbol, coalesce(m.source, '') || '>' || coalesce(m.target, ''),
           1::bigint, 0::numeric
    WHERE m.id IS NOT NULL
    UNION ALL
    SELECT kept.day, CASE m.target WHEN 'sent' THEN 'wait' ELSE 'fix' END || kept.grain, '', '', m.symbol,
           stat_bucket(m.seconds)::text, 1, m.seconds::numeric
    FROM (VALUES ((m.at AT TIME ZONE 'UTC')::date, ''), (date_trunc('month', m.at AT TIME ZONE 'UTC')::date, '.month'))
         kept(day, grain)
    WHERE m.stands AND m.seconds >= 0
$$
""",
    # One transaction at a time folds; the others go on appending, and none waits.
    """
CREATE FUNCTION stat_fold() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_try_advisory_xact_lock(7265711) THEN
        WITH gone AS (DELETE FROM stat_changes RETURNING *)
        INSERT INTO stat_days AS kept (scope, measure, day, agent, target, symbol, item, n, total)
        SELECT scope, measure, day, agent, target, symbol, item, sum(n), sum(total) FROM gone
        GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(n) <> 0 OR sum(total) <> 0
        ORDER BY 1, 2, 3, 4, 5, 6, 7
        ON CONFLICT (scope, measure, day, agent, target, symbol, item)
        DO UPDATE SET n = kept.n + excluded.n, total = kept.total + excluded.total;
    END IF;
END $$
""",
)


def _append(of: str, workspace: str, person: str) -> str:
    """The statement that appends the difference between the new row's sums and the old one's, in every scope."""
    return f"""
    INSERT INTO stat_changes (scope, day, measure, agent, target, symbol, item, n, total)
    SELECT scope.name, change.* FROM (
        SELECT day, measure, agent, target, symbol, item, sum(n) AS n, sum(total) AS total FROM (
            SELECT day, measure, agent, target, symbol, item, n, total FROM {of}(NEW)
            UNION ALL
            SELECT day, measure, agent, target, symbol, item, -n, -total FROM {of}(OLD)
        ) both_rows
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(n) <> 0 OR sum(total) <> 0
    ) change
    CROSS JOIN LATERAL stat_scopes({workspace}, {person}) AS scope(name);
    IF random() < 0.02 THEN
        PERFORM stat_fold();
    END IF;"""


# A trigger's name, its table, when it runs, and what it does.
TRIGGERS = (
    (
        "stat_execution",
        "claude_executions",
        "AFTER INSERT OR DELETE",
        "",
        _append(
            "stat_of_execution",
            "coalesce(NEW.workspace_id, OLD.workspace_id)",
            "coalesce(NEW.triggered_by, OLD.triggered_by)",
        ),
    ),
    (
        "stat_attempt",
        "execution_attempts",
        "AFTER INSERT OR UPDATE OF ended_at, outcome, decision OR DELETE",
        "",
        "    SELECT * INTO run FROM claude_executions WHERE id = coalesce(NEW.execution_id, OLD.execution_id);\n"
        "    IF run.id IS NULL THEN RETURN NULL; END IF;"
        + _append("stat_of_attempt", "run.workspace_id", "run.triggered_by"),
    ),
    (
        "stat_move",
        "correction_moves",
        "AFTER INSERT OR UPDATE OR DELETE",
        "",
        _append(
            "stat_of_move", "coalesce(NEW.workspace_id, OLD.workspace_id)", "coalesce(NEW.person_id, OLD.person_id)"
        ),
    ),
    (
        "stat_correction",
        "feedback_items",
        "AFTER INSERT OR DELETE",
        "",
        _append(
            "stat_of_correction",
            "coalesce(NEW.workspace_id, OLD.workspace_id)",
            "coalesce(NEW.author_id, OLD.author_id)",
        ),
    ),
)
# The same functions on an update, when a column that counts has changed: a heartbeat counts nothing.
ON_UPDATE = (
    (
        "stat_execution",
        "claude_executions",
        ("status", "canceled_at", "agent", "deploy_target", "triggered_at", "retry_count", "deploy_status",
         "deploy_started_at", "cost_usd", "phases"),
    ),
    ("stat_correction", "feedback_items", ("state", "verdict", "made_by", "sent_to_claude_at", "created_at", "dataset_id")),
)  # fmt: skip
MOVES = """
CREATE FUNCTION note_correction_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := CASE TG_OP WHEN 'UPDATE' THEN stat_state(OLD) END;
    after text := stat_state(NEW);
    moved timestamptz := CASE WHEN TG_OP = 'INSERT' THEN NEW.created_at
                              WHEN NEW.updated_at > OLD.updated_at THEN NEW.updated_at ELSE now() END;
BEGIN
    IF before IS NOT DISTINCT FROM after THEN
        RETURN NULL;
    END IF;
    IF before IN ('addressed', 'verified') AND coalesce(after, '') NOT IN ('addressed', 'verified') THEN
        UPDATE correction_moves SET stands = false WHERE feedback_id = NEW.id AND target = 'addressed' AND stands;
    END IF;
    INSERT INTO correction_moves (feedback_id, workspace_id, person_id, symbol, at, source, target, seconds, stands)
    SELECT NEW.id, NEW.workspace_id, NEW.author_id, stat_symbol(NEW), moved, before, after,
           extract(epoch FROM moved - NEW.created_at),
           TG_OP = 'UPDATE' AND after IS NOT NULL AND (after = 'addressed' OR (after = 'sent' AND NOT EXISTS (
               SELECT 1 FROM correction_moves m WHERE m.feedback_id = NEW.id AND m.target = 'sent')));
    RETURN NULL;
END $$
"""
# The attempts' sums are found by their execution, so they go while it is still there.
ATTEMPTS_FIRST = """
CREATE FUNCTION attempts_go_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM execution_attempts WHERE execution_id = OLD.id;
    RETURN OLD;
END $$
"""
# Every sum again from the rows, by the functions that keep it.
REFILL = """
CREATE FUNCTION stat_refill() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7265711);
    LOCK TABLE claude_executions, execution_attempts, feedback_items, correction_moves IN SHARE MODE;
    DELETE FROM stat_changes;
    DELETE FROM stat_days;
    INSERT INTO stat_days (scope, measure, day, agent, target, symbol, item, n, total)
    SELECT scope.name, own.measure, own.day, own.agent, own.target, own.symbol, own.item, sum(own.n), sum(own.total)
    FROM (
        SELECT workspace, person, measure, day, agent, target, symbol, item, sum(n) AS n, sum(total) AS total FROM (
            SELECT e.workspace_id AS workspace, e.triggered_by AS person, s.*
            FROM claude_executions e CROSS JOIN LATERAL stat_of_execution(e) s
            UNION ALL
            SELECT e.workspace_id, e.triggered_by, s.*
            FROM execution_attempts a JOIN claude_executions e ON e.id = a.execution_id
            CROSS JOIN LATERAL stat_of_attempt(a) s
            UNION ALL
            SELECT f.workspace_id, f.author_id, s.* FROM feedback_items f CROSS JOIN LATERAL stat_of_correction(f) s
            UNION ALL
            SELECT m.workspace_id, m.person_id, s.* FROM correction_moves m CROSS JOIN LATERAL stat_of_move(m) s
        ) rows
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    ) own
    CROSS JOIN LATERAL stat_scopes(own.workspace, own.person) AS scope(name)
    GROUP BY 1, 2, 3, 4, 5, 6, 7;
END $$
"""
# Given, sent with each execution, fixed or not at its end, and what the row says now.
PAST_MOVES = """
INSERT INTO correction_moves (feedback_id, workspace_id, person_id, symbol, at, source, target, seconds, stands)
WITH step AS (
    SELECT f.id, f.created_at AS at, 0 AS rank, 'open' AS target FROM feedback_items f
    UNION ALL
    SELECT x.feedback_id, e.triggered_at, 2 * e.number - 1, 'sent'
    FROM execution_feedback x JOIN claude_executions e ON e.id = x.execution_id
    UNION ALL
    SELECT x.feedback_id, coalesce(e.completed_at, e.errored_at), 2 * e.number,
           CASE WHEN x.outcome = 'fixed' AND e.status = 'completed' THEN 'addressed' ELSE 'open' END
    FROM execution_feedback x JOIN claude_executions e ON e.id = x.execution_id
    WHERE x.outcome IS NOT NULL AND e.status IN ('completed', 'failed')
), known AS (
    SELECT step.*, f.state, f.updated_at, row_number() OVER (PARTITION BY id ORDER BY rank DESC) AS newest
    FROM step JOIN feedback_items f USING (id) WHERE stat_state(f) IS NOT NULL AND step.at IS NOT NULL
), whole AS (
    SELECT id, at, rank, target FROM known
    UNION ALL
    SELECT id, greatest(at, updated_at), rank + 1, state FROM known WHERE newest = 1 AND target <> state
), linked AS (
    SELECT *, lag(target) OVER (PARTITION BY id ORDER BY rank, at) AS source FROM whole
), changed AS (
    SELECT * FROM linked WHERE source IS DISTINCT FROM target
)
SELECT c.id, f.workspace_id, f.author_id, stat_symbol(f), c.at, c.source, c.target,
       extract(epoch FROM c.at - f.created_at),
       (c.target = 'addressed' AND f.state IN ('addressed', 'verified')
           AND c.rank = max(c.rank) FILTER (WHERE c.target = 'addressed') OVER (PARTITION BY c.id))
       OR (c.target = 'sent' AND c.rank = min(c.rank) FILTER (WHERE c.target = 'sent') OVER (PARTITION BY c.id))
FROM changed c JOIN feedback_items f ON f.id = c.id
ORDER BY c.at, c.rank
"""

CORRECTION = "made_by <> 'carried' AND verdict NOT IN ('confirmed', 'unsure')"
# Each filter of the lists of executions and corrections, in the order of the list.
RUNS = "claude_executions"
INDEXES = (  # name, table, columns, of which rows
    ("ix_claude_executions_listed_agent", RUNS, "agent, triggered_at, id", None),
    ("ix_claude_executions_listed_person", RUNS, "triggered_by, triggered_at, id", None),
    ("ix_claude_executions_listed_failed", RUNS, "triggered_at, id", "status = 'failed' AND canceled_at IS NULL"),
    ("ix_claude_executions_listed_canceled", RUNS, "triggered_at, id", "status = 'failed' AND canceled_at IS NOT NULL"),
    ("ix_claude_executions_listed_deploy", RUNS, "deploy_status, triggered_at, id", "deploy_status IS NOT NULL"),
    ("ix_claude_executions_listed_retries", RUNS, "retry_count, triggered_at, id", "retry_count > 0"),
    ("ix_execution_attempts_cause", "execution_attempts", "(decision ->> 'kind'), ended_at", "decision IS NOT NULL"),
    ("ix_feedback_items_listed", "feedback_items", "created_at, id", CORRECTION),
    ("ix_feedback_items_listed_state", "feedback_items", "state, created_at, id", CORRECTION),
    ("ix_feedback_items_listed_person", "feedback_items", "author_id, created_at, id", CORRECTION),
)


def _sums() -> list[sa.Column[object]]:
    keys = [sa.Column(key, sa.Date() if key == "day" else sa.Text(), nullable=False) for key in KEYS]
    return [
        *keys,
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Numeric(), nullable=False),
    ]


def upgrade() -> None:
    op.create_table("stat_days", *_sums(), sa.PrimaryKeyConstraint(*KEYS, name=op.f("pk_stat_days")))
    op.create_table(
        "stat_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        *_sums(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stat_changes")),
    )
    op.create_table(
        "correction_moves",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("feedback_id", sa.UUID(), nullable=False),
        sa.Column("workspace_id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("stands", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["feedback_id"],
            ["feedback_items.id"],
            ondelete="CASCADE",
            name=op.f("fk_correction_moves_feedback_id_feedback_items"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction_moves")),
    )
    op.create_index(op.f("ix_correction_moves_feedback_id_id"), "correction_moves", ["feedback_id", "id"])
    op.create_index(op.f("ix_correction_moves_target_at"), "correction_moves", ["target", "at"])
    for name, table, listed, condition in INDEXES:
        op.execute(f"CREATE INDEX {name} ON {table} ({listed})" + (f" WHERE {condition}" if condition else ""))
    for statement in (*FUNCTIONS, MOVES, ATTEMPTS_FIRST, REFILL):
        op.execute(statement)
    op.execute(PAST_MOVES)
    op.execute("SELECT stat_refill()")
    for name, table, when, condition, body in TRIGGERS:
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
            f"DECLARE run claude_executions;\nBEGIN\n{body}\n    RETURN NULL;\nEND $$"
        )
        op.execute(f"CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW {condition} EXECUTE FUNCTION {name}()")
    for name, table, columns in ON_UPDATE:
        old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
        op.execute(
            f"CREATE TRIGGER {name}_changed AFTER UPDATE ON {table} FOR EACH ROW "
            f"WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION {name}()"
        )
    op.execute(
        "CREATE TRIGGER note_correction_move AFTER INSERT OR UPDATE OF state, verdict, made_by ON feedback_items "
        "FOR EACH ROW EXECUTE FUNCTION note_correction_move()"
    )
    op.execute(
        "CREATE TRIGGER attempts_go_first BEFORE DELETE ON claude_executions "
        "FOR EACH ROW EXECUTE FUNCTION attempts_go_first()"
    )


def downgrade() -> None:
    """The sums and the history of corrections' states go; the rows that they were of stay."""
    op.execute("DROP TRIGGER attempts_go_first ON claude_executions")
    op.execute("DROP TRIGGER note_correction_move ON feedback_items")
    for name, table, _columns in ON_UPDATE:
        op.execute(f"DROP TRIGGER {name}_changed ON {table}")
    for name, table, _when, _condition, _body in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(f"DROP FUNCTION {name}()")
    for name in (
        "note_correction_move()", "attempts_go_first()", "stat_refill()", "stat_fold()",
        "stat_of_move(correction_moves)", "stat_of_correction(feedback_items)", "stat_symbol(feedback_items)",
        "stat_state(feedback_items)", "stat_of_attempt(execution_attempts)", "stat_of_execution(claude_executions)",
        "stat_bucket(float8)", "stat_scopes(uuid, uuid)", "stat_time(text)",
    ):  # fmt: skip
        op.execute(f"DROP FUNCTION IF EXISTS {name}")
    for name, *_rest in INDEXES:
        op.execute(f"DROP INDEX {name}")
    for table in ("correction_moves", "stat_changes", "stat_days"):
        op.drop_table(table)
