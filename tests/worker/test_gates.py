"""What does not deploy: bad detectors, failing tests, broken places, and repositories that are not as they should be."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest

from services import releases
from services.detectors.repository import git, head
from services.executions import ExecutionDetail
from tests.support.installation import Installation

TRIVIAL = "def test_nothing() -> None:\n    pass\n"
DETECT = "def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:\n"


def assert_failed(
    installation: Installation, workspace_id: uuid.UUID, found: ExecutionDetail, said: str, status: str
) -> None:
    """One sentence on the execution and on the timeline; nothing deployed, nothing left."""
    assert said in (found.row.error or ""), found.row.error
    (message,) = installation.messages(found.row.id, "claude_failed")
    assert said in message["data"]["error"]
    assert message["data"]["will_retry"] is False
    assert "\n" not in message["data"]["error"]
    assert installation.messages(found.row.id, "deploy_started") == []
    assert installation.status(workspace_id) == status
    assert not installation.commits_of(found.row.id)
    candidates = {
        s for (s,) in installation.sql("SELECT status FROM detector_versions WHERE execution_id = %s", found.row.id)
    }
    assert candidates <= {"rejected"}
    installation.assert_at_rest()


@pytest.mark.long
def test_bad_detectors_are_refused_with_one_sentence(new_installation: Installation) -> None:
    installation, workspace_id = new_installation, new_installation.workspace_id()
    good = installation.read("detectors/swings.py")
    body = good[good.index(DETECT) + len(DETECT) :]
    planted = {
        "Look-ahead": body.replace('i, i + int(params["right"])', "i, i"),
        "printed to its output": "    print('looking')\n" + body,
        "took too long": "    while True:\n        pass\n",
        "ran out of memory": "    held = [bytes(1 << 20) for _ in range(1 << 20)]\n    return held\n",
        "can't be used": "    return 5\n",
        "detector crashed": "    raise ValueError('no')\n",
    }
    installation.worker(prepare="tests.support.worker_overrides:small_limits")
    for said, code in planted.items():
        assert code != body
        text = good.replace(body, code)
        installation.person_commits({"detectors/swings.py": text, "tests/test_swings.py": TRIVIAL}, said)
        found = installation.run(workspace_id, "failed")
        assert_failed(installation, workspace_id, found, said, "soon")
        assert found.row.phase in ("testing", "refining")
    ((reports,),) = installation.sql(
        "SELECT count(*) FROM detector_versions WHERE status = 'rejected' AND contract_report->>'passed' = 'false'"
    )
    assert reports == len(planted)


@pytest.mark.long
def test_failing_tests_of_the_repository_are_refused(new_installation: Installation) -> None:
    installation, workspace_id = new_installation, new_installation.workspace_id()
    installation.person_commits({"tests/test_more.py": "def test_wrong() -> None:\n    assert 1 == 2\n"})
    installation.worker()
    found = installation.run(workspace_id, "failed")
    assert_failed(installation, workspace_id, found, "1 failed", "soon")
    assert found.test_report is not None
    assert found.test_report is not None and "assert 1 == 2" in found.test_report.output


def test_a_version_that_breaks_judged_places_does_not_deploy(installation: Installation) -> None:
    workspace_id = installation.workspace_id()
    live = releases.current_commit("swings")
    installation.worker(prepare="tests.support.worker_overrides:worse_agent")
    found = installation.run(workspace_id, "failed")
    assert_failed(installation, workspace_id, found, "it takes 3 fixed for each broken one", "beta")
    for word in ("hold-out", "testing"):
        assert word not in (found.row.error or ""), "what is kept for testing is not told, not even as a count"
    assert releases.current_commit("swings") == live
    assert found.current_version == "0.1.0"
    ((state, commit_hash, broken),) = installation.sql(
        "SELECT v.status, v.commit_hash, cardinality(e.broken_ids) FROM detector_versions v "
        "JOIN evaluations e ON e.detector_version_id = v.id WHERE v.execution_id = %s", found.row.id,
    )  # fmt: skip
    assert state == "rejected"
    assert broken > 0
    assert head(installation.repository, commit_hash) == commit_hash  # kept, so that a person can look at it
    assert installation.sql("SELECT DISTINCT state FROM feedback_items") == [("open",)]


@pytest.mark.long
def test_a_change_to_what_all_patterns_share_is_refused(new_installation: Installation) -> None:
    installation, workspace_id = new_installation, new_installation.workspace_id()
    installation.worker(prepare="tests.support.worker_overrides:shared_file_agent")
    found = installation.run(workspace_id, "failed")
    assert_failed(installation, workspace_id, found, "The change touches detectors/base.py", "soon")


@pytest.mark.long
def test_a_repository_that_is_not_as_it_should_be(beta_installation: Installation) -> None:
    """Uncommitted changes, no git at all, and another repository in its place."""
    installation = beta_installation
    repo, workspace_id = installation.repository, installation.workspace("bos")
    installation.worker()
    (repo / "notes.txt").write_text("mine")
    assert_failed(
        installation, workspace_id, installation.run(workspace_id, "failed"), "that aren't committed: notes.txt", "soon"
    )
    assert (repo / "notes.txt").read_text() == "mine"
    kept = installation.root / "kept"
    repo.rename(kept)
    repo.mkdir()
    (repo / "something").write_text("else")
    found = installation.run(workspace_id, "failed")
    assert "is no git repository" in (found.row.error or "")
    shutil.rmtree(repo)
    swings = installation.workspace_id("swings")
    installation.sql("UPDATE claude_executions SET status = 'failed', error = 'x' WHERE status = 'running'")
    installation.comment(swings, "Stricter, please.")
    found = installation.run(swings, "failed")
    assert "lacks the deployed commit" in (found.row.error or "")
    assert installation.status(swings) == "beta"


@pytest.mark.long
def test_a_conflict_with_a_persons_commit_ends_the_run(new_installation: Installation) -> None:
    installation, workspace_id = new_installation, new_installation.workspace_id()
    installation.worker()
    with installation.halted("claude_checkpoint", title="Detector contract%") as reached:
        execution_id = installation.launch(workspace_id)
        reached()
        theirs = installation.person_commits({"params/swings.json": '{"left": 9}\n'})
    found = installation.wait(execution_id)
    assert found.row.status == "failed"
    assert_failed(
        installation, workspace_id, found, "conflicts with what others merged meanwhile in params/swings.json", "soon"
    )
    assert git(installation.repository, "rev-parse", "main") == theirs
    assert releases.current_commit("swings") is None


@pytest.mark.long
def test_what_others_push_meanwhile_is_tested_with_it(new_installation: Installation, tmp_path: Path) -> None:
    """Once before the deploy, in the repository; once during it, at the remote. Each time it is rebased and tested."""
    installation, workspace_id = new_installation, new_installation.workspace_id()
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    git(installation.root, "init", "--bare", "--initial-branch", "main", str(origin))
    git(installation.repository, "remote", "add", "origin", str(origin))
    git(installation.repository, "push", "origin", "main")
    installation.worker()
    note = installation.read("detectors/bos.py") + "\n# A note.\n"
    with installation.halted("deploy_started") as deploying:
        with installation.halted("claude_checkpoint", title="Detector contract%") as testing:
            execution_id = installation.launch(workspace_id)
            testing()
            installation.person_commits({"detectors/bos.py": note})
        deploying()
        git(tmp_path, "clone", str(origin), str(clone))
        git(clone, "pull", str(installation.repository), "main")
        pushed = installation.person_commits({"README.md": "Theirs.\n"}, "Pushed", to=clone)
        git(clone, "push", "origin", "main")
    found = installation.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    points = [c.text for c in found.checkpoints]
    assert points.count("Rebased on what others merged meanwhile") == 2
    assert sum(p.startswith("Detector contract") for p in points) == 3
    main = git(installation.repository, "rev-parse", "main")
    assert main == git(origin, "rev-parse", "main") == found.row.commit_hash == releases.current_commit("swings")
    assert git(installation.repository, "rev-parse", "main~1") == pushed
    assert installation.read("detectors/bos.py") == note
    assert len(installation.commits_of(execution_id)) == 1
    installation.assert_at_rest()


@pytest.mark.long
@pytest.mark.parametrize("marks", [19, 0])
def test_below_twenty_judged_marks_nothing_is_searched(installation: Installation, marks: int) -> None:
    workspace_id = installation.workspace_id()
    installation.sql(
        "UPDATE feedback_items SET state = 'withdrawn', updated_at = now() WHERE id IN (SELECT j.feedback_id "
        "FROM place_judgements j JOIN places p ON p.id = j.place_id JOIN feedback_items f ON f.id = j.feedback_id "
        "WHERE p.split = 'tune' ORDER BY f.verdict DESC, f.id OFFSET %s)", marks,
    )  # fmt: skip
    if not marks:
        installation.comment(workspace_id, "Stricter, please.")
    installation.worker()
    found = installation.run(workspace_id, "failed")
    said = f"The tuner needs at least 20 judged places that are not kept for testing; there are {marks}."
    assert_failed(installation, workspace_id, found, said, "beta")
    left = installation.sql(
        "SELECT DISTINCT state FROM feedback_items WHERE verdict <> 'confirmed' AND state <> 'withdrawn'"
    )
    assert left == [("open",)]


@pytest.mark.long
def test_a_pattern_without_a_starter_asks_for_claude(new_installation: Installation) -> None:
    installation = new_installation
    workspace_id = installation.workspace("triangles")
    installation.worker()
    found = installation.run(workspace_id, "failed")
    assert_failed(installation, workspace_id, found, "connect Claude to have one written", "soon")


@pytest.mark.long
def test_a_run_that_finds_nothing_better_completes_without_a_deploy(installation: Installation) -> None:
    """All that was judged wrong is right after all, so the parameters can't be improved."""
    workspace_id = installation.workspace_id()
    installation.sql("UPDATE feedback_items SET verdict = 'confirmed', expected_index = candle_index")
    installation.comment(workspace_id, "Is there anything better?")
    live = releases.current_commit("swings")
    installation.worker()
    found = installation.run(workspace_id)
    assert "no parameters that surely do better" in (found.summary or "")
    assert found.row.commit_hash is None
    assert found.current_version == "0.1.0"
    assert releases.current_commit("swings") == live
    assert installation.messages(found.row.id, "deploy_started") == []
    assert [m["content"] for m in installation.messages(found.row.id, "claude_completed")] == [found.summary]
    assert installation.sql("SELECT state FROM feedback_items WHERE verdict = 'comment'") == [("open",)]
    installation.assert_at_rest()
