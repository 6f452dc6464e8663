-- Every place, score and counter counted again from the judgements, apart from the services: the rules of
-- docs/decisions on places, written once more in SQL. Leaves the temporary tables rc_place, rc_score and rc_counter.
SET LOCAL client_min_messages = warning;
DROP TABLE IF EXISTS rc_said, rc_place, rc_on, rc_vote, rc_mark, rc_pair, rc_score, rc_window, rc_checked, rc_in, rc_match CASCADE;

-- What each standing judgement says: 0 of where the detector put its mark, 1 of where a mark belongs.
CREATE TEMP TABLE rc_said ON COMMIT DROP AS
WITH RECURSIVE up AS (
    SELECT f.id, f.id AS root, f.carried_from_id FROM feedback_items f WHERE f.made_by = 'carried'
    UNION ALL SELECT u.id, f.id, f.carried_from_id FROM up u JOIN feedback_items f ON f.id = u.carried_from_id
), j AS (
    SELECT f.*, coalesce(r.created_at, f.created_at) AS at, coalesce(r.judged_at, f.judged_at) AS given,
           c.series_id, c.series_offset AS shift, d.key AS mark, d.refs, d.price AS d_price, d.price_low AS d_low,
           d.price_high AS d_high, d.slack AS d_slack
    FROM feedback_items f
    JOIN candle_datasets c ON c.id = f.dataset_id
    JOIN pattern_sessions s ON s.id = f.session_id AND s.status IN ('active', 'completed')
    LEFT JOIN up u ON u.id = f.id AND u.carried_from_id IS NULL LEFT JOIN feedback_items r ON r.id = u.root
    LEFT JOIN detections d ON d.id = f.detection_id
    WHERE f.state <> 'withdrawn' AND f.verdict <> 'comment' AND f.candle_index IS NOT NULL
      AND f.expected_kind IS NOT NULL AND f.expected_direction IS NOT NULL
      AND NOT (f.verdict IN ('adjustment', 'false_negative') AND f.expected_index IS NULL)
)
SELECT id AS judgement, 0 AS half, workspace_id, author_id AS person, session_id, series_id, expected_kind AS kind,
       expected_direction AS direction, at, given, tolerance_bars AS tolerance, mark, candle_index + shift AS bar,
       coalesce(d_low, (original->>'price_low')::float8) AS low, coalesce(d_high, (original->>'price_high')::float8) AS high,
       CASE WHEN jsonb_array_length(refs) > 0 AND coalesce(d_low, (original->>'price_low')::float8) IS NULL
            THEN d_price END AS level, d_slack AS slack,
       CASE verdict WHEN 'confirmed' THEN 'present' WHEN 'unsure' THEN 'unsure' ELSE 'absent' END AS vote
FROM j WHERE verdict <> 'false_negative'
UNION ALL
SELECT id, 1, workspace_id, author_id, session_id, series_id, expected_kind, expected_direction, at, given,
       tolerance_bars, NULL, expected_index + shift, expected_low, expected_high, NULL, NULL, 'present'
FROM j WHERE verdict IN ('false_negative', 'adjustment');
UPDATE rc_said SET low = NULL, high = NULL WHERE low IS NULL OR high IS NULL;
CREATE INDEX ON rc_said (judgement);

CREATE TEMP TABLE rc_place (
    id serial PRIMARY KEY, workspace_id uuid, founder_id uuid, part int, series_id uuid, kind text, direction int,
    bar int, low float8, high float8, level float8, slack float8, tolerance int, status text DEFAULT 'unsure'
) ON COMMIT DROP;
CREATE INDEX ON rc_place (workspace_id, series_id, kind, direction, bar);
CREATE TEMP TABLE rc_on (place int, judgement uuid, half int, person uuid, session_id uuid, mark text) ON COMMIT DROP;
CREATE INDEX ON rc_on (place);

-- How far something is from a place, in bars and half of the zones' mismatch; NULL when it is something else.
CREATE OR REPLACE FUNCTION pg_temp.rc_apart(p rc_place, bar int, low float8, high float8, level float8, slack float8)
RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN abs(p.bar - bar) > coalesce(p.tolerance, 1) THEN NULL
        WHEN p.level IS NOT NULL AND level IS NOT NULL
             AND abs(p.level - level) > coalesce(p.slack, slack, abs(p.level) * 0.001) THEN NULL
        WHEN p.low IS NULL THEN abs(p.bar - bar)
        WHEN low IS NULL OR high IS NULL THEN NULL
        ELSE (SELECT CASE WHEN iou >= 0.5 THEN abs(p.bar - bar) + (1 - iou) / 2 END FROM (
              SELECT CASE WHEN greatest(p.high, high) <= least(p.low, low) THEN 1.0
                     ELSE greatest(0, least(p.high, high) - greatest(p.low, low))
                          / (greatest(p.high, high) - least(p.low, low)) END AS iou) z)
    END
$$;

