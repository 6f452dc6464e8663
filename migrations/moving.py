"""The statements that move the old data into workspaces (up) and back into the old tables (down), in their order."""

from __future__ import annotations

# What the existing tables point at, from 0005 on:
LINKS = (  # table, column, referred table, on delete
    ("pattern_sessions", "workspace_id", "pattern_workspaces", "CASCADE"),
    ("pattern_sessions", "dataset_id", "candle_datasets", None),
    ("pattern_sessions", "detector_version_id", "detector_versions", None),
    ("pattern_sessions", "retest_of_id", "pattern_sessions", None),
    ("feedback_items", "workspace_id", "pattern_workspaces", "CASCADE"),
    ("feedback_items", "detection_id", "detections", "CASCADE"),
    ("feedback_items", "dataset_id", "candle_datasets", None),
    ("feedback_items", "carried_from_id", "feedback_items", "SET NULL"),
    ("feedback_items", "execution_id", "claude_executions", None),
    ("feedback_items", "resolved_version_id", "detector_versions", None),
)

# A UUIDv7 of an old time. `rank` orders what happened at the same moment: a pattern, its session, feedback, completion.
NEW_ID = """
CREATE OR REPLACE FUNCTION pg_temp.new_id(at timestamptz, rank integer DEFAULT 0) RETURNS uuid LANGUAGE sql VOLATILE AS
$$ SELECT encode(set_byte(overlay(uuid_send(gen_random_uuid())
     PLACING substring(int8send(floor(extract(epoch FROM at) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 6, 112 + rank),
   'hex')::uuid $$
"""

OLD_PATTERNS = """
CREATE TEMP TABLE old_patterns (old text PRIMARY KEY, pattern_type text, name text, category text) ON COMMIT DROP
"""

_DONE = "('completed', 'submitted_for_review', 'implemented')"
_STATUSES = "('running', 'active', 'completed', 'archived', 'failed', 'submitted_for_review', 'implemented')"
_VERDICTS = "('confirmed', 'false_positive', 'false_negative', 'adjustment', 'unsure', 'comment')"
_STATES = "('open', 'sent', 'addressed', 'verified', 'disputed', 'withdrawn')"
_ISO = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
# Where a row of the new app keeps, on its way down, what the old columns have no room for.
_KEPT = "f.metadata -> 'workspace' ->>"

_NOTE_ROLES = """
INSERT INTO audit_events (id, action, object_type, object_id, before, after)
SELECT pg_temp.new_id(now()), 'migrated', 'user', u.id::text, jsonb_build_object('role', u.role),
       jsonb_build_object('role', CASE lower(trim(u.role)) WHEN 'admin' THEN 'admin' WHEN 'member' THEN 'member'
                                  WHEN 'user' THEN 'member' ELSE 'viewer' END)
FROM users u WHERE u.role NOT IN ('viewer', 'member', 'admin')
"""
_NOTE_STATUSES = f"""
INSERT INTO audit_events (id, action, object_type, object_id, before, after)
SELECT pg_temp.new_id(now()), 'migrated', 'pattern_session', s.id::text, jsonb_build_object('status', s.status),
       jsonb_build_object('status', 'archived')
FROM pattern_sessions s WHERE s.status NOT IN {_STATUSES}
"""
_NOTE_INDEXES = """
INSERT INTO audit_events (id, action, object_type, object_id, before, after)
SELECT pg_temp.new_id(now()), 'migrated', 'feedback_item', f.id::text,
       jsonb_build_object('candle_index', f.candle_index), jsonb_build_object('candle_index', NULL)
FROM feedback_items f WHERE f.candle_index < 0
"""
_ROLES = """
UPDATE users u SET role = a.after ->> 'role' FROM audit_events a
WHERE a.action = 'migrated' AND a.object_type = 'user' AND a.object_id = u.id::text
"""

