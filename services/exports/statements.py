"""The statements of the reports that are plain SQL. Every one takes the same parameters; None means "any"."""

from __future__ import annotations

from typing import Final, LiteralString

from services.rules import correction_sql, kept_back_sql, masked_sql
from services.stats.filters import chosen_sql

_RATES: Final[LiteralString] = """w.rate->'all'->'ci_low' AS ci_low, w.rate->'all'->'ci_high' AS ci_high,
       w.rate->'all'->'n_effective' AS n_effective, w.rate->'all'->'unjudged' AS unjudged,
       w.rate->'unseen'->'rate' AS unseen_rate, w.rate->'unseen'->'ci_low' AS unseen_ci_low,
       w.rate->'unseen'->'ci_high' AS unseen_ci_high, w.rate->'unseen'->'n' AS unseen_n,
       w.rate->'seen'->'rate' AS seen_rate, w.rate->'seen'->'n' AS seen_n,
       w.rate->'all'->'coverage'->'windows' AS windows, w.rate->'all'->'coverage'->'of' AS windows_judged,
       w.rate->'before'->>'version' AS version_before, w.rate->'before'->'rate'->'rate' AS rate_before"""
WORKSPACES: Final[LiteralString] = f"""
SELECT w.id, w.pattern_type, w.name, w.category, w.status, w.version, w.session_count, w.feedback_count,
       w.success_rate, w.success_tp AS tp, w.success_fp AS fp, w.success_fn AS fn,
       w.success_tp + w.success_fp + w.success_fn AS n, {_RATES}, w.last_tested_at, w.description, w.user_reasoning,
       w.identification_steps, w.created_at, c.name AS created_by, w.implemented_at, w.approved_at,
       a.name AS approved_by, w.verified_at, v.name AS verified_by, w.archived_at
FROM pattern_workspaces w
JOIN users c ON c.id = w.created_by_id
LEFT JOIN users a ON a.id = w.approved_by_id
LEFT JOIN users v ON v.id = w.verified_by_id
WHERE (%(status)s::text IS NULL OR w.status = %(status)s)
ORDER BY w.category, w.name, w.id
"""
TIMELINE: Final[LiteralString] = f"""
SELECT m.seq, m.created_at, m.type, m.author_type, u.name AS author, m.title, m.content, m.status, m.progress,
       s.name AS session, f.verdict AS feedback_verdict, f.candle_index AS feedback_candle_index,
       e.number AS execution_number, m.data, m.attachments, m.edited_at, m.deleted_at, m.id, m.session_id,
       m.feedback_id, m.execution_id
FROM workspace_messages m
LEFT JOIN users u ON u.id = m.author_id
LEFT JOIN pattern_sessions s ON s.id = m.session_id
LEFT JOIN feedback_items f ON f.id = m.feedback_id
LEFT JOIN claude_executions e ON e.id = m.execution_id
WHERE m.workspace_id = %(w)s AND m.created_at >= %(since)s AND m.created_at < %(until)s
  AND NOT {kept_back_sql("m")}
ORDER BY m.created_at, m.id
"""
SESSIONS: Final[LiteralString] = f"""
SELECT s.id, w.pattern_type, w.name AS workspace, s.name, s.symbol, s.timeframe, coalesce(v.version, s.pattern_version)
       AS version, s.status, s.split, s.coverage, s.start_index, s.end_index, s.start_time, s.end_time,
       s.detection_count, s.tp, s.fp, s.fn, s.tp + s.fp + s.fn AS n, s.unsure_count, s.success_rate, s.ci_low,
       s.ci_high, s.n_effective, s.unjudged_count, s.label_set_sha256, s.score_note, s.precision, s.recall, v.commit_hash, s.params, d.content_sha256 AS dataset_sha256, s.run_ms,
       s.isolation, s.detector_error, s.retest_of_id, u.name AS created_by, s.created_at, s.completed_at
FROM pattern_sessions s
JOIN pattern_workspaces w ON w.id = s.workspace_id
JOIN users u ON u.id = s.created_by_id
LEFT JOIN detector_versions v ON v.id = s.detector_version_id
LEFT JOIN candle_datasets d ON d.id = s.dataset_id
WHERE {chosen_sql("s.workspace_id")} AND (%(status)s::text IS NULL OR s.status = %(status)s)
  AND (%(version)s::text IS NULL OR s.pattern_version = %(version)s)
  AND s.created_at >= %(since)s AND s.created_at < %(until)s
ORDER BY s.created_at DESC, s.id DESC
"""
# One row a detection and verdict (a detection nobody judged has one row without), then what was missed.
MARKS: Final[LiteralString] = f"""
SELECT d.id AS detection_id, d.kind, d.direction, d.anchor_index, d.anchor_time, d.start_index, d.end_index, d.price,
       d.price_low, d.price_high, d.confirmed_index, d.confirmed_at, d.confidence, f.id AS feedback_id, f.verdict,
       f.state, u.name AS reviewer, f.made_by, f.expected_index, f.expected_time, f.expected_price, f.reason,
       f.created_at AS judged_at
FROM detections d
LEFT JOIN feedback_items f ON f.detection_id = d.id AND f.state <> 'withdrawn' AND NOT {masked_sql("f")}
LEFT JOIN users u ON u.id = f.author_id
WHERE d.session_id = %(session)s
UNION ALL
SELECT NULL, f.expected_kind, f.expected_direction, f.expected_index, f.expected_time, f.expected_index,
       f.expected_index, f.expected_price, f.expected_low, f.expected_high, NULL, NULL, NULL, f.id, f.verdict, f.state,
       u.name, f.made_by, f.expected_index, f.expected_time, f.expected_price, f.reason, f.created_at
FROM feedback_items f JOIN users u ON u.id = f.author_id
WHERE f.session_id = %(session)s AND f.detection_id IS NULL AND f.verdict = 'false_negative' AND f.state <> 'withdrawn'
  AND NOT {masked_sql("f")}
ORDER BY 4, 2, 3, 14
"""
FEEDBACK: Final[LiteralString] = f"""
SELECT f.id, w.pattern_type, w.name AS workspace, s.name AS session, s.split, u.name AS author, f.made_by, f.verdict,
       f.state, f.severity, f.expected_kind AS kind, f.expected_direction AS direction, f.candle_index, f.candle_time,
       f.price, f.expected_index, f.expected_time, f.expected_price, f.expected_low, f.expected_high, f.reason,
       f.attachments, f.window_start, f.window_end, f.created_at, f.sent_to_claude_at, e.number AS execution_number,
       v.version AS resolved_version, f.updated_at, f.session_id, f.detection_id, f.dataset_id
FROM feedback_items f
JOIN pattern_workspaces w ON w.id = f.workspace_id
JOIN users u ON u.id = f.author_id
LEFT JOIN pattern_sessions s ON s.id = f.session_id
LEFT JOIN claude_executions e ON e.id = f.execution_id
LEFT JOIN detector_versions v ON v.id = f.resolved_version_id
WHERE {chosen_sql("f.workspace_id")} AND (%(session)s::uuid IS NULL OR f.session_id = %(session)s)
  AND (%(state)s::text IS NULL OR f.state = %(state)s) AND (%(verdict)s::text IS NULL OR f.verdict = %(verdict)s)
  AND f.created_at >= %(since)s AND f.created_at < %(until)s AND NOT {masked_sql("f")}
ORDER BY f.created_at, f.id
"""
CORRECTIONS: Final[LiteralString] = f"""
SELECT w.name AS workspace, f.verdict, f.state, f.expected_kind AS kind, f.expected_direction AS direction, d.symbol,
       d.timeframe, f.candle_index, f.candle_time, f.price, f.expected_index, f.expected_time, f.reason,
       u.name AS author, s.name AS session, f.created_at, f.sent_to_claude_at AS sent_at, e.number AS execution_number,
       v.version AS resolved_version, f.updated_at, w.pattern_type, f.id, f.session_id, f.execution_id
FROM feedback_items f
JOIN pattern_workspaces w ON w.id = f.workspace_id
JOIN users u ON u.id = f.author_id
LEFT JOIN pattern_sessions s ON s.id = f.session_id
LEFT JOIN candle_datasets d ON d.id = f.dataset_id
LEFT JOIN claude_executions e ON e.id = f.execution_id
LEFT JOIN detector_versions v ON v.id = f.resolved_version_id
WHERE {correction_sql("f")} AND {chosen_sql("f.workspace_id")} AND NOT {masked_sql("f")}
  AND (%(category)s::text IS NULL OR w.category = %(category)s)
  AND (%(person)s::uuid IS NULL OR f.author_id = %(person)s)
  AND (%(symbol)s::text IS NULL OR d.symbol = %(symbol)s)
  AND (%(state)s::text IS NULL OR f.state = ANY(string_to_array(%(state)s, ',')))
  AND (%(verdict)s::text IS NULL OR f.verdict = ANY(string_to_array(%(verdict)s, ',')))
  AND CASE WHEN %(moved)s::text IS NULL THEN f.created_at >= %(since)s AND f.created_at < %(until)s
      ELSE EXISTS (SELECT 1 FROM correction_moves m WHERE m.feedback_id = f.id
                   AND m.target = CASE %(moved)s WHEN 'reopened' THEN 'open' ELSE %(moved)s END
                   AND (%(moved)s <> 'reopened' OR m.source IS NOT NULL) AND m.at >= %(since)s AND m.at < %(until)s
                   AND (%(fix_low)s::float8 IS NULL OR (m.stands AND m.seconds >= %(fix_low)s))
                   AND (%(fix_high)s::float8 IS NULL OR (m.stands AND m.seconds < %(fix_high)s))) END
  AND (%(stood)s::text IS NULL OR %(on)s::timestamptz IS NULL OR %(stood)s = (
       SELECT m.target FROM correction_moves m WHERE m.feedback_id = f.id AND m.at < %(on)s ORDER BY m.id DESC LIMIT 1))
  AND (%(stage)s::text IS NULL OR CASE %(stage)s WHEN 'given' THEN true WHEN 'held' THEN f.state = 'verified'
       WHEN 'fixed' THEN f.state IN ('addressed', 'verified')
       ELSE f.sent_to_claude_at IS NOT NULL OR f.state IN ('addressed', 'verified') END)
ORDER BY f.created_at DESC, f.id DESC
"""
EXECUTIONS: Final[LiteralString] = f"""
SELECT e.id, w.pattern_type, w.name AS workspace, e.number, e.agent, e.status, e.canceled_at IS NOT NULL AS canceled,
       e.phase, e.progress, cardinality(e.feedback_ids) AS feedback_count, u.name AS triggered_by, e.triggered_at,
       e.started_at, e.completed_at, e.errored_at, e.canceled_at, e.retry_count, e.max_retries, e.retry_reason,
       e.deploy_target, e.deploy_status, e.deploy_url, e.deploy_started_at, e.deploy_completed_at, e.deployment_id,
       e.commit_hash, e.commit_message, e.files_changed, e.cost_usd, e.input_tokens, e.output_tokens, e.summary,
       e.error, e.parent_execution_id
FROM claude_executions e
JOIN pattern_workspaces w ON w.id = e.workspace_id
JOIN users u ON u.id = e.triggered_by
WHERE {chosen_sql("e.workspace_id")} AND (%(status)s::text IS NULL OR e.status = %(status)s)
  AND (%(category)s::text IS NULL OR w.category = %(category)s)
  AND (%(outcome)s::text[] IS NULL
    OR CASE e.status WHEN 'completed' THEN 'completed' WHEN 'failed' THEN
         CASE WHEN e.canceled_at IS NULL THEN 'failed' ELSE 'canceled' END ELSE 'live' END = ANY(%(outcome)s)
    OR 'deploy_failed' = ANY(%(outcome)s) AND e.status = 'failed' AND e.canceled_at IS NULL
       AND e.deploy_status = 'error')
  AND (%(agent)s::text IS NULL OR e.agent = %(agent)s)
  AND (%(target)s::text IS NULL OR e.deploy_target = %(target)s)
  AND (%(person)s::uuid IS NULL OR e.triggered_by = %(person)s)
  AND (%(retries)s::int IS NULL OR e.retry_count = %(retries)s)
  AND (%(deploy)s::text IS NULL OR e.deploy_status = %(deploy)s)
  AND CASE WHEN %(cause)s::text IS NULL THEN e.triggered_at >= %(since)s AND e.triggered_at < %(until)s
      ELSE EXISTS (SELECT 1 FROM execution_attempts a WHERE a.execution_id = e.id AND a.decision->>'kind' = %(cause)s
                   AND a.ended_at >= %(since)s AND a.ended_at < %(until)s) END
ORDER BY e.triggered_at DESC, e.id DESC
"""
ATTEMPTS: Final[LiteralString] = f"""
SELECT w.pattern_type, e.number AS execution_number, a.number, a.started_at, a.ended_at, a.outcome, a.reason,
       a.cost_usd, a.input_tokens, a.output_tokens, a.commit_hash, a.deployment_id, a.execution_id
FROM execution_attempts a
JOIN claude_executions e ON e.id = a.execution_id
JOIN pattern_workspaces w ON w.id = e.workspace_id
WHERE {chosen_sql("e.workspace_id")}
  AND (%(execution)s::uuid IS NULL OR a.execution_id = %(execution)s)
  AND e.triggered_at >= %(since)s AND e.triggered_at < %(until)s
ORDER BY e.triggered_at, e.id, a.number
"""
# The outcomes without their marks; what they say of an address is redacted when it is written.
NOTIFICATIONS: Final[LiteralString] = f"""
SELECT n.created_at, w.pattern_type, w.name AS workspace, n.event, n.title, n.body, n.link, n.status, n.tries,
       n.sent_at, (SELECT jsonb_agg(o.value - 'id' ORDER BY o.ordinality)
                   FROM jsonb_array_elements(n.outcomes) WITH ORDINALITY o) AS outcomes,
       e.number AS execution_number, n.execution_id, n.id
FROM notifications n
JOIN pattern_workspaces w ON w.id = n.workspace_id
LEFT JOIN claude_executions e ON e.id = n.execution_id
WHERE {chosen_sql("n.workspace_id")} AND (%(status)s::text IS NULL OR n.status = %(status)s)
  AND n.created_at >= %(since)s AND n.created_at < %(until)s
ORDER BY n.created_at, n.id
"""
PEOPLE: Final[LiteralString] = """
SELECT id, email, name, role, is_active, created_at, last_seen_at FROM users ORDER BY created_at, id
"""
AUDIT: Final[LiteralString] = """
SELECT a.created_at, u.name AS actor, u.email AS actor_email, a.action, a.object_type, a.object_id, a.before, a.after,
       a.id
FROM audit_events a LEFT JOIN users u ON u.id = a.actor_id
WHERE a.created_at >= %(since)s AND a.created_at < %(until)s
ORDER BY a.created_at, a.id
"""
