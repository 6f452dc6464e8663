"""The whole loop through the screens, and then what the database holds of it: each event once, each counter right."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

import pandas as pd
import pytest

from services.lifecycle import TRANSITIONS, MessageType
from tests.support.journey import HOLDOUT, TUNE, Journey
from tests.support.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(900)]

# What this journey does not come to: an approval that is voided, a session opened again, a roll back, a question.
NOT_YET: Final = {
    MessageType.APPROVAL_VOIDED,
    MessageType.SESSION_REOPENED,
    MessageType.VERSION_ROLLED_BACK,
    MessageType.CLAUDE_ANSWER,
}
ASKING: Final = ("false_positive", "false_negative", "adjustment", "comment")


def test_the_loop_ends_verified_and_no_console_has_errors(server: Server, journey: Journey) -> None:
    found = server.rows("SELECT status, version FROM pattern_workspaces WHERE id = %(w)s", w=journey.workspace_id)
    assert found == [("verified", "1.0.0")]
    assert {name: said for name, said in journey.console.items() if said} == {}


def test_the_timeline_has_every_event_once(server: Server, journey: Journey) -> None:
    told = {MessageType(kind): n for kind, n in _counts(server, "workspace_messages", "type", journey).items()}
    happened = _happened(server, journey)
    assert set(MessageType) - set(told) == NOT_YET
    assert told == happened


def _counts(server: Server, table: str, column: str, journey: Journey) -> dict[str, int]:
    statement = f"SELECT {column}, count(*)::int FROM {table} WHERE workspace_id = %(w)s GROUP BY 1"
    return dict(server.rows(statement, w=journey.workspace_id))


def _happened(server: Server, journey: Journey) -> dict[MessageType, int]:
    """How often each event took place, from everything but the timeline."""
    sessions, items = _counts(server, "pattern_sessions", "status", journey), _items(server, journey)
    verbs, executions = _verbs(server, journey), _executions(server, journey)
    steps, deploys = _phases(server), _deploys(server)
    ended = Counter(e["status"] for e in executions)
    ready = sum(d["status"] == "ready" for d in deploys)
    failed = sum(d["status"] == "error" for d in deploys)
    return {
        MessageType.PATTERN_CREATED: verbs["create"],
        MessageType.PATTERN_DESCRIPTION_SUBMITTED: 1,
        MessageType.SESSION_CREATED: sum(sessions.values()),
        MessageType.SESSION_COMPLETED: sessions["completed"],
        MessageType.FEEDBACK_ADDED: sum(verdict in ASKING and by != "carried" for verdict, by in items),
        MessageType.FEEDBACK_BATCH_SENT: sum(bool(e["feedback_ids"]) for e in executions),
        MessageType.CLAUDE_STARTED: sum(e["started_at"] is not None for e in executions),
        MessageType.CLAUDE_PHASE_UPDATE: len(steps),
        MessageType.CLAUDE_CHECKPOINT: sum(len(e["checkpoints"] or []) for e in executions),
        MessageType.CLAUDE_COMPLETED: ended["completed"],
        MessageType.CLAUDE_FAILED: ended["failed"],
        MessageType.DEPLOY_STARTED: len(deploys),
        MessageType.DEPLOY_BUILDING: len(deploys),
        MessageType.DEPLOY_SUCCESS: ready,
        MessageType.DEPLOY_FAILED: failed,
        MessageType.DEPLOY_RETRY: sum(e["retry_count"] for e in executions),
        MessageType.USER_APPROVED: verbs["approve"],
        MessageType.ADMIN_VERIFIED: verbs["verify"],
        MessageType.VERSION_UPDATED: ready + verbs["verify"],
        MessageType.STATUS_CHANGED: sum(n for verb, n in verbs.items() if verb != "create"),
        MessageType.COMMENT: journey.comments,
        MessageType.REVIEW_RETURNED: verbs["return"],
        MessageType.MARK_DISPUTED: 1,
        MessageType.GATE_WAIVED: 1,
    }


def _verbs(server: Server, journey: Journey) -> Counter[str]:
    """The lifecycle's verbs as the audit trail recorded them."""
    lifecycle = [row.verb for row in TRANSITIONS]
    rows = server.rows(
        "SELECT action FROM audit_events WHERE object_type = 'workspace' AND object_id = %(w)s AND action = ANY(%(verbs)s)",
        w=journey.workspace_id, verbs=lifecycle,
    )  # fmt: skip
    return Counter(action for (action,) in rows)


def _executions(server: Server, journey: Journey) -> list[dict[str, Any]]:
    columns = ("status", "feedback_ids", "started_at", "checkpoints", "retry_count", "canceled_at")
    rows = server.rows(
        "SELECT status, feedback_ids, started_at, checkpoints, retry_count, canceled_at FROM claude_executions "
        "WHERE workspace_id = %(w)s ORDER BY number", w=journey.workspace_id,
    )  # fmt: skip
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _items(server: Server, journey: Journey) -> list[tuple[str, str]]:
    return server.rows("SELECT verdict, made_by FROM feedback_items WHERE workspace_id = %(w)s", w=journey.workspace_id)


def _phases(server: Server) -> set[tuple[str, str, str]]:
    """Execution, phase and attempt of every durable step, as the engine recorded them: test-2.1 is in attempt 2."""
    rows = server.rows(
        "SELECT o.workflow_uuid, o.function_name, e.canceled_at IS NOT NULL, e.phases FROM engine.operation_outputs o "
        "JOIN claude_executions e ON e.id::text = o.workflow_uuid"
    )
    phases = {
        "plan": "planning",
        "implement": "implementing",
        "test": "testing",
        "refine": "refining",
        "deploy": "deploying",
    }
    found = set()
    for run, step, canceled, entered in rows:
        phase, _, place = step.partition("-")
        # A cancel between two phases ends the next one's step before the phase is entered.
        if phase in phases and not (canceled and phases[phase] not in (entered or {})):
            found.add((run, phase, place.split(".")[0] or "1"))
    return found


