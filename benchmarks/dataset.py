"""The rows that are measured, made in SQL: 200 workspaces with a year of history, later 1,000.

Sizes at scale 1: 1,000,000 messages (one workspace with 200,000, 76 with 10,000, 30 with 1,000, 92 with 100, one with
the remaining 800), 50,000 executions, 20,000 sessions, 200,000 feedback items. Related rows are shared out by the
number of messages, with some for every workspace.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg

from benchmarks.database import connect

SMALL = 100  # messages of the smallest workspaces
CLASSES = ((1, 200_000), (76, 10_000), (30, 1_000), (92, SMALL), (1, 800))
EXECUTIONS, SESSIONS, FEEDBACK = 50_000, 20_000, 200_000
PEOPLE = 20
BIGGEST, SMALLEST = 1, 108  # workspace numbers: the one with 200,000 messages, the first with 100


def sizes(scale: float) -> list[int]:
    """Messages of each workspace, biggest first; the first small one keeps its 100, so that it fills a page."""
    counts = [max(1, round(size * scale)) for number, size in CLASSES for _ in range(number)]
    counts[SMALLEST - 1] = SMALL
    return counts


def shares(total: int, counts: Sequence[int], least: int) -> list[int]:
    """`total` in whole parts in proportion to `counts`, with `least` for each; the biggest takes what is left over."""
    rest = total - least * len(counts)
    parts = [least + rest * count // sum(counts) for count in counts]
    parts[0] += total - sum(parts)
    return parts


# The first 12 hex digits are milliseconds since 1970, as in the product's UUIDv7; the rest is a hash of the row.
_KEY = """
CREATE FUNCTION pg_temp.key(at timestamptz, name text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(name), 1, 3) || '8'
        || substr(md5(name), 5, 15))::uuid $$
"""
_PEOPLE = """
INSERT INTO users (id, email, name, image, role)
SELECT pg_temp.key(now() - interval '2 years', 'u' || n), 'person' || n || '@example.com', 'Person ' || n,
       'https://example.com/' || n || '.png', CASE n % 5 WHEN 0 THEN 'admin' WHEN 1 THEN 'viewer' ELSE 'member' END
FROM generate_series(1, :people) n
"""
# `plan` holds a row a workspace with how much of each it gets; `person` numbers the people.
_PLAN = """
CREATE TEMP TABLE plan AS
SELECT pg_temp.key(now() - interval '1 year', 'w' || number) AS id, p.*, interval '1 year' / greatest(messages, 1) AS step
FROM unnest(%(numbers)s::int[], %(messages)s::int[], %(executions)s::int[], %(sessions)s::int[], %(feedback)s::int[])
     AS p(number, messages, executions, sessions, feedback)
"""
_PERSON = "CREATE TEMP TABLE person AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM users"
_WORKSPACES = """
INSERT INTO pattern_workspaces (id, pattern_type, name, category, status, version, created_at, updated_at, description,
    user_reasoning, identification_steps, session_count, feedback_count, success_rate, success_tp, success_fp,
    success_fn, created_by_id, approved_at, approved_by_id, verified_at, verified_by_id, message_seq, execution_seq)
SELECT p.id, 'pattern_' || lpad(p.number::text, 4, '0'), 'Pattern ' || p.number,
       (ARRAY['price_action', 'order_blocks', 'liquidity', 'structure'])[p.number % 4 + 1], s.status, '1.4.0',
       now() - interval '1 year', now(), repeat('A high between lower ones. ', 8), 'Price turns there.',
       '["Find the high", "Look at both sides", "Wait for the close"]', p.sessions, p.feedback,
       0.5 + (p.number % 50) / 100.0, 80, 10, 10, u.id,
       CASE WHEN s.status IN ('in_review', 'verified') THEN now() - interval '2 days' END,
       CASE WHEN s.status IN ('in_review', 'verified') THEN u.id END,
       CASE WHEN s.status = 'verified' THEN now() - interval '1 day' END,
       CASE WHEN s.status = 'verified' THEN u.id END, p.messages, p.executions
FROM plan p
JOIN person u ON u.number = p.number % :people
CROSS JOIN LATERAL (SELECT (ARRAY['soon', 'implementing', 'beta', 'beta', 'in_review', 'verified'])[p.number % 6 + 1]
                    AS status) s
