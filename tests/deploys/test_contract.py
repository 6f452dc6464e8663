"""What every deploy target has to do, shown on each of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import pytest

from services import executions, releases
from services.deploys import registry
from services.deploys.local import LocalDeployer
from services.deploys.protocol import Deployer, Deployment, DeployRequest
from services.deploys.vercel import VercelDeployer
from services.errors import InvalidInput, NotFound, StaleEpoch
from services.lifecycle import DeployStatus
from tests.support.deploy_folder import QUICK, DeployFolder
from tests.support.fake_vercel import FakeVercel, bad

S = DeployStatus
BROKEN = "import requests\n"


@dataclass
class Target:
    """A target with what the contract needs beside the protocol: another process, a commit that fails, a count."""

    deployer: Callable[[], Deployer]
    place: DeployFolder
    made: Callable[[], int]
    vercel: FakeVercel | None = None

    def broken(self) -> DeployRequest:
        if self.vercel is not None:
            self.vercel.plan = bad
        return self.place.request(self.place.commit({"detectors/swings.py": BROKEN}))


@pytest.fixture(params=["local", "vercel"])
def target(request: pytest.FixtureRequest, place: DeployFolder) -> Iterator[Target]:
    if request.param == "local":
        folder = place.repository.parent / "deploys"
        yield Target(LocalDeployer, place, lambda: len(list(folder.glob("local-*.json"))))
    else:
        vercel: FakeVercel = request.getfixturevalue("vercel")
        yield Target(lambda: VercelDeployer(QUICK), place, lambda: len(vercel.deployed), vercel)


def ending(states: list[Deployment]) -> Deployment:
    assert [s.ended for s in states] == [False] * (len(states) - 1) + [True]
    return states[-1]


def test_the_same_request_is_one_deploy_and_another_attempt_is_another(target: Target) -> None:
    asked = target.place.request()
    made = target.deployer().create(asked)
    assert (made.status, made.raw, made.ended) == (S.QUEUED, "QUEUED", False)
    assert target.deployer().create(asked).id == made.id
    assert target.made() == 1
    again = target.deployer().create(replace(asked, attempt=2))
    assert again.id != made.id
    other = replace(asked, commit_hash=target.place.commit())
    assert target.deployer().create(other).id not in (made.id, again.id)
    assert target.made() == 3


def test_a_deploy_is_queued_then_building_then_ready_and_its_log_grows(target: Target) -> None:
    asked = target.place.request()
    deployer = target.deployer()
    made = deployer.create(asked)
    states = list(deployer.follow(made.id))
    assert [s for s, _ in groupby([made.status, *(s.status for s in states)])] == [S.QUEUED, S.BUILDING, S.READY]
    assert all(after.logs.startswith(before.logs) for before, after in pairwise(states))
    assert len({s.logs for s in states}) > 2
    last = ending(states)
    assert (last.raw, last.error) == ("READY", None)
    assert last.url
    assert all(line[2] == ":" and line[9] == "+" and line[17] == " " for line in last.logs.splitlines())
    assert {s.id for s in states} == {made.id}
    assert releases.current_commit("swings") == asked.commit_hash
    assert list(target.deployer().follow(made.id))[-1].status == S.READY
    assert target.deployer().create(asked).id == made.id


def test_a_failed_build_ends_with_its_log_and_the_pattern_stays(target: Target) -> None:
    before = releases.current_commit("swings")
    asked = target.broken()
    deployer = target.deployer()
    last = ending(list(deployer.follow(deployer.create(asked).id)))
    assert (last.status, last.raw, last.failure) == (S.ERROR, "ERROR", "deploy.failed")
    assert last.error
    assert "requests" in last.logs
    assert last.error.rstrip(".") in last.logs
    assert releases.current_commit("swings") == before
    assert target.deployer().create(asked).status == S.ERROR


def test_a_cancel_while_it_builds_ends_it_there(target: Target) -> None:
    before = releases.current_commit("swings")
    asked = target.place.request()
    deployer = target.deployer()
    made = deployer.create(asked)
    seen: list[Deployment] = []
    for state in deployer.follow(made.id, cancelled=lambda: any(s.status == S.BUILDING for s in seen)):
        seen.append(state)
    assert ending(seen).status == S.CANCELED
    assert "cancel" in seen[-1].logs.lower()
    assert releases.current_commit("swings") == before
    assert target.deployer().create(asked).status == S.CANCELED
    if target.vercel:
        assert target.vercel.deployed[made.id].state == "CANCELED"


def test_cancel_ends_what_has_not_ended_and_reads_again_what_has(target: Target) -> None:
    deployer = target.deployer()
    first = deployer.create(target.place.request())
    assert deployer.cancel(first.id).status == S.CANCELED
    assert deployer.cancel(first.id).status == S.CANCELED
    assert [s.status for s in deployer.follow(first.id)] == [S.CANCELED]
    second = deployer.create(target.place.request())
    assert list(deployer.follow(second.id))[-1].status == S.READY
    assert deployer.cancel(second.id).status == S.READY


def test_a_deploy_that_was_left_in_the_middle_is_followed_to_its_end(target: Target) -> None:
    asked = target.place.request()
    made = target.deployer().create(asked)
    for state in target.deployer().follow(made.id):
        if state.status == S.BUILDING:
            break
    found = target.deployer().create(asked)
    assert found.id == made.id
    assert ending(list(target.deployer().follow(found.id))).status == S.READY
    assert releases.current_commit("swings") == asked.commit_hash
    assert target.made() == 1


def test_a_process_that_lost_the_run_leaves_the_deploy_alone(target: Target) -> None:
    def lost() -> bool:
        raise StaleEpoch("Another worker has it.")

    deployer = target.deployer()
    made = deployer.create(target.place.request())
    with pytest.raises(StaleEpoch):
        list(deployer.follow(made.id, cancelled=lost))
    assert list(deployer.follow(made.id))[-1].status == S.READY


def test_rolling_back_points_at_the_earlier_commit(target: Target) -> None:
    deployer = target.deployer()
    commits = []
    for _ in range(2):
        asked = target.place.request()
        commits.append(asked.commit_hash)
        made = deployer.create(asked)
        assert list(deployer.follow(made.id))[-1].status == S.READY
    assert releases.current_commit("swings") == commits[1]
    back = deployer.roll_back("swings", commits[0])
    assert (back.status, back.error) == (S.READY, None)
    assert commits[0][:12] in back.logs
    assert releases.current_commit("swings") == commits[0]
    if target.vercel:
        assert target.vercel.deployed[target.vercel.production or ""].sha == commits[0]


@pytest.mark.parametrize("name", ["dpl_0", f"local-{uuid.UUID(int=0)}", "../x", "a/b", "", "x" * 200])
def test_an_unknown_deploy_is_refused_by_its_id(target: Target, name: str) -> None:
    with pytest.raises(NotFound, match="no such deployment"):
        list(target.deployer().follow(name))
    with pytest.raises(NotFound, match="no such deployment"):
        target.deployer().cancel(name)


def test_undoing_a_patterns_first_deploy_leaves_it_with_nothing(target: Target) -> None:
    assert target.deployer().roll_back("swings", None).status == S.READY
    assert releases.current_commit("swings") is None


def test_an_unknown_target_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidInput, match="no deploy target called fly; there are local, vercel"):
        registry.make("fly")


def test_what_can_be_launched_is_what_can_be_deployed_to() -> None:
    assert set(registry.TARGETS) == set(executions.DEPLOY_TARGETS)
    assert all(registry.TARGETS[info.name].title == info.title for info in registry.targets())
