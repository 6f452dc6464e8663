"""Going on from where a run ended: after a failed deploy, after a cancel, and over broken places that a person waives."""

from __future__ import annotations

import pytest

from services import actions, executions, releases
from services.database.engine import transaction
from services.detectors.repository import git
from services.errors import Conflict, InvalidInput
from tests.support.installation import Installation
from tests.support.run_checks import BROKEN


@pytest.mark.long
def test_after_a_failed_deploy_the_child_deploys_the_same_commit(new_installation: Installation) -> None:
    installation, workspace_id = new_installation, new_installation.workspace_id()
    installation.person_commits({"detectors/broken.py": BROKEN})
    installation.worker(prepare="tests.support.worker_overrides:short_pauses")
    failed = installation.wait(installation.launch(workspace_id, max_retries=0))
    assert failed.row.status == "failed"
    assert installation.status(workspace_id) == "soon"
    theirs = installation.person_commits({"detectors/broken.py": None})
    child = actions.continue_from(failed.row.id, actor=installation.member)
    found = installation.wait(child)
    assert found.row.status == "completed", found.row.error
    assert (found.parent_execution_id, found.current_version) == (failed.row.id, "0.1.0")
    assert (
        found.row.commit_hash == git(installation.repository, "rev-parse", "main") == releases.current_commit("swings")
    )
    assert git(installation.repository, "rev-parse", "main~1") == theirs, "brought up to what a person mended meanwhile"
    assert set(found.phases) == {"refining", "testing", "deploying"}, "neither planned nor implemented again"
    told = next(
        m for m in installation.messages(child, "claude_checkpoint") if m["title"].startswith("The refusal went back")
    )
    assert told["content"] == failed.attempts[-1].reason, "the failed deploy is what it began with"
    assert installation.messages(child, "version_updated")[0]["data"]["changes"] == [failed.commit_message]
    installation.assert_at_rest()


@pytest.mark.long
def test_after_a_cancel_the_child_tests_what_was_committed(installation: Installation) -> None:
    workspace_id = installation.workspace_id()
    installation.worker()
    with installation.halted("claude_checkpoint", phase="testing", title="Repository tests%") as reached:
        first = installation.launch(workspace_id)
        reached()
        installation.sql(
            "UPDATE claude_executions SET canceled_at = now(), canceled_by_id = triggered_by WHERE id = %s", first
        )
    canceled = installation.wait(first)
    assert (canceled.row.status, canceled.row.error) == ("failed", "Canceled by Mara.")
    child = actions.continue_from(first, actor=installation.member)
    found = installation.wait(child)
    assert found.row.status == "completed", found.row.error
    assert found.current_version == "0.1.1"
    assert found.row.commit_hash == canceled.row.commit_hash
    assert set(found.phases) == {"testing", "refining", "deploying"}
    assert found.row.feedback_count == canceled.row.feedback_count
    assert {s for (s,) in installation.sql("SELECT state FROM feedback_items WHERE execution_id = %s", child)} >= {
        "addressed"
    }
    with transaction() as session:
        assert "follows it already" in (executions.why_not_continue(session, first) or "")
    installation.assert_at_rest()


@pytest.mark.long
def test_broken_places_that_a_person_waives_are_deployed_over(installation: Installation) -> None:
    workspace_id = installation.workspace_id()
    installation.worker(prepare="tests.support.worker_overrides:worse_agent")
    refused = installation.run(workspace_id, "failed")
    with transaction() as session:
        broken = executions.waivable(session, refused.row.id)
    assert broken
    with transaction() as session, pytest.raises(InvalidInput, match="reason is required"):
        executions.waive(session, refused.row.id, reason=" \x00", actor=installation.member)
    with transaction() as session:
        child = executions.waive(
            session, refused.row.id, reason="These marks were of the old rule.", actor=installation.member
        )
    found = installation.wait(child)
    assert found.row.status == "completed", found.row.error
    assert found.row.commit_hash == refused.row.commit_hash == releases.current_commit("swings")
    (told,) = installation.messages(child, "gate_waived")
    assert told["data"]["reason"] == told["content"] == "These marks were of the old rule."
    assert {str(i) for i in broken} == set(told["data"]["broken_ids"])
    points = [c.text for c in found.checkpoints]
    assert f"{len(broken)} of the broken places were waived by a person" in points
    ((by, count),) = installation.sql("SELECT waived_by_id, cardinality(broken_ids) FROM gate_waivers")
    assert (by, count) == (installation.member.id, len(broken))
    with transaction() as session, pytest.raises(Conflict):
        executions.waive(session, refused.row.id, reason="Again.", actor=installation.member)
    installation.assert_at_rest()


@pytest.mark.long
def test_a_waiver_covers_the_places_that_were_seen_and_no_others(installation: Installation) -> None:
    workspace_id = installation.workspace_id()
    installation.worker(prepare="tests.support.worker_overrides:worse_agent")
    refused = installation.run(workspace_id, "failed")
    with transaction() as session:
        child = executions.waive(session, refused.row.id, reason="Some of them.", actor=installation.member)
        session.connection().exec_driver_sql("UPDATE gate_waivers SET broken_ids = broken_ids[1:1]")
    found = installation.wait(child)
    assert found.row.status == "failed"
    assert "3 fixed for each broken one" in (found.row.error or "")
    assert found.current_version == "0.1.0"
