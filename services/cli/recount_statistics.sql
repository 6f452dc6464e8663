-- The sums of the statistics counted again from the rows, apart from the functions that keep them: what differs.
WITH launched AS (
    SELECT e.*, timezone('UTC', e.triggered_at)::date AS on_day,
           CASE e.status WHEN 'completed' THEN 'completed' WHEN 'failed' THEN
                CASE WHEN e.canceled_at IS NULL THEN 'failed' ELSE 'canceled' END ELSE 'live' END AS outcome
    FROM claude_executions e
), timed AS (
    SELECT l.id, p.key AS name, date_part('epoch', stat_time(p.value->>'completed_at'))
           - date_part('epoch', stat_time(p.value->>'started_at')) AS took
    FROM launched l, jsonb_each(CASE jsonb_typeof(l.phases) WHEN 'object' THEN l.phases END) p
    WHERE stat_time(p.value->>'started_at') IS NOT NULL AND stat_time(p.value->>'completed_at') IS NOT NULL
), asked AS (
    SELECT f.*, coalesce(d.symbol, '') AS symbol FROM feedback_items f LEFT JOIN candle_datasets d ON d.id = f.dataset_id
    WHERE f.made_by IN ('person', 'rule') AND f.verdict IN ('false_positive', 'false_negative', 'adjustment', 'comment')
), event (workspace, person, measure, day, agent, target, symbol, item, total) AS (
    SELECT workspace_id, triggered_by, 'run', on_day, agent, deploy_target, '', outcome, cost_usd FROM launched
    UNION ALL
    SELECT workspace_id, triggered_by, 'retry', on_day, agent, deploy_target, '', format('%%s:%%s', retry_count, outcome), 0
    FROM launched WHERE outcome IN ('completed', 'failed', 'canceled')
    UNION ALL
    SELECT workspace_id, triggered_by, 'deploy', timezone('UTC', coalesce(deploy_started_at, triggered_at))::date, agent,
           deploy_target, '', deploy_status, 0
    FROM launched WHERE deploy_status <> ''
    UNION ALL
    SELECT l.workspace_id, l.triggered_by, g.measure, g.day, l.agent, l.deploy_target, '',
           format('%%s:%%s', t.name, CASE WHEN t.took < 0.001 THEN -100 ELSE floor(log(2::numeric, t.took::numeric) * 8) END),
           t.took::numeric
    FROM timed t JOIN launched l USING (id),
         LATERAL (VALUES ('phase', l.on_day), ('phase.month', l.on_day - (date_part('day', l.on_day)::int - 1))) g(measure, day)
    WHERE t.took >= 0
    UNION ALL
    SELECT l.workspace_id, l.triggered_by, 'cause', timezone('UTC', a.ended_at)::date, l.agent, l.deploy_target, '',
           CASE WHEN a.decision->>'kind' <> '' THEN a.decision->>'kind' ELSE 'unknown' END, 0
    FROM execution_attempts a JOIN launched l ON l.id = a.execution_id
    WHERE a.outcome = ANY('{failed,retry}') AND a.ended_at IS NOT NULL
    UNION ALL
    SELECT workspace_id, asked_by_id, 'question', timezone('UTC', created_at)::date, 'claude', '', '', 'asked', cost_usd
    FROM questions
    UNION ALL
    SELECT workspace_id, author_id, 'given', timezone('UTC', created_at)::date, '', '', symbol,
           concat(state, CASE WHEN sent_to_claude_at IS NULL THEN '' ELSE '+' END), 0
    FROM asked
    UNION ALL
    SELECT workspace_id, person_id, 'move', timezone('UTC', at)::date, '', '', symbol, concat(source, '>', target), 0
    FROM correction_moves
    UNION ALL
    SELECT m.workspace_id, m.person_id, g.measure, g.day, '', '', m.symbol,
           (CASE WHEN m.seconds < 0.001 THEN -100 ELSE floor(log(2::numeric, m.seconds::numeric) * 8) END)::text, m.seconds::numeric
    FROM correction_moves m,
         LATERAL (SELECT CASE m.target WHEN 'sent' THEN 'wait' ELSE 'fix' END AS kind, timezone('UTC', m.at)::date AS own) k,
         LATERAL (VALUES (k.kind, k.own), (k.kind || '.month', k.own - (date_part('day', k.own)::int - 1))) g(measure, day)
    WHERE m.stands AND m.seconds >= 0
), scoped AS (
    SELECT s.scope, v.measure, v.day, v.agent, v.target, v.symbol, v.item, v.total
    FROM event v JOIN pattern_workspaces w ON w.id = v.workspace
    CROSS JOIN LATERAL (VALUES
        ('all'), (concat('w:', w.id)), (concat('c:', w.category)), (concat('all p:', v.person)),
        (concat('w:', w.id, ' p:', v.person)), (concat('c:', w.category, ' p:', v.person))) s(scope)
), counted AS (
    SELECT scope, measure, day, agent, target, symbol, item, count(*) AS n, sum(total) AS total
    FROM scoped GROUP BY 1, 2, 3, 4, 5, 6, 7
), kept AS (
    SELECT scope, measure, day, agent, target, symbol, item, sum(n) AS n, sum(total) AS total FROM (
        SELECT scope, measure, day, agent, target, symbol, item, n, total FROM stat_days
        UNION ALL SELECT scope, measure, day, agent, target, symbol, item, n, total FROM stat_changes) every
    GROUP BY 1, 2, 3, 4, 5, 6, 7
)
SELECT concat_ws(' ', scope, agent, target, symbol), concat_ws(' ', measure, item, day),
       concat_ws(' of ', coalesce(k.n, 0), round(coalesce(k.total, 0), 6)),
       concat_ws(' of ', coalesce(c.n, 0), round(coalesce(c.total, 0), 6))
FROM kept k FULL JOIN counted c USING (scope, measure, day, agent, target, symbol, item)
WHERE coalesce(k.n, 0) <> coalesce(c.n, 0) OR abs(coalesce(k.total, 0) - coalesce(c.total, 0)) > 0.0001
UNION ALL
-- The newest move of a correction ends where the correction stands.
SELECT coalesce(a.workspace_id, m.workspace_id)::text, concat('state of correction ', coalesce(a.id, m.feedback_id)),
       coalesce(m.target, 'none'), coalesce(a.state, 'none')
FROM asked a FULL JOIN (
    SELECT DISTINCT ON (feedback_id) feedback_id, workspace_id, target FROM correction_moves ORDER BY feedback_id, id DESC
) m ON m.feedback_id = a.id
WHERE m.target IS DISTINCT FROM a.state
ORDER BY 1, 2
LIMIT 200