"""
_SESSIONS = """
CREATE TEMP TABLE session_no AS
SELECT p.id AS workspace_id, n, pg_temp.key(at, 's' || p.number || '.' || n) AS id, at, p.number AS w
FROM plan p CROSS JOIN generate_series(1, p.sessions) n
CROSS JOIN LATERAL (SELECT now() - interval '1 year' * (1 - n / (p.sessions + 1.0)) AS at) t;
INSERT INTO pattern_sessions (id, workspace_id, name, symbol, timeframe, start_index, end_index, coverage, split, status,
    created_by_id, detection_count, tp, fp, fn, success_rate, created_at, updated_at, completed_at)
SELECT s.id, s.workspace_id, 'AAPL 1d, window ' || s.n, 'AAPL', '1d', s.n * 10, s.n * 10 + 500, 'exhaustive',
       CASE WHEN s.n % 5 = 0 THEN 'holdout' ELSE 'tune' END, CASE WHEN s.n % 20 = 0 THEN 'active' ELSE 'completed' END,
       u.id, 30, 24, 4, 2, 0.8, s.at, s.at, CASE WHEN s.n % 20 <> 0 THEN s.at + interval '1 hour' END
FROM session_no s JOIN person u ON u.number = s.n % :people
"""
# The last execution of every fourth workspace is live; one in ten failed.
_EXECUTIONS = """
CREATE TEMP TABLE execution_no AS
SELECT p.id AS workspace_id, n, pg_temp.key(at, 'e' || p.number || '.' || n) AS id, at, p.number AS w,
       CASE WHEN n = p.executions AND p.number % 4 = 1 THEN 'running' WHEN n % 10 = 0 THEN 'failed' ELSE 'completed' END
       AS status
FROM plan p CROSS JOIN generate_series(1, p.executions) n
CROSS JOIN LATERAL (SELECT now() - interval '1 year' * (1 - n / (p.executions + 1.0)) AS at) t;
INSERT INTO claude_executions (id, workspace_id, number, triggered_by, triggered_at, started_at, status, phase, progress,
    feedback_ids, completed_at, errored_at, error, files_changed, commit_hash, commit_message, phases, checkpoints,
    agent, cost_usd, summary)
SELECT e.id, e.workspace_id, e.n, u.id, e.at, e.at + interval '1 s', e.status,
       CASE e.status WHEN 'running' THEN 'implementing' WHEN 'failed' THEN 'testing' ELSE 'deploying' END,
       CASE e.status WHEN 'completed' THEN 100 WHEN 'failed' THEN 60 ELSE 30 END,
       ARRAY(SELECT pg_temp.key(e.at, 'x' || i)::text FROM generate_series(1, 5 + e.n % 10) i),
       CASE e.status WHEN 'completed' THEN e.at + interval '10 min' END,
       CASE e.status WHEN 'failed' THEN e.at + interval '5 min' END,
       CASE e.status WHEN 'failed' THEN 'The contract test found look-ahead.' END, ARRAY['detectors/swings.py'],
       md5(e.n::text), 'Tighten the window', jsonb_build_object(
           'planning', jsonb_build_object('status', 'completed', 'attempt', 1, 'started_at', e.at,
                                          'completed_at', e.at + interval '1 min', 'current_task', NULL),
           'implementing', jsonb_build_object('status', 'completed', 'attempt', 1, 'started_at',
                e.at + interval '1 min', 'completed_at', e.at + interval '4 min', 'current_task', NULL),
           'testing', jsonb_build_object('status', 'completed', 'attempt', 1, 'started_at', e.at + interval '4 min',
                                         'completed_at', e.at + interval '5 min', 'current_task', NULL)),
       '[{"key": "plan", "attempt": 1, "phase": "planning", "text": "Read 12 corrections", "ok": true}]', 'tuner',
       e.n % 100 / 100.0, 'Window from 3 to 4'
FROM execution_no e JOIN person u ON u.number = e.n % :people
"""
# 70 % confirm the detector; of the corrections a tenth is open, so a workspace has some waiting to be sent.
_FEEDBACK = """
CREATE TEMP TABLE feedback_no AS
SELECT p.id AS workspace_id, n, pg_temp.key(at, 'f' || p.number || '.' || n) AS id, at, p.number AS w,
       (n - 1) % p.sessions + 1 AS session_n, (n - 1) % p.executions + 1 AS execution_n