def _deploys(server: Server) -> list[dict[str, Any]]:
    """What the deploy target itself kept of each deploy."""
    files = (server.data_dir / "deploys").glob("local-*.json")
    return [json.loads(file.read_text())["deployment"] for file in files]


def test_the_deploy_failed_once_or_more_and_then_went_well(server: Server, journey: Journey) -> None:
    canceled, first, batch = _executions(server, journey)
    assert (canceled["status"], first["status"], batch["status"]) == ("failed", "completed", "completed")
    assert canceled["canceled_at"] is not None and batch["retry_count"] >= 1
    errors = [d["error"] for d in _deploys(server) if d["status"] == "error"]
    assert errors == ["extra.py imports requests, which detectors don't have."] * batch["retry_count"]


def test_counters_equal_a_recount(server: Server, journey: Journey) -> None:
    held = server.rows(
        "SELECT session_count, feedback_count, message_seq, success_tp, success_fp, success_fn, success_rate, "
        "last_tested_at, execution_seq FROM pattern_workspaces WHERE id = %(w)s", w=journey.workspace_id,
    )[0]  # fmt: skip
    sessions = server.rows(
        "SELECT s.tp, s.fp, s.fn, s.completed_at, s.detector_version_id = w.deployed_version_id FROM pattern_sessions s "
        "JOIN pattern_workspaces w ON w.id = s.workspace_id WHERE w.id = %(w)s", w=journey.workspace_id,
    )  # fmt: skip
    tp, fp, fn = (sum(row[n] for row in sessions if row[4]) for n in range(3))
    asking = sum(verdict in ASKING for verdict, _ in _items(server, journey))
    numbers = [
        n
        for (n,) in server.rows(
            "SELECT seq FROM workspace_messages WHERE workspace_id = %(w)s ORDER BY seq", w=journey.workspace_id
        )
    ]
    assert numbers == list(range(1, len(numbers) + 1))
    assert held[:6] == (len(sessions), asking, len(numbers), tp, fp, fn)
    assert held[6] == pytest.approx(tp / (tp + fp + fn)) and held[7] == max(row[3] for row in sessions)
    assert held[8] == 3


def test_a_session_counts_its_own_marks(server: Server, journey: Journey) -> None:
    for name in (TUNE[0], HOLDOUT[0]):
        tp, fp, fn, unsure = server.rows(
            "SELECT tp, fp, fn, unsure_count FROM pattern_sessions WHERE id = %(s)s", s=journey.sessions[name]
        )[0]
        rows = server.rows(
            "SELECT verdict FROM feedback_items WHERE session_id = %(s)s AND state NOT IN ('withdrawn', 'disputed')",
            s=journey.sessions[name],
        )
        given = Counter(verdict for (verdict,) in rows)
        moved = given["adjustment"]
        counted = (
            given["confirmed"],
            given["false_positive"] + moved,
            given["false_negative"] + moved,
            given["unsure"],
        )
        assert (tp, fp, fn, unsure) == counted


def test_what_is_kept_for_testing_was_never_sent(server: Server, journey: Journey) -> None:
    (sent,) = server.rows(
        "SELECT count(*) FROM execution_feedback e JOIN place_judgements j ON j.feedback_id = e.feedback_id "
        "JOIN places p ON p.id = j.place_id WHERE p.split <> 'tune'"
    )[0]
    assert sent == 0


def test_the_new_version_scores_better_on_the_same_window(server: Server, journey: Journey) -> None:
    rates = [
        server.one("SELECT success_rate FROM pattern_sessions WHERE id = %(s)s", s=journey.sessions[name])
        for name in (TUNE[0], f"{TUNE[0]} · retest v0.1.1")
    ]
    assert rates[0] < 0.6 < rates[1]


def test_downloaded_files_hold_what_the_database_holds(server: Server, journey: Journey) -> None:
    told = server.rows(
        "SELECT type FROM workspace_messages WHERE workspace_id = %(w)s ORDER BY seq", w=journey.workspace_id
    )
    assert list(journey.csv["timeline"]["type"]) == [kind for (kind,) in told]
    names = server.rows(
        "SELECT name, success_rate FROM pattern_sessions WHERE workspace_id = %(w)s", w=journey.workspace_id
    )
    rates = dict(zip(journey.csv["sessions"]["name"], journey.csv["sessions"]["success_rate"], strict=True))
    assert rates == pytest.approx(dict(names))
    assert len(journey.csv["executions"]) == 3


def test_charts_and_their_files_show_the_same(journey: Journey) -> None:
    table = journey.csv["success by version"]
    points = [
        (x.split("<br>")[0], y)
        for trace in journey.drawn["success by version"]
        for x, y in zip(trace["x"], trace["y"], strict=True)
    ]
    assert points == [(str(v), pytest.approx(r)) for v, r in zip(table["version"], table["rate"], strict=True)]
    assert len(points) == 2
    days = journey.csv["executions per day"]
    drawn = {
        (trace["name"], x[:10]): y
        for trace in journey.drawn["executions per day"]
        for x, y in zip(trace["x"], trace["y"], strict=True)
        if y
    }
    listed = {
        (o.capitalize(), str(pd.Timestamp(d).date())): n
        for d, o, n in zip(days["day"], days["outcome"], days["count"], strict=True)
        if n
    }
    assert drawn == listed
    totals = days.groupby("outcome")["count"].sum()
    assert totals[totals > 0].to_dict() == {"completed": 2, "canceled": 1}
