"""What production serves: the address, older deploys that end later, roll backs."""

from __future__ import annotations

from dataclasses import replace

from services import releases
from services.deploys.protocol import Deployment, DeployRequest
from services.deploys.vercel import VercelDeployer
from services.deploys.waiting import Pace
from services.lifecycle import DeployStatus
from tests.support.deploy_folder import QUICK, DeployFolder
from tests.support.fake_vercel import FakeVercel, Stage, ready

S = DeployStatus


def run(request: DeployRequest, pace: Pace = QUICK) -> list[Deployment]:
    deployer = VercelDeployer(pace)
    return list(deployer.follow(deployer.create(request).id))


def in_building(vercel: FakeVercel, *after: Stage) -> None:
    vercel.plan = lambda: [Stage("QUEUED"), Stage("BUILDING", ("Building",)), *after]


def test_a_deploy_is_ready_when_the_production_address_follows(place: DeployFolder, vercel: FakeVercel) -> None:
    waiting = Stage("READY", fields={"aliasAssigned": False})
    in_building(vercel, waiting, waiting, ready())
    states = run(place.request())
    built = [s for s in states if s.raw == "READY"]
    assert [s.status for s in built] == [S.BUILDING, S.READY]
    for text in (
        "Vercel says READY",
        "waiting until production serves it",
        "Production serves it: detectors.example.com",
    ):
        assert text in states[-1].logs


def test_an_address_that_never_follows_is_an_error_that_another_try_may_mend(
    place: DeployFolder, vercel: FakeVercel
) -> None:
    before = releases.current_commit("swings")
    in_building(vercel, Stage("READY"))
    last = run(place.request(), replace(QUICK, alias_s=0.2))[-1]
    assert (last.status, last.raw, last.failure) == (S.ERROR, "READY", "target.unavailable")
    assert releases.current_commit("swings") == before


def test_an_address_that_cannot_be_assigned_is_an_error(place: DeployFolder, vercel: FakeVercel) -> None:
    in_building(vercel, Stage("READY", fields={"aliasError": {"code": "x", "message": "The domain is taken"}}))
    last = run(place.request())[-1]
    assert (last.status, last.failure) == (S.ERROR, "target.refused")
    assert "could not point production at it: The domain is taken." in (last.error or "")


def test_what_is_kept_staged_after_a_roll_back_is_promoted_once(place: DeployFolder, vercel: FakeVercel) -> None:
    in_building(vercel, Stage("READY", fields={"readySubstate": "STAGED"}), Stage("READY"), Stage("READY"))
    last = run(place.request())[-1]
    assert last.status == S.READY
    assert vercel.production == last.id
    assert len(vercel.asked("POST", r"/v10/.*")) == 1


def test_an_older_deploy_that_ends_later_does_not_stay(place: DeployFolder, vercel: FakeVercel) -> None:
    before = releases.current_commit("swings")
    deployer = VercelDeployer(QUICK)
    place.work_on()
    older = place.request()
    place.work_on()
    newer = place.request(pattern="bos")
    first = deployer.create(older)
    vercel.plan = lambda: [ready()]
    second = deployer.create(newer)
    assert list(deployer.follow(second.id))[-1].status == S.READY
    releases.switch("swings", older.commit_hash)  # as a process had done that was killed before it could look
    last = list(deployer.follow(first.id))[-1]
    assert (last.status, last.failure) == (S.ERROR, "target.overtaken")
    assert f"A newer deploy ({second.id} of {newer.commit_hash[:12]}) was live first" in (last.error or "")
    assert "Production was rolled forward" in last.logs
    assert vercel.production == second.id
    assert releases.current_commit("swings") == before
    assert releases.current_commit("bos") == newer.commit_hash


def test_an_older_deploy_that_the_newer_one_contains_is_ready_too(place: DeployFolder, vercel: FakeVercel) -> None:
    deployer = VercelDeployer(QUICK)
    older, newer = place.request(), place.request(pattern="bos")
    first, second = deployer.create(older), deployer.create(newer)
    assert list(deployer.follow(second.id))[-1].status == S.READY
    last = list(deployer.follow(first.id))[-1]
    assert last.status == S.READY
    assert "contains this commit" in last.logs
    assert releases.current_commit("swings") == older.commit_hash
    assert not vercel.asked("POST", r"/v10/.*")


def test_a_newer_deploy_that_failed_overtakes_nobody(place: DeployFolder, vercel: FakeVercel) -> None:
    deployer = VercelDeployer(QUICK)
    place.work_on()
    first = deployer.create(place.request())
    vercel.add("f" * 40, state="ERROR")
    vercel.add("e" * 40, state="BUILDING")
    assert list(deployer.follow(first.id))[-1].status == S.READY


def deployed(place: DeployFolder, vercel: FakeVercel, pattern: str, *, merged: bool = True) -> DeployRequest:
    vercel.plan = lambda: [ready()]
    asked = place.request(pattern=pattern)
    assert run(asked)[-1].status == S.READY
    if merged:
        place.merge(asked.commit_hash)
    return asked


def test_rolling_back_keeps_what_other_patterns_deployed_since(place: DeployFolder, vercel: FakeVercel) -> None:
    wanted = deployed(place, vercel, "swings")
    other = deployed(place, vercel, "bos")
    deployed(place, vercel, "choch", merged=False)
    deployed(place, vercel, "swings", merged=False)
    back = VercelDeployer(QUICK).roll_back("swings", wanted.commit_hash)
    assert back.status == S.READY
    assert vercel.deployed[vercel.production or ""].sha == other.commit_hash
    assert releases.current_commit("swings") == wanted.commit_hash
    assert len(vercel.asked("POST", r"/v1/projects/detectors/rollback/.*")) == 1


def test_rolling_back_does_not_take_away_what_builds_on_the_later_version(
    place: DeployFolder, vercel: FakeVercel
) -> None:
    wanted = deployed(place, vercel, "swings")
    deployed(place, vercel, "swings")
    other = deployed(place, vercel, "bos")
    back = VercelDeployer(QUICK).roll_back("swings", wanted.commit_hash)
    assert back.status == S.ERROR
    assert "build on a later version of swings" in (back.error or "")
    assert vercel.deployed[vercel.production or ""].sha == other.commit_hash
    assert releases.current_commit("swings") == wanted.commit_hash


def test_rolling_back_to_what_vercel_never_had_switches_this_machine_and_says_so(
    place: DeployFolder, vercel: FakeVercel
) -> None:
    commit = place.commit()
    back = VercelDeployer(QUICK).roll_back("swings", commit)
    assert (back.status, releases.current_commit("swings")) == (S.ERROR, commit)
    assert f"no ready deploy of {commit[:12]}" in (back.error or "")