DO $$
DECLARE one record; said record; pair record; taken int[]; done int[]; moved boolean;
BEGIN
    FOR one IN SELECT judgement, max(at) AS at FROM rc_said GROUP BY judgement ORDER BY max(at), judgement LOOP
        taken := '{}'; done := '{}';
        FOR pair IN
            SELECT s.half, p.id, pg_temp.rc_apart(p, s.bar, s.low, s.high, s.level, s.slack) AS cost
            FROM rc_said s JOIN rc_place p USING (workspace_id, series_id, kind, direction)
            WHERE s.judgement = one.judgement AND p.bar BETWEEN s.bar - 50 AND s.bar + 50
              AND pg_temp.rc_apart(p, s.bar, s.low, s.high, s.level, s.slack) IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM rc_on o WHERE o.place = p.id AND (
                    (o.person = s.person AND o.session_id = s.session_id)
                    OR (o.session_id = s.session_id AND o.mark IS NOT NULL AND s.mark IS NOT NULL AND o.mark <> s.mark)))
            ORDER BY cost, p.id, s.half
        LOOP
            CONTINUE WHEN pair.id = ANY(taken) OR pair.half = ANY(done);
            taken := taken || pair.id; done := done || pair.half;
            INSERT INTO rc_on SELECT pair.id, s.judgement, s.half, s.person, s.session_id, s.mark
            FROM rc_said s WHERE s.judgement = one.judgement AND s.half = pair.half;
        END LOOP;
        moved := (SELECT count(*) = 2 FROM rc_said WHERE judgement = one.judgement);
        FOR said IN SELECT * FROM rc_said WHERE judgement = one.judgement AND NOT half = ANY(done) ORDER BY half LOOP
            INSERT INTO rc_place (workspace_id, founder_id, part, series_id, kind, direction, bar, low, high, level, slack, tolerance)
            VALUES (said.workspace_id, said.judgement, CASE WHEN moved THEN said.half ELSE 0 END, said.series_id, said.kind,
                    said.direction, said.bar, said.low, said.high, said.level, said.slack, said.tolerance);
            INSERT INTO rc_on VALUES (currval('rc_place_id_seq'), said.judgement, said.half, said.person, said.session_id, said.mark);
        END LOOP;
    END LOOP;
END $$;

-- Each person's newest statement counts once, an unsure one not at all; the newest decision of a dispute holds.
CREATE TEMP TABLE rc_vote ON COMMIT DROP AS
SELECT DISTINCT ON (o.place, o.person) o.place, o.person, s.vote
FROM rc_on o JOIN rc_said s ON s.judgement = o.judgement AND s.half = o.half
ORDER BY o.place, o.person, s.given DESC, s.judgement::text DESC;
UPDATE rc_place p SET status = CASE
    WHEN v.present > v.absent THEN 'present' WHEN v.absent > v.present THEN 'absent'
    WHEN v.present = 0 THEN 'unsure' ELSE 'disputed' END
FROM (SELECT place, count(*) FILTER (WHERE vote = 'present') AS present, count(*) FILTER (WHERE vote = 'absent') AS absent
      FROM rc_vote GROUP BY 1) v WHERE v.place = p.id;
UPDATE rc_place p SET status = CASE WHEN d.present THEN 'present' ELSE 'absent' END
FROM (SELECT DISTINCT ON (place) place, present FROM (
        SELECT d.id, d.created_at, d.present, (
            SELECT q.id FROM rc_place q WHERE q.workspace_id = d.workspace_id AND q.series_id = d.series_id
              AND q.kind = d.kind AND q.direction = d.direction
              AND pg_temp.rc_apart(q, d.anchor_bar, d.price_low, d.price_high, d.level, d.slack) IS NOT NULL
            ORDER BY pg_temp.rc_apart(q, d.anchor_bar, d.price_low, d.price_high, d.level, d.slack), q.id LIMIT 1) AS place
        FROM place_decisions d) x ORDER BY place, created_at DESC, id DESC) d WHERE d.place = p.id;

-- The marks of each session, and of the deployed version over its completed sessions, each once.
CREATE TEMP TABLE rc_mark ON COMMIT DROP AS
SELECT DISTINCT ON (scope, series_id, key) scope, workspace_id, series_id, key, kind, direction, bar, low, high, level, slack
FROM (
    SELECT x.scope, s.workspace_id, c.series_id, d.key, d.kind, d.direction, d.anchor_index + c.series_offset AS bar,
           CASE WHEN d.price_high IS NOT NULL THEN d.price_low END AS low,
           CASE WHEN d.price_low IS NOT NULL THEN d.price_high END AS high,
           CASE WHEN jsonb_array_length(d.refs) > 0 AND (d.price_low IS NULL OR d.price_high IS NULL) THEN d.price END AS level,
           NULL::float8 AS slack
    FROM pattern_sessions s
    JOIN candle_datasets c ON c.id = s.dataset_id JOIN detections d ON d.session_id = s.id
    JOIN pattern_workspaces w ON w.id = s.workspace_id
    CROSS JOIN LATERAL (SELECT s.id AS scope UNION ALL
        SELECT w.id WHERE s.status = 'completed' AND s.detector_version_id = w.deployed_version_id) x
    WHERE s.status IN ('active', 'completed') AND d.anchor_index BETWEEN s.start_index AND s.end_index
) m ORDER BY scope, series_id, key;
CREATE TEMP TABLE rc_pair (scope uuid, place int, key text, cost float8, present boolean, founder text, bar int) ON COMMIT DROP;
CREATE TEMP TABLE rc_window ON COMMIT DROP AS
SELECT x.scope, s.id AS session_id, s.workspace_id, c.series_id, s.start_index + c.series_offset AS first,
       s.end_index + c.series_offset AS last
