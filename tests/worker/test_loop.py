"""The whole loop by a real worker: described, implemented, judged, repaired, tested again."""

from __future__ import annotations

import uuid

from services import actions, executions, releases, sessions, workspaces
from services.database.engine import transaction
from services.detectors.bundle import read_params
from services.detectors.repository import git
from tests.support.installation import Installation
from tests.support.run_checks import assert_each_event_once


def test_the_first_execution_adopts_the_starter(beta_installation: Installation) -> None:
    installation = beta_installation
    ((execution_id,),) = installation.sql("SELECT id FROM claude_executions")
    found = installation.get(execution_id)
    assert (found.row.status, found.row.progress, found.current_version) == ("completed", 100, "0.1.0")
    assert_each_event_once(installation, execution_id)
    moves = installation.sql(
        "SELECT data->>'new_status' FROM workspace_messages WHERE type = 'status_changed' ORDER BY seq"
    )
    assert [m for (m,) in moves] == ["implementing", "beta"]
    assert installation.status(installation.workspace_id()) == "beta"
    assert found.files_changed == ["params/swings.json"]
    assert (
        found.row.commit_hash == git(installation.repository, "rev-parse", "main") == releases.current_commit("swings")
    )
    assert read_params(installation.repository, "swings") == {"left": 3, "right": 3, "prominence": 0.0}
    assert found.test_report is not None
    assert found.test_report is not None and found.test_report.passed
    assert found.test_report.total > 5
    ((origin, report),) = installation.sql(
        "SELECT origin, contract_report FROM detector_versions WHERE status = 'deployed'"
    )
    assert origin == "starter"
    assert report["passed"]
    assert report["cuts"] >= 20
    installation.assert_at_rest()


def test_a_launch_repairs_what_was_judged_wrong(installation: Installation) -> None:
    workspace_id = installation.workspace_id()
    asked = {str(i) for (i,) in installation.sql("SELECT id FROM feedback_items WHERE verdict = 'false_positive'")}
    installation.worker()
    found = installation.run(workspace_id)
    assert found.current_version == "0.1.1"
    assert_each_event_once(installation, found.row.id)
    with transaction() as session:
        replay = executions.replay(session, found.row.id)
    assert replay is not None
    for split in ("tune", "holdout"):
        assert getattr(replay.splits, f"before_{split}").rate < getattr(replay.splits, split).rate, split
    assert replay.splits.holdout_word == "better"
    assert replay.broken_ids == ()
    assert replay.fixed_ids
    told = next(m for m in installation.messages(found.row.id, "claude_checkpoint") if m["title"].startswith("Replay:"))
    assert told["title"].startswith(f"Replay: {len(replay.fixed_ids)} fixed, 0 broken")
    before, after = (getattr(replay.splits, name).rate for name in ("before_tune", "tune"))
    assert f"tune {before:.0%} → {after:.0%}" in told["content"]
    assert "hold-out" in told["content"]
    states = dict(installation.sql("SELECT id::text, state FROM feedback_items WHERE verdict = 'false_positive'"))
    fixed = set(replay.fixed_ids)
    assert {i for i, state in states.items() if state == "addressed"} == fixed & asked
    assert {state for i, state in states.items() if i not in fixed} == {"open"}
    outcomes = dict(installation.sql("SELECT feedback_id::text, outcome FROM execution_feedback"))
    assert outcomes == {i: "fixed" if i in fixed else "not_fixed" for i in found_ids(installation, found.row.id)}
    installation.assert_at_rest()
    retest(installation, workspace_id)


def found_ids(installation: Installation, execution_id: uuid.UUID) -> list[str]:
    ((ids,),) = installation.sql("SELECT feedback_ids FROM claude_executions WHERE id = %s", execution_id)
    assert ids
    return list(ids)


def retest(installation: Installation, workspace_id: uuid.UUID) -> None:
    """The new version has a success rate of its own, from verdicts that were carried over."""
    with transaction() as session:
        assert workspaces.get(session, workspace_id).success_rate is None
    ((old, path),) = installation.sql(
        "SELECT s.id, d.storage_path FROM pattern_sessions s JOIN candle_datasets d ON d.id = s.dataset_id "
        "WHERE s.split = 'tune' ORDER BY s.created_at LIMIT 1"
    )
    fresh = actions.retest(old, actor=installation.member)
    ((carried,),) = installation.sql(
        "SELECT count(*) FROM feedback_items WHERE session_id = %s AND made_by = 'carried'", fresh
    )
    assert carried > 0
    installation.judge_by_rule(fresh, "swings", path)
    with transaction() as session:
        before, after = sessions.get(session, old), sessions.get(session, fresh)
        workspace = workspaces.get(session, workspace_id)
    assert (before.version, after.version) == ("0.1.0", "0.1.1")
    assert before.success_rate is not None
    assert after.success_rate is not None
    assert before.success_rate < after.success_rate
    assert workspace.success_rate == after.success_rate
    ((count, sessions_now, asking),) = installation.sql(
        "SELECT w.feedback_count, w.session_count, (SELECT count(*) FROM feedback_items f WHERE f.workspace_id = w.id "
        "AND f.verdict NOT IN ('confirmed', 'unsure')) FROM pattern_workspaces w WHERE w.id = %s", workspace_id,
    )  # fmt: skip
    assert count == asking
    assert sessions_now == 5