FROM plan p CROSS JOIN generate_series(1, p.feedback) n
CROSS JOIN LATERAL (SELECT now() - interval '1 year' * (1 - n / (p.feedback + 1.0)) AS at) t;
INSERT INTO feedback_items (id, workspace_id, session_id, author_id, verdict, candle_index, candle_time, price,
    expected_kind, expected_direction, expected_index, reason, state, execution_id, sent_to_claude_at, created_at,
    updated_at)
SELECT f.id, f.workspace_id, s.id, u.id, v.verdict, f.n % 500, f.at, 100 + f.n % 50, 'swing_high', 1, f.n % 500,
       CASE WHEN f.n % 3 = 0 THEN 'The wick does not count here.' END, v.state,
       CASE WHEN v.state IN ('addressed', 'verified') THEN e.id END,
       CASE WHEN v.state IN ('addressed', 'verified') THEN f.at + interval '1 day' END, f.at, f.at
FROM feedback_no f
JOIN session_no s ON s.workspace_id = f.workspace_id AND s.n = f.session_n
JOIN execution_no e ON e.workspace_id = f.workspace_id AND e.n = f.execution_n
JOIN person u ON u.number = f.n % :people
CROSS JOIN LATERAL (
    SELECT (ARRAY['confirmed', 'confirmed', 'confirmed', 'confirmed', 'confirmed', 'confirmed', 'confirmed',
                  'false_positive', 'false_negative', 'adjustment'])[f.n % 10 + 1] AS verdict,
           CASE WHEN f.n % 10 < 7 THEN 'open' WHEN f.n % 100 >= 90 THEN 'open' WHEN f.n % 2 = 0 THEN 'verified'
                ELSE 'addressed' END AS state) v
"""
# Ten kinds in turn, each with what it refers to; places run along the related rows, so neighbours differ.
_MESSAGES = """
INSERT INTO workspace_messages (id, workspace_id, seq, type, created_at, author_id, author_type, title, content, data,
    attachments, session_id, feedback_id, execution_id, status, progress)
SELECT pg_temp.key(m.at, 'm' || m.w || '.' || m.n), m.workspace_id, m.n, k.type, m.at,
       CASE WHEN k.author_type = 'user' THEN u.id END, k.author_type,
       CASE k.type WHEN 'comment' THEN NULL ELSE initcap(replace(k.type, '_', ' ')) END,
       CASE m.k WHEN 0 THEN repeat('The highs before the break are too close together. ', 1 + m.n % 4)
                WHEN 5 THEN 'The tuner works on 12 corrections' WHEN 8 THEN 'Window from 3 to 4' END,
       CASE k.type
           WHEN 'comment' THEN '{}'
           WHEN 'session_created' THEN jsonb_build_object('session_id', s.id, 'name', 'AAPL 1d, window ' || s.n,
               'symbol', 'AAPL', 'timeframe', '1d', 'candle_count', 501, 'detection_count', 30, 'version', '1.4.0')
           WHEN 'feedback_added' THEN jsonb_build_object('feedback_id', f.id, 'verdict', 'false_positive',
               'candle_index', m.n % 500, 'candle_time', m.at, 'made_by', 'person')
           WHEN 'claude_started' THEN jsonb_build_object('execution_id', e.id, 'feedback_count', 12, 'agent', 'tuner')
           WHEN 'claude_phase_update' THEN jsonb_build_object('execution_id', e.id, 'phase', 'testing',
               'phase_started_at', m.at, 'current_task', 'Replaying 300 judged places')
           WHEN 'claude_checkpoint' THEN jsonb_build_object('execution_id', e.id, 'phase', 'testing', 'checkpoint',
               'The contract holds', 'details', '20 cuts, no look-ahead')
           WHEN 'claude_completed' THEN jsonb_build_object('execution_id', e.id, 'duration_s', 612.5, 'files_changed',
               '["detectors/swings.py"]'::jsonb, 'commit_hash', md5(m.n::text), 'commit_message', 'Tighten the window')
           ELSE jsonb_build_object('execution_id', e.id, 'deployment_id', md5(m.n::text), 'deploy_url', NULL,
               'version', '1.4.0', 'duration_s', 3.2)
       END,
       CASE WHEN m.n % 40 = 0 THEN ARRAY['attachments/' || md5(m.n::text) || '.png'] ELSE '{}' END,
       CASE WHEN m.k BETWEEN 1 AND 4 THEN s.id END, CASE WHEN m.k BETWEEN 2 AND 4 THEN f.id END,
       CASE WHEN m.k >= 5 THEN e.id END, CASE WHEN m.k IN (6, 7) THEN 'completed' END, CASE m.k WHEN 6 THEN 75 END
