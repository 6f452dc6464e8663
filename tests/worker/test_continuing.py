"""Going on from where a run ended: after a failed deploy, after a cancel, and over broken places that a person waives."""

from __future__ import annotations

import pytest

from services import actions, executions, releases
from services.database.engine import transaction
from services.detectors.repository import git
from services.errors import Conflict, InvalidInput
from tests.worker.house import House
from tests.worker.test_deploys import BROKEN


def test_after_a_failed_deploy_the_child_deploys_the_same_commit(new_house: House) -> None:
    house, workspace_id = new_house, new_house.workspace_id()
    house.person_commits({"detectors/broken.py": BROKEN})
    house.worker(prepare="tests.worker.prepared:hasty")
    failed = house.wait(house.launch(workspace_id, max_retries=0))
    assert failed.row.status == "failed"
    assert house.status(workspace_id) == "soon"
    theirs = house.person_commits({"detectors/broken.py": None})
    child = actions.continue_from(failed.row.id, actor=house.member)
    found = house.wait(child)
    assert found.row.status == "completed", found.row.error
    assert (found.parent_execution_id, found.current_version) == (failed.row.id, "0.1.0")
    assert found.row.commit_hash == git(house.repository, "rev-parse", "main") == releases.current_commit("swings")
    assert git(house.repository, "rev-parse", "main~1") == theirs, "brought up to what a person mended meanwhile"
    assert set(found.phases) == {"refining", "testing", "deploying"}, "neither planned nor implemented again"
    told = next(m for m in house.messages(child, "claude_checkpoint") if m["title"].startswith("The refusal went back"))
    assert told["content"] == failed.attempts[-1]["reason"], "the failed deploy is what it began with"
    assert house.messages(child, "version_updated")[0]["data"]["changes"] == [failed.commit_message]
    house.assert_at_rest()


def test_after_a_cancel_the_child_tests_what_was_committed(house: House) -> None:
    workspace_id = house.workspace_id()
    house.worker()
    with house.halted("claude_checkpoint", phase="testing", title="Repository tests%") as reached:
        first = house.launch(workspace_id)
        reached()
        house.sql(
            "UPDATE claude_executions SET canceled_at = now(), canceled_by_id = triggered_by WHERE id = %s", first
        )
    canceled = house.wait(first)
    assert (canceled.row.status, canceled.row.error) == ("failed", "Canceled by Mara.")
    child = actions.continue_from(first, actor=house.member)
    found = house.wait(child)
    assert found.row.status == "completed", found.row.error
    assert found.current_version == "0.1.1"
    assert found.row.commit_hash == canceled.row.commit_hash
    assert set(found.phases) == {"testing", "refining", "deploying"}
    assert found.row.feedback_count == canceled.row.feedback_count
    assert {s for (s,) in house.sql("SELECT state FROM feedback_items WHERE execution_id = %s", child)} >= {"addressed"}
    with transaction() as session:
        assert "follows it already" in (executions.why_not_continue(session, first) or "")
    house.assert_at_rest()


def test_broken_places_that_a_person_waives_are_deployed_over(house: House) -> None:
    workspace_id = house.workspace_id()
    house.worker(prepare="tests.worker.prepared:worse")
    refused = house.run(workspace_id, "failed")
    with transaction() as session:
        broken = executions.waivable(session, refused.row.id)
    assert broken
    with transaction() as session, pytest.raises(InvalidInput, match="reason is required"):
        executions.waive(session, refused.row.id, reason=" \x00", actor=house.member)
    with transaction() as session:
        child = executions.waive(
            session, refused.row.id, reason="These marks were of the old rule.", actor=house.member
        )
    found = house.wait(child)
    assert found.row.status == "completed", found.row.error
    assert found.row.commit_hash == refused.row.commit_hash == releases.current_commit("swings")
    (told,) = house.messages(child, "gate_waived")
    assert told["data"]["reason"] == told["content"] == "These marks were of the old rule."
    assert {str(i) for i in broken} == set(told["data"]["broken_ids"])
    points = [c["text"] for c in found.checkpoints]
    assert f"{len(broken)} of the broken places were waived by a person" in points
    ((by, count),) = house.sql("SELECT waived_by_id, cardinality(broken_ids) FROM gate_waivers")
    assert (by, count) == (house.member.id, len(broken))
    with transaction() as session, pytest.raises(Conflict):
        executions.waive(session, refused.row.id, reason="Again.", actor=house.member)
    house.assert_at_rest()


def test_a_waiver_covers_the_places_that_were_seen_and_no_others(house: House) -> None:
    workspace_id = house.workspace_id()
    house.worker(prepare="tests.worker.prepared:worse")
    refused = house.run(workspace_id, "failed")
    with transaction() as session:
        child = executions.waive(session, refused.row.id, reason="Some of them.", actor=house.member)
        session.connection().exec_driver_sql("UPDATE gate_waivers SET broken_ids = broken_ids[1:1]")
    found = house.wait(child)
    assert found.row.status == "failed"
    assert "judged places that were right are broken" in (found.row.error or "")
    assert found.current_version == "0.1.0"
