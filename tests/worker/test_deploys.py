"""The local deploy: its states, what it does after a kill, and the retries of a run whose deploy fails."""

from __future__ import annotations

import uuid
from itertools import pairwise

import pytest

from services import releases
from services.deploys.local import LocalDeployer
from services.deploys.protocol import DeployRequest
from services.detectors.bundle import write_params
from services.errors import NotFound, StaleEpoch
from services.lifecycle import DeployStatus
from tests.support.installation import Installation
from tests.support.processes import eventually
from tests.support.run_checks import BROKEN


def request(commit_hash: str, pattern_type: str = "swings", attempt: int = 1) -> DeployRequest:
    return DeployRequest(uuid.uuid4(), attempt, pattern_type, commit_hash, "0.2.0")


def commit(installation: Installation, left: int = 4) -> str:
    write_params(installation.repository, "swings", {"left": left, "right": 3, "prominence": 0.5})
    return installation.person_commits({}, "Other parameters")


def test_a_deploy_goes_through_its_states_and_moves_its_own_pointer_alone(beta_installation: Installation) -> None:
    deployer, asked = LocalDeployer(), request(commit(beta_installation))
    releases.switch("bos", releases.current_commit("swings") or "")
    bos = releases.current_commit("bos")
    made = deployer.create(asked)
    assert (made.status, made.logs) == (DeployStatus.QUEUED, "")
    assert deployer.create(asked) == made
    states = list(deployer.follow(made.id))
    assert [s.status for s in states] == [DeployStatus.BUILDING] * 4 + [DeployStatus.READY]
    for one, following in pairwise(s.logs for s in states):
        assert following.startswith(one)
        assert len(following) > len(one)
    assert "Smoke test swings: " in states[-1].logs
    assert "Smoke test bos: " in states[-1].logs
    assert releases.current_commit("swings") == asked.commit_hash
    assert releases.current_commit("bos") == bos
    assert list(deployer.follow(made.id)) == states[-1:]
    assert deployer.cancel(made.id) == states[-1]
    with pytest.raises(NotFound):
        list(deployer.follow("local-../../etc"))


def test_a_deploy_that_was_cut_off_is_built_again(beta_installation: Installation) -> None:
    before, asked = releases.current_commit("swings"), request(commit(beta_installation))
    deployer = LocalDeployer()
    following = deployer.follow(deployer.create(asked).id)
    next(following), next(following)
    del following
    assert releases.current_commit("swings") == before
    again = LocalDeployer()
    found = again.create(asked)
    assert found.status == DeployStatus.BUILDING
    assert [s.status for s in again.follow(found.id)][-1] == DeployStatus.READY
    assert releases.current_commit("swings") == asked.commit_hash


@pytest.mark.long
def test_canceled_after_a_kill_the_pattern_runs_what_it_ran_before(beta_installation: Installation) -> None:
    """Killed after the switch and before it was noted: the second run is canceled and puts the pointer back."""
    before, asked = releases.current_commit("swings"), request(commit(beta_installation))
    deployer = LocalDeployer()
    made = deployer.create(asked)
    next(deployer.follow(made.id))
    releases.switch("swings", asked.commit_hash)
    states = list(deployer.follow(made.id, cancelled=lambda: True))
    assert [s.status for s in states] == [DeployStatus.BUILDING, DeployStatus.CANCELED]
    assert releases.current_commit("swings") == before


@pytest.mark.long
def test_a_lost_run_leaves_the_deploy_to_the_worker_that_has_it(beta_installation: Installation) -> None:
    def lost() -> bool:
        raise StaleEpoch("The run was taken over by another worker.")

    deployer, asked = LocalDeployer(), request(commit(beta_installation))
    made = deployer.create(asked)
    with pytest.raises(StaleEpoch):
        list(deployer.follow(made.id, cancelled=lost))
    assert deployer.create(asked).status == DeployStatus.BUILDING
    assert [s.status for s in deployer.follow(made.id)][-1] == DeployStatus.READY


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("detectors/broken.py", BROKEN, "The detector is missing: detectors/broken.py has no detect."),
        pytest.param(
            "detectors/broken.py",
            "import requests\n",
            "broken.py imports requests, which detectors don't have",
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_deploy_that_fails_says_why_and_switches_nothing(
    beta_installation: Installation, file: str, text: str, said: str
) -> None:
    before = releases.current_commit("swings")
    asked = request(beta_installation.person_commits({file: text}))
    deployer = LocalDeployer()
    last = list(deployer.follow(deployer.create(asked).id))[-1]
    assert last.status == DeployStatus.ERROR
    assert said in (last.error or "")
    assert last.logs.rstrip().endswith(f"Failed: {last.error}")
    assert releases.current_commit("swings") == before


@pytest.mark.long
def test_failed_deploys_are_tried_again_until_the_retries_are_spent(new_installation: Installation) -> None:
    installation, workspace_id = new_installation, new_installation.workspace_id()
    installation.person_commits({"detectors/broken.py": BROKEN})
    installation.worker(prepare="tests.support.worker_overrides:short_pauses")
    found = installation.wait(installation.launch(workspace_id, max_retries=2), seconds=90)
    assert found.row.status == "failed"
    assert (found.row.error or "").endswith(
        "All 2 retries are spent. Read the deploy's log on the execution's page, mend what it names, and continue the run."
    )
    failed = installation.messages(found.row.id, "deploy_failed")
    assert [m["data"]["will_retry"] for m in failed] == [True, True, False]
    assert all("Failed: " in m["data"]["logs"] for m in failed)
    retries = [m["data"] for m in installation.messages(found.row.id, "deploy_retry")]
    assert [(r["retry_number"], r["max_retries"]) for r in retries] == [(1, 2), (2, 2)]
    assert len(installation.messages(found.row.id, "deploy_started")) == 3
    assert [(a.number, a.outcome) for a in found.attempts] == [(1, "retry"), (2, "retry"), (3, "failed")]
    started, ended = ([getattr(a, name) for a in found.attempts] for name in ("started_at", "ended_at"))
    pauses = [(m["seq"], m["type"]) for m in installation.messages(found.row.id) if m["type"].startswith("deploy_")]
    assert [kind for _, kind in pauses][:4] == ["deploy_started", "deploy_building", "deploy_failed", "deploy_retry"]
    assert all(a is not None and b is not None and a < b for a, b in zip(started, ended, strict=True))
    assert found.row.deploy_status == "error"
    assert found.row.retry_count == 2
    assert releases.current_commit("swings") is None
    assert installation.status(workspace_id) == "soon"
    assert not installation.commits_of(found.row.id)
    installation.assert_at_rest()


@pytest.mark.long
def test_a_retry_takes_what_was_mended_meanwhile(new_installation: Installation) -> None:
    """The second try is rebased on the mended main, tested again and deployed; the run tells what it changed."""
    installation, workspace_id = new_installation, new_installation.workspace_id()
    installation.person_commits({"detectors/broken.py": BROKEN})
    installation.worker(prepare="tests.support.worker_overrides:short_pauses")
    execution_id = installation.launch(workspace_id)
    assert eventually(lambda: installation.messages(execution_id, "deploy_failed"), 60)
    installation.person_commits({"detectors/broken.py": None})
    found = installation.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert found.current_version == "0.1.0"
    assert found.row.retry_count >= 1
    assert (found.summary or "").startswith("The tuner adopted the starter detector")
    (updated,) = installation.messages(execution_id, "version_updated")
    assert updated["data"]["changes"] == ["starter detector adopted"]
    assert len(installation.commits_of(execution_id)) == 1
    installation.assert_at_rest()