FROM (
    SELECT p.id AS workspace_id, p.number AS w, n, n % 10 AS k, now() - p.step * (p.messages - n) AS at,
           (n / 10) % p.sessions + 1 AS session_n, (n / 10 * 3 + n % 10) % p.feedback + 1 AS feedback_n,
           (n / 10) % p.executions + 1 AS execution_n
    FROM plan p CROSS JOIN generate_series(1, p.messages) n) m
JOIN session_no s ON s.workspace_id = m.workspace_id AND s.n = m.session_n
JOIN feedback_no f ON f.workspace_id = m.workspace_id AND f.n = m.feedback_n
JOIN execution_no e ON e.workspace_id = m.workspace_id AND e.n = m.execution_n
JOIN person u ON u.number = m.n % :people
CROSS JOIN LATERAL (
    SELECT (ARRAY['comment', 'session_created', 'feedback_added', 'feedback_added', 'feedback_added',
                  'claude_started', 'claude_phase_update', 'claude_checkpoint', 'claude_completed',
                  'deploy_success'])[m.k + 1] AS type,
           CASE WHEN m.k <= 4 THEN 'user' ELSE 'system' END AS author_type) k
ORDER BY m.at
"""
_STEPS = (_PERSON, _WORKSPACES, _SESSIONS, _EXECUTIONS, _FEEDBACK, _MESSAGES)
_TABLES = ("users", "pattern_workspaces", "workspace_messages", "claude_executions", "pattern_sessions",
           "feedback_items")  # fmt: skip


def fill(url: str, *, scale: float) -> dict[str, int]:
    """Makes the 200 workspaces with all that belongs to them. Returns the number of rows by table."""
    counts = sizes(scale)
    with connect(url) as connection:
        connection.execute(_KEY)
        connection.execute(_PEOPLE.replace(":people", str(PEOPLE)))
        _add(
            connection, list(range(1, len(counts) + 1)), counts,
            (
                shares(round(EXECUTIONS * scale), counts, 1 if scale < 1 else 25),
                shares(max(round(SESSIONS * scale), len(counts)), counts, 1 if scale < 1 else 10),
                shares(max(round(FEEDBACK * scale), len(counts)), counts, 1 if scale < 1 else 100),
            ),
        )  # fmt: skip
    return settle(url)


def add_workspaces(url: str, *, upto: int) -> dict[str, int]:
    """More workspaces, each with a hundred messages, so that there are `upto`. Returns the number of rows by table."""
    with connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM pattern_workspaces").fetchone()
        assert row is not None
        numbers = list(range(row[0] + 1, upto + 1))
        connection.execute(_KEY)
        each = [len(numbers) * [n] for n in (SMALL, 25, 10, 100)]
        _add(connection, numbers, each[0], (each[1], each[2], each[3]))
    return settle(url)


def _add(
    connection: psycopg.Connection[Any], numbers: list[int], messages: list[int],
    related: tuple[list[int], list[int], list[int]],
) -> None:  # fmt: skip
    executions, sessions, feedback = related
    params = {"numbers": numbers, "messages": messages, "executions": executions, "sessions": sessions,
              "feedback": feedback}  # fmt: skip
    connection.execute(_PLAN, params)
    for step in _STEPS:
        for statement in step.split(";\n"):
            connection.execute(statement.replace(":people", str(PEOPLE)))
        connection.execute("ANALYZE")


def settle(url: str) -> dict[str, int]:
    """Vacuumed, analysed and check-pointed, as a server that has been up for a while; rows by table."""
    with connect(url, autocommit=True) as connection:
        for table in _TABLES:
            connection.execute(f"VACUUM ANALYZE {table}")
        with suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("CHECKPOINT")
        found = {}
        for table in _TABLES:
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert row is not None
            found[table] = int(row[0])
        return found