# A pattern that was implemented once is in beta, at the version of its latest implemented session that names one.
_WORKSPACES = rf"""
INSERT INTO pattern_workspaces (id, pattern_type, name, category, status, version, created_at, updated_at,
                                implemented_at, session_count, last_tested_at, created_by_id)
SELECT pg_temp.new_id(min(s.created_at)), p.pattern_type, min(p.name), min(p.category),
       CASE WHEN bool_or(s.status = 'implemented') THEN 'beta' ELSE 'soon' END,
       CASE WHEN bool_or(s.status = 'implemented') THEN coalesce(nullif((array_agg(ltrim(s.pattern_version, 'v')
              ORDER BY s.created_at DESC, s.id DESC) FILTER (WHERE s.status = 'implemented'
              AND s.pattern_version ~ '^v?\d+\.\d+\.\d+$'))[1], '0.0.0'), '0.1.0') ELSE '0.0.0' END,
       min(s.created_at), max(greatest(s.created_at, s.updated_at)),
       min(coalesce(i.completed_at, greatest(s.created_at, s.updated_at))) FILTER (WHERE s.status = 'implemented'),
       count(*), max(greatest(s.created_at, s.updated_at)) FILTER (WHERE s.status IN {_DONE}),
       (array_agg(s.created_by_id ORDER BY s.created_at, s.id))[1]
FROM pattern_sessions s JOIN old_patterns p ON p.old = s.pattern_type
LEFT JOIN (SELECT session_id, min(completed_at) AS completed_at FROM implementation_sessions
           WHERE status = 'completed' GROUP BY session_id) i ON i.session_id = s.id
GROUP BY p.pattern_type
"""
# Old sessions noted what was wrong and never what was right, so no success rate can be told: their score stays empty.
_SESSIONS = f"""
UPDATE pattern_sessions s
SET workspace_id = w.id,
    status = CASE WHEN s.status IN {_STATUSES} THEN s.status ELSE 'archived' END,
    completed_at = CASE WHEN s.status IN {_DONE} THEN greatest(s.created_at, s.updated_at) END
FROM old_patterns p JOIN pattern_workspaces w ON w.pattern_type = p.pattern_type
WHERE p.old = s.pattern_type
"""

UP_BEFORE_DATASETS = (_NOTE_ROLES, _NOTE_STATUSES, _NOTE_INDEXES, _ROLES, _WORKSPACES, _SESSIONS)

WITH_CANDLES = """
SELECT id FROM pattern_sessions WHERE candle_data IS NOT NULL AND candle_data NOT IN ('null', '[]') ORDER BY created_at, id
"""
ONE_SESSION = "SELECT symbol, timeframe, candle_data FROM pattern_sessions WHERE id = :id"
NEW_DATASET = """
INSERT INTO candle_datasets (id, name, symbol, timeframe, rows, start_at, end_at, source_format, source_sha256,
                             content_sha256, storage_path, price_adjustment, quality, uploaded_by_id, created_at)
SELECT pg_temp.new_id(s.created_at), :name, s.symbol, s.timeframe, :rows, :start_at, :end_at, :source_format,
       :source_sha256, :content_sha256, :storage_path, :price_adjustment, CAST(:quality AS jsonb), s.created_by_id,
       s.created_at
FROM pattern_sessions s WHERE s.id = :id
ON CONFLICT (content_sha256) DO NOTHING
"""
LINK_DATASET = """
UPDATE pattern_sessions SET dataset_id = d.id, start_index = 0, end_index = d.rows - 1
FROM candle_datasets d WHERE d.content_sha256 = :content_sha256 AND pattern_sessions.id = :id
"""
NOTE_UNREADABLE = """
INSERT INTO audit_events (id, action, object_type, object_id, after)
VALUES (pg_temp.new_id(now()), 'candles_left_in_session', 'pattern_session', CAST(:id AS text), CAST(:after AS jsonb))
"""