FROM pattern_sessions s JOIN candle_datasets c ON c.id = s.dataset_id JOIN pattern_workspaces w ON w.id = s.workspace_id
CROSS JOIN LATERAL (SELECT s.id AS scope UNION ALL
    SELECT w.id WHERE s.status = 'completed' AND s.detector_version_id = w.deployed_version_id) x
WHERE s.status IN ('active', 'completed');
CREATE TEMP TABLE rc_checked ON COMMIT DROP AS
SELECT s.id AS session_id, s.status, s.workspace_id, c.series_id, s.start_index + c.series_offset AS first,
       s.end_index + c.series_offset AS last
FROM pattern_sessions s JOIN candle_datasets c ON c.id = s.dataset_id
WHERE s.status IN ('active', 'completed') AND (s.coverage = 'exhaustive' OR EXISTS (
    SELECT 1 FROM session_coverage p WHERE p.session_id = s.id AND p.coverage = 'exhaustive'));

-- Which mark is which place: the nearest pair first, a present place before another one on a tie.
CREATE TEMP TABLE rc_in ON COMMIT DROP AS
SELECT DISTINCT w.scope, p.id AS place FROM rc_window w
JOIN rc_place p ON p.workspace_id = w.workspace_id AND p.series_id = w.series_id AND p.bar BETWEEN w.first AND w.last;
INSERT INTO rc_pair
SELECT i.scope, p.id, m.series_id::text || m.key, pg_temp.rc_apart(p, m.bar, m.low, m.high, m.level, m.slack),
       p.status = 'present', p.founder_id::text || repeat('+', p.part), p.bar
FROM rc_in i JOIN rc_place p ON p.id = i.place
JOIN rc_mark m ON m.scope = i.scope AND m.series_id = p.series_id AND m.kind = p.kind AND m.direction = p.direction
WHERE pg_temp.rc_apart(p, m.bar, m.low, m.high, m.level, m.slack) IS NOT NULL;
CREATE TEMP TABLE rc_match (scope uuid, place int, key text, PRIMARY KEY (scope, place), UNIQUE (scope, key)) ON COMMIT DROP;
DO $$
DECLARE pair record;
BEGIN
    FOR pair IN SELECT q.* FROM rc_pair q JOIN rc_mark m ON m.scope = q.scope AND m.series_id::text || m.key = q.key
                ORDER BY q.scope, q.cost, NOT q.present, q.bar, q.founder, m.bar, m.key LOOP
        INSERT INTO rc_match VALUES (pair.scope, pair.place, pair.key) ON CONFLICT DO NOTHING;
    END LOOP;
END $$;
CREATE TEMP TABLE rc_score ON COMMIT DROP AS
WITH of_places AS (
    SELECT i.scope, count(*) FILTER (WHERE p.status = 'present' AND m.place IS NOT NULL) AS tp,
           count(*) FILTER (WHERE p.status = 'absent' AND m.place IS NOT NULL) AS fp,
           count(*) FILTER (WHERE p.status = 'present' AND m.place IS NULL) AS fn
    FROM rc_in i JOIN rc_place p ON p.id = i.place LEFT JOIN rc_match m ON m.scope = i.scope AND m.place = i.place
    GROUP BY 1
), loose AS (
    SELECT k.scope, count(*) FILTER (WHERE k.checked) AS fp, count(*) FILTER (WHERE NOT k.checked) AS unjudged
    FROM (SELECT m.scope, EXISTS (
              SELECT 1 FROM rc_checked c WHERE c.workspace_id = m.workspace_id AND c.series_id = m.series_id
                AND m.bar BETWEEN c.first AND c.last AND (c.status = 'completed' OR c.session_id = m.scope)) AS checked
          FROM rc_mark m WHERE NOT EXISTS (
              SELECT 1 FROM rc_match x WHERE x.scope = m.scope AND x.key = m.series_id::text || m.key)) k GROUP BY 1
)
SELECT w.scope, coalesce(p.tp, 0)::int AS tp, (coalesce(p.fp, 0) + coalesce(l.fp, 0))::int AS fp,
       coalesce(p.fn, 0)::int AS fn, coalesce(l.unjudged, 0)::int AS unjudged
FROM (SELECT DISTINCT scope FROM rc_window) w LEFT JOIN of_places p USING (scope) LEFT JOIN loose l USING (scope);
