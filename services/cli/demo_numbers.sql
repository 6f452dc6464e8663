-- The numbers of each workspace beside the places and judgements that they come from: run it with psql on the database
-- of an installation, after `patterndesk recount` says that nothing differs. One row a workspace.
SELECT w.name AS pattern, w.status, 'v' || w.version AS version,
       format('%s / %s / %s', w.success_tp, w.success_fp, w.success_fn) AS "right / wrong / missed",
       to_char(100 * w.success_rate, 'FM990.0') || ' %' AS rate,
       (w.rate -> 'unseen' ->> 'tp')::int + (w.rate -> 'unseen' ->> 'fp')::int + (w.rate -> 'unseen' ->> 'fn')::int
           AS "n unseen",
       (SELECT count(*) FROM places p WHERE p.workspace_id = w.id AND p.status IN ('present', 'absent')) AS "judged places",
       (SELECT count(*) FROM places p WHERE p.workspace_id = w.id AND p.status IN ('present', 'absent')
            AND NOT EXISTS (SELECT 1 FROM seen_places s WHERE s.workspace_id = p.workspace_id AND s.series_id = p.series_id
                AND s.kind = p.kind AND s.direction = p.direction AND abs(s.anchor_bar - p.anchor_bar) <= 1)
            AND p.split <> 'embargo') AS "unseen judged places",
       (SELECT count(*) FROM places p WHERE p.workspace_id = w.id AND p.split = 'holdout'
            AND p.status IN ('present', 'absent')) AS "kept for testing",
       (SELECT count(*) FROM places p WHERE p.workspace_id = w.id AND p.status = 'disputed') AS disputes,
       (SELECT count(*) FROM feedback_items f WHERE f.workspace_id = w.id AND f.verdict <> 'comment'
            AND f.state <> 'withdrawn') AS judgements,
       (SELECT count(*) FROM feedback_items f WHERE f.workspace_id = w.id AND f.state = 'open'
            AND f.verdict NOT IN ('confirmed', 'unsure')) AS "open corrections",
       (SELECT coalesce(sum(e.retry_count), 0) FROM claude_executions e WHERE e.workspace_id = w.id) AS retries,
       (SELECT count(*) FROM feedback_items f WHERE f.workspace_id = w.id AND cardinality(f.attachments) > 0) AS pictures,
       (SELECT count(*) FROM detections d JOIN pattern_sessions s ON s.id = d.session_id WHERE s.workspace_id = w.id
            AND s.status = 'active' AND NOT EXISTS (SELECT 1 FROM feedback_items f WHERE f.detection_id = d.id))
           AS "marks left to judge"
FROM pattern_workspaces w WHERE w.archived_at IS NULL ORDER BY w.created_at;
