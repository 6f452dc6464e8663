"""The whole loop by a real worker: described, implemented, judged, repaired, tested again."""

from __future__ import annotations

import uuid
from collections import Counter

from services import actions, executions, releases, sessions, workspaces
from services.database.engine import transaction
from services.detectors.bundle import read_params
from services.detectors.repository import git
from tests.worker.house import House

PHASES = ["planning", "implementing", "testing", "refining", "deploying"]
ONCE = ("claude_started", "deploy_started", "deploy_building", "deploy_success", "version_updated", "claude_completed")


def assert_told_once(house: House, execution_id: uuid.UUID, *, turns: int = 1) -> None:
    """Every event of a run that came to its end in one attempt is one message, in the order of the phases.

    `turns` is how often it was tested.
    """
    told = house.messages(execution_id)
    kinds = Counter(m["type"] for m in told)
    assert {k: kinds[k] for k in ONCE} == dict.fromkeys(ONCE, 1)
    phases = [m for m in told if m["type"] == "claude_phase_update"]
    assert [m["data"]["phase"] for m in phases] == PHASES
    assert {m["status"] for m in phases} == {"completed"}
    points = [m["title"] for m in told if m["type"] == "claude_checkpoint"]
    assert max(Counter(points).values()) == turns, points
    assert sum(p.startswith("Detector contract") for p in points) == turns
    workspaces_seqs: dict[uuid.UUID, list[int]] = {}
    for workspace_id, seq in house.sql("SELECT workspace_id, seq FROM workspace_messages ORDER BY seq"):
        workspaces_seqs.setdefault(workspace_id, []).append(seq)
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in workspaces_seqs.values())
    found = house.get(execution_id)
    assert {name: p.status for name, p in found.phases.items()} == dict.fromkeys(PHASES, "completed")
    assert [(a.number, a.outcome) for a in found.attempts] == [(1, "completed")]
    assert len(found.checkpoints) == len(points)
    assert len(house.commits_of(execution_id)) == 1


def test_the_first_execution_adopts_the_starter(beta_house: House) -> None:
    house = beta_house
    ((execution_id,),) = house.sql("SELECT id FROM claude_executions")
    found = house.get(execution_id)
    assert (found.row.status, found.row.progress, found.current_version) == ("completed", 100, "0.1.0")
    assert_told_once(house, execution_id)
    moves = house.sql("SELECT data->>'new_status' FROM workspace_messages WHERE type = 'status_changed' ORDER BY seq")
    assert [m for (m,) in moves] == ["implementing", "beta"]
    assert house.status(house.workspace_id()) == "beta"
    assert found.files_changed == ["params/swings.json"]
    assert found.row.commit_hash == git(house.repository, "rev-parse", "main") == releases.current_commit("swings")
    assert read_params(house.repository, "swings") == {"left": 3, "right": 3, "prominence": 0.0}
    assert found.test_report is not None
    assert found.test_report is not None and found.test_report.passed
    assert found.test_report.total > 5
    ((origin, report),) = house.sql("SELECT origin, contract_report FROM detector_versions WHERE status = 'deployed'")
    assert origin == "starter"
    assert report["passed"]
    assert report["cuts"] >= 20
    house.assert_at_rest()


def test_a_launch_repairs_what_was_judged_wrong(house: House) -> None:
    workspace_id = house.workspace_id()
    asked = {str(i) for (i,) in house.sql("SELECT id FROM feedback_items WHERE verdict = 'false_positive'")}
    house.worker()
    found = house.run(workspace_id)
    assert found.current_version == "0.1.1"
    assert_told_once(house, found.row.id)
    with transaction() as session:
        replay = executions.replay(session, found.row.id)
    assert replay is not None
    for split in ("tune", "holdout"):
        assert getattr(replay.splits, f"before_{split}").rate < getattr(replay.splits, split).rate, split
    assert replay.splits.holdout_word == "better"
    assert replay.broken_ids == ()
    assert replay.fixed_ids
    told = next(m for m in house.messages(found.row.id, "claude_checkpoint") if m["title"].startswith("Replay:"))
    assert told["title"].startswith(f"Replay: {len(replay.fixed_ids)} fixed, 0 broken")
    before, after = (getattr(replay.splits, name).rate for name in ("before_tune", "tune"))
    assert f"tune {before:.0%} → {after:.0%}" in told["content"]
    assert "hold-out" in told["content"]
    states = dict(house.sql("SELECT id::text, state FROM feedback_items WHERE verdict = 'false_positive'"))
    fixed = set(replay.fixed_ids)
    assert {i for i, state in states.items() if state == "addressed"} == fixed & asked
    assert {state for i, state in states.items() if i not in fixed} == {"open"}
    outcomes = dict(house.sql("SELECT feedback_id::text, outcome FROM execution_feedback"))
    assert outcomes == {i: "fixed" if i in fixed else "not_fixed" for i in found_ids(house, found.row.id)}
    house.assert_at_rest()
    retest(house, workspace_id)


def found_ids(house: House, execution_id: uuid.UUID) -> list[str]:
    ((ids,),) = house.sql("SELECT feedback_ids FROM claude_executions WHERE id = %s", execution_id)
    assert ids
    return list(ids)


def retest(house: House, workspace_id: uuid.UUID) -> None:
    """The new version has a success rate of its own, from verdicts that were carried over."""
    with transaction() as session:
        assert workspaces.get(session, workspace_id).success_rate is None
    ((old, path),) = house.sql(
        "SELECT s.id, d.storage_path FROM pattern_sessions s JOIN candle_datasets d ON d.id = s.dataset_id "
        "WHERE s.split = 'tune' ORDER BY s.created_at LIMIT 1"
    )
    fresh = actions.retest(old, actor=house.member)
    ((carried,),) = house.sql(
        "SELECT count(*) FROM feedback_items WHERE session_id = %s AND made_by = 'carried'", fresh
    )
    assert carried > 0
    house.judge_by_rule(fresh, "swings", path)
    with transaction() as session:
        before, after = sessions.get(session, old), sessions.get(session, fresh)
        workspace = workspaces.get(session, workspace_id)
    assert (before.version, after.version) == ("0.1.0", "0.1.1")
    assert before.success_rate is not None
    assert after.success_rate is not None
    assert before.success_rate < after.success_rate
    assert workspace.success_rate == after.success_rate
    ((count, sessions_now, asking),) = house.sql(
        "SELECT w.feedback_count, w.session_count, (SELECT count(*) FROM feedback_items f WHERE f.workspace_id = w.id "
        "AND f.verdict NOT IN ('confirmed', 'unsure')) FROM pattern_workspaces w WHERE w.id = %s", workspace_id,
    )  # fmt: skip
    assert count == asking
    assert sessions_now == 5
