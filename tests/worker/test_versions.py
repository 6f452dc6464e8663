"""Versions from the command line, carried out by a real worker: a commit made by hand is adopted, and rolled back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services import actions, deployments, releases, workspaces
from services.cli.main import run
from services.database.engine import transaction
from services.detectors.bundle import read_params
from services.detectors.repository import git, head
from tests.support.installation import Installation

WHO = ("--as", "mara@example.com", "--json")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command and reads its JSON; its sentence when it fails."""

    def command(*arguments: str) -> Any:
        capsys.readouterr()
        code = run([*arguments, *WHO])
        out, err = capsys.readouterr()
        return json.loads(out) if code == 0 else err.strip()

    return command


@pytest.mark.long
def test_a_commit_made_by_hand_is_adopted_rolled_back_and_not_offered_again(
    installation: Installation, call: Any
) -> None:
    workspace_id = installation.workspace_id()
    first = releases.current_commit("swings")
    with transaction() as session:
        rate = workspaces.get(session, workspace_id).success_rate
    assert rate is not None
    installation.person_commits({"params/swings.json": '{"left": 4, "right": 3, "prominence": 0.25}\n'}, "First try")
    mine = installation.person_commits({"params/swings.json": '{"left": 5, "right": 3, "prominence": 0.5}\n'}, "Tidier")
    assert [one.subject for one in actions.hand_made(workspace_id)] == ["Tidier", "First try"]
    installation.worker()
    adopted = call("adopt", "swings", "--commit", mine, "--wait")
    assert adopted["status"] == "completed", adopted
    assert releases.current_commit("swings") == mine
    with transaction() as session:
        versions = deployments.list_versions(session, workspace_id)
        now = workspaces.get(session, workspace_id)
    assert {v.version: v.origin for v in versions if v.deployed_at} == {"0.1.0": "starter", "0.1.1": "manual"}
    assert now.version == "0.1.1" and now.success_rate is None, "a deploy makes the rate unknown"
    assert actions.hand_made(workspace_id) == []

    assert call("rollback", "swings", "--to", "0.1.0", "--reason", "It marks too little.") == {"version": "0.1.0"}
    with transaction() as session:
        now = workspaces.get(session, workspace_id)
    assert (now.version, now.success_rate) == ("0.1.0", rate), "the rate of that version is back at once"
    assert releases.current_commit("swings") == first
    assert read_params(installation.repository, "swings") == {"left": 3, "right": 3, "prominence": 0.0}
    assert "It marks too little." in git(installation.repository, "log", "-1", "--format=%B", "main")
    assert actions.hand_made(workspace_id) == [], "what ran already is not offered again"
    assert "deployed already" in call("rollback", "swings", "--to", "0.1.0", "--reason", "Again.")

    assert call("rollback", "swings", "--to", "v0.1.1", "--reason", "It was better.") == {"version": "0.1.1"}
    assert releases.current_commit("swings") == mine
    told = [(m["previous_version"], m["new_version"]) for (m,) in installation.sql(
        "SELECT data FROM workspace_messages WHERE type = 'version_rolled_back' ORDER BY seq"
    )]  # fmt: skip
    assert told == [("0.1.1", "0.1.0"), ("0.1.0", "0.1.1")]
    assert [n for (n,) in installation.sql("SELECT how FROM version_periods ORDER BY started_at, id")] == [
        "deploy", "deploy", "roll_back", "roll_back",
    ]  # fmt: skip
    assert head(installation.repository) == git(installation.repository, "rev-parse", "main")
    installation.assert_at_rest()


@pytest.mark.long
def test_a_version_whose_commit_is_gone_is_not_rolled_back_to(installation: Installation, call: Any) -> None:
    workspace_id = installation.workspace_id()
    installation.worker()
    found = installation.run(workspace_id)
    assert found.current_version == "0.1.1"
    live = releases.current_commit("swings")
    installation.sql("UPDATE detector_versions SET commit_hash = repeat('f', 40) WHERE version = '0.1.0'")
    sentence = call("rollback", "swings", "--to", "0.1.0", "--reason", "Back.")
    assert sentence.startswith("The roll back failed:") and "Traceback" not in sentence and "\n" not in sentence
    assert releases.current_commit("swings") == live and installation.status(workspace_id) == "beta"
    with transaction() as session:
        assert workspaces.get(session, workspace_id).version == "0.1.1"