# A missed one without a place is no place to replay, so it is a comment. Feedback that a completed implementation took
# is addressed. An item whose index lies outside its candles keeps no dataset: it cannot be replayed.
_FEEDBACK = f"""
WITH taken AS (
    SELECT unnest(feedback_ids) AS id, min(coalesce(started_at, created_at)) AS at FROM implementation_sessions
    WHERE status = 'completed' GROUP BY 1
), read AS (
    SELECT f.id, s.workspace_id, t.at AS sent_at, CASE WHEN f.candle_index >= 0 THEN f.candle_index END AS place,
           CASE WHEN coalesce(f.candle_index, 0) BETWEEN s.start_index AND s.end_index THEN s.dataset_id END AS dataset,
           s.start_index, s.end_index,
           CASE WHEN {_KEPT} 'state' IN {_STATES} THEN {_KEPT} 'state' WHEN t.id IS NOT NULL THEN 'addressed'
                ELSE 'open' END AS state,
           CASE WHEN {_KEPT} 'verdict' IN {_VERDICTS} THEN {_KEPT} 'verdict'
                WHEN f.type IN ('false_positive', 'adjustment', 'false_negative') THEN f.type
                ELSE 'comment' END AS verdict
    FROM feedback_items f JOIN pattern_sessions s ON s.id = f.session_id LEFT JOIN taken t ON t.id = f.id::text
), placed AS (
    SELECT *, verdict = 'false_negative' AND place IS NOT NULL AS missed FROM read
)
UPDATE feedback_items f
SET workspace_id = p.workspace_id,
    verdict = CASE WHEN p.verdict = 'false_negative' AND NOT p.missed THEN 'comment' ELSE p.verdict END,
    candle_index = p.place,
    expected_index = CASE WHEN p.missed THEN p.place END,
    expected_time = CASE WHEN p.missed THEN f.candle_time END,
    expected_price = CASE WHEN p.missed THEN f.price END,
    dataset_id = p.dataset,
    window_start = CASE WHEN p.dataset IS NOT NULL THEN p.start_index END,
    window_end = CASE WHEN p.dataset IS NOT NULL THEN p.end_index END,
    state = p.state, sent_to_claude_at = p.sent_at, updated_at = f.created_at
FROM placed p WHERE p.id = f.id
"""
_MESSAGES = f"""
WITH events AS (
    SELECT id AS workspace_id, created_at AS at, 0 AS rank, 'pattern_created' AS type, created_by_id AS author_id,
           name AS title, NULL AS content, ARRAY[]::text[] AS attachments, NULL::uuid AS session_id,
           NULL::uuid AS feedback_id,
           jsonb_build_object('pattern_type', pattern_type, 'category', category, 'status', status) AS data
    FROM pattern_workspaces
    UNION ALL
    SELECT s.workspace_id, s.created_at, 1, 'session_created', s.created_by_id, s.name, s.description, '{{}}', s.id, NULL,
           jsonb_build_object('session_id', s.id, 'name', s.name, 'symbol', s.symbol, 'timeframe', s.timeframe,
                              'candle_count', CASE WHEN d.rows IS NOT NULL THEN d.rows
                              WHEN jsonb_typeof(s.candle_data) = 'array' THEN jsonb_array_length(s.candle_data)
                              ELSE 0 END)
    FROM pattern_sessions s LEFT JOIN candle_datasets d ON d.id = s.dataset_id
    UNION ALL
    SELECT f.workspace_id, f.created_at, 2, 'feedback_added', f.author_id, 'Feedback added', f.reason, f.attachments,
           f.session_id, f.id,
           jsonb_strip_nulls(jsonb_build_object('feedback_id', f.id, 'verdict', f.verdict,
                             'candle_index', f.candle_index, 'candle_time', {_ISO.format("f.candle_time")}))
    FROM feedback_items f WHERE f.verdict NOT IN ('confirmed', 'unsure')
    UNION ALL
    SELECT workspace_id, completed_at, 3, 'session_completed', created_by_id, name, NULL, '{{}}', id, NULL,
           jsonb_build_object('session_id', id, 'tp', tp, 'fp', fp, 'fn', fn, 'success_rate', success_rate)
    FROM pattern_sessions WHERE completed_at IS NOT NULL
), told AS MATERIALIZED (SELECT *, pg_temp.new_id(at, rank) AS id FROM events)
INSERT INTO workspace_messages (id, workspace_id, seq, type, created_at, author_id, author_type, title, content, data,
                                attachments, session_id, feedback_id)
SELECT id, workspace_id, row_number() OVER (PARTITION BY workspace_id ORDER BY at, id), type, at, author_id, 'user',
       title, content, data, attachments, session_id, feedback_id
FROM told
"""
_COUNTERS = """
UPDATE pattern_workspaces w SET message_seq = m.number, feedback_count = m.asking
FROM (SELECT workspace_id, count(*) AS number, count(*) FILTER (WHERE type = 'feedback_added') AS asking
      FROM workspace_messages GROUP BY workspace_id) m
WHERE m.workspace_id = w.id
"""

UP_AFTER_DATASETS = (_FEEDBACK, _MESSAGES, _COUNTERS)

DATASETS_TO_PUT_BACK = """
SELECT id, storage_path FROM candle_datasets d
WHERE EXISTS (SELECT FROM pattern_sessions s WHERE s.dataset_id = d.id AND s.candle_data IS NULL)
"""
PUT_BACK = """
UPDATE pattern_sessions SET candle_data = CAST(:candles AS jsonb) WHERE dataset_id = :dataset_id AND candle_data IS NULL
"""

_SESSIONS_BACK = """
UPDATE pattern_sessions s
SET status = coalesce((SELECT a.before ->> 'status' FROM audit_events a WHERE a.action = 'migrated'
                       AND a.object_type = 'pattern_session' AND a.object_id = s.id::text AND s.status = 'archived'),
                      CASE s.status WHEN 'running' THEN 'active' WHEN 'failed' THEN 'archived' ELSE s.status END),
    pattern_type = coalesce(s.pattern_type, w.pattern_type),
    pattern_version = coalesce(s.pattern_version, v.version),
    pattern_settings = coalesce(s.pattern_settings, s.params),
    start_time = coalesce(s.start_time, CASE WHEN v.id IS NOT NULL THEN d.start_at END),
    end_time = coalesce(s.end_time, CASE WHEN v.id IS NOT NULL THEN d.end_at END)
FROM pattern_workspaces w, pattern_sessions o
LEFT JOIN detector_versions v ON v.id = o.detector_version_id LEFT JOIN candle_datasets d ON d.id = o.dataset_id
WHERE w.id = s.workspace_id AND o.id = s.id
"""
# Feedback about the whole pattern goes to the pattern's newest session, because the old table knows feedback only there.
_FEEDBACK_TO_A_SESSION = """
UPDATE feedback_items f
SET session_id = (SELECT s.id FROM pattern_sessions s WHERE s.workspace_id = f.workspace_id
                  ORDER BY s.created_at DESC, s.id DESC LIMIT 1)
WHERE f.session_id IS NULL
"""
_FEEDBACK_BACK = """
UPDATE feedback_items f
SET type = coalesce(f.type, CASE WHEN f.verdict IN ('false_positive', 'false_negative', 'adjustment') THEN f.verdict
                            ELSE 'other' END),
    metadata = CASE WHEN f.type IS NULL THEN
                 CASE WHEN jsonb_typeof(f.metadata) = 'object' THEN f.metadata ELSE '{}'::jsonb END
                 || jsonb_build_object('workspace', jsonb_build_object('verdict', f.verdict, 'state',
                    CASE f.state WHEN 'sent' THEN 'open' ELSE f.state END))
               ELSE f.metadata END,
    candle_index = coalesce(f.candle_index, (SELECT (a.before ->> 'candle_index')::integer FROM audit_events a
                            WHERE a.action = 'migrated' AND a.object_type = 'feedback_item'
                            AND a.object_id = f.id::text)),
    verdict = NULL, state = 'open', workspace_id = NULL, detection_id = NULL, dataset_id = NULL, execution_id = NULL,
    resolved_version_id = NULL, carried_from_id = NULL, sent_to_claude_at = NULL, window_start = NULL,
    window_end = NULL, expected_index = NULL, expected_time = NULL, expected_price = NULL
"""
_SESSIONS_UNLINKED = """
UPDATE pattern_sessions SET workspace_id = NULL, dataset_id = NULL, detector_version_id = NULL, retest_of_id = NULL,
                            completed_at = NULL, start_index = 0, end_index = 0
"""
_ROLES_BACK = """
UPDATE users u SET role = a.before ->> 'role' FROM audit_events a
WHERE a.action = 'migrated' AND a.object_type = 'user' AND a.object_id = u.id::text AND u.role = a.after ->> 'role'
"""

# The new tables are emptied at once: row by row, each deletion would search tables that have no index for it. That
# takes the foreign keys off for the moment; they come back as 0005 made them.
_TAKE_OFF = tuple(f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_{column}_{to}" for table, column, to, _ in LINKS)
_EMPTY = """
TRUNCATE read_markers, gate_waivers, execution_attempts, execution_feedback, evaluations, detections, detector_versions,
         workspace_messages, claude_executions, pattern_workspaces, candle_datasets
"""
_PUT_ON = tuple(
    f"ALTER TABLE {table} ADD CONSTRAINT fk_{table}_{column}_{to} FOREIGN KEY ({column}) REFERENCES {to} (id)"
    f"{f' ON DELETE {on_delete}' if on_delete else ''} NOT VALID"
    for table, column, to, on_delete in LINKS
)

DOWN = (
    "TRUNCATE workspace_messages, execution_feedback",
    _SESSIONS_BACK,
    _FEEDBACK_TO_A_SESSION,
    "DELETE FROM feedback_items WHERE session_id IS NULL",
    _FEEDBACK_BACK,
    _ROLES_BACK,
    "DELETE FROM audit_events WHERE action IN ('migrated', 'candles_left_in_session')",
    _SESSIONS_UNLINKED,
    *_TAKE_OFF,
    _EMPTY,
    *_PUT_ON,
)
