"""Following a deploy at Vercel: its states, its log, trouble on the way, cancels."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

import pytest

from services import releases
from services.deploys.protocol import Deployment, DeployRequest, DeployTargetError
from services.deploys.vercel import VercelDeployer
from services.deploys.waiting import Pace
from services.lifecycle import DeployStatus
from tests.support.deploy_folder import QUICK, DeployFolder
from tests.support.fake_vercel import FakeVercel, Fault, Stage, ready

S = DeployStatus
LIST = r"/v6/deployments"
GET, EVENTS = r"/v13/deployments/[^/]+", r"/v3/.*"


def run(request: DeployRequest, pace: Pace = QUICK) -> list[Deployment]:
    deployer = VercelDeployer(pace)
    return list(deployer.follow(deployer.create(request).id))


def in_building(vercel: FakeVercel, *after: Stage) -> None:
    vercel.plan = lambda: [Stage("QUEUED"), Stage("BUILDING", ("Building",)), *after]


@pytest.mark.parametrize(("raw", "status"), [
    ("QUEUED", S.QUEUED), ("INITIALIZING", S.BUILDING), ("BUILDING", S.BUILDING), ("PAUSED_BY_MOON", S.BUILDING),
])  # fmt: skip
def test_a_state_that_vercel_reports_is_kept_beside_ours(
    place: DeployFolder, vercel: FakeVercel, raw: str, status: S
) -> None:
    vercel.plan = lambda: [Stage(raw), ready()]
    states = run(place.request())
    assert (states[0].status, states[0].raw) == (status, raw)
    assert f"Vercel says {raw}" in states[0].logs
    assert states[-1].status == S.READY


@pytest.mark.parametrize(("raw", "status", "said", "failure"), [
    ("ERROR", S.ERROR, "Vercel's build failed: Command exited with 1.", "deploy.failed"),
    ("CANCELED", S.CANCELED, None, "deploy.failed"),
    ("BLOCKED", S.ERROR, "Vercel blocked the deploy: Command exited with 1.", "target.refused"),
    ("DELETED", S.ERROR, "The deployment was deleted at Vercel.", "target.refused"),
])  # fmt: skip
def test_a_last_state_that_vercel_reports_is_kept_beside_ours(
    place: DeployFolder, vercel: FakeVercel, raw: str, status: S, said: str | None, failure: str
) -> None:
    in_building(vercel, Stage(raw, fields={"errorMessage": "Command exited with 1"} if said else {}))
    last = run(place.request())[-1]
    assert (last.status, last.raw, last.error, last.failure) == (status, raw, said, failure)
    assert VercelDeployer(QUICK).cancel(last.id).status == (S.CANCELED if raw == "BLOCKED" else status)


def test_an_unknown_state_is_never_ready_and_ends_with_the_deadline(place: DeployFolder, vercel: FakeVercel) -> None:
    before = releases.current_commit("swings")
    in_building(vercel, Stage("FINISHED", fields={"aliasAssigned": True}))
    last = run(place.request(), replace(QUICK, deadline_s=0.5))[-1]
    assert (last.status, last.raw, last.failure) == (S.ERROR, "FINISHED", "target.refused")
    assert "not a state of its description" in last.logs
    assert "did not end within" in (last.error or "")
    assert vercel.deployed[last.id].state == "CANCELED"
    assert releases.current_commit("swings") == before


def test_a_deployment_that_vanishes_while_it_is_followed_ends_as_deleted(
    place: DeployFolder, vercel: FakeVercel
) -> None:
    in_building(vercel)
    deployer = VercelDeployer(QUICK)
    states: list[Deployment] = []
    for state in deployer.follow(deployer.create(place.request()).id):
        states.append(state)
        vercel.deployed.clear()
    assert (states[-1].status, states[-1].raw, states[-1].failure) == (S.ERROR, "DELETED", "target.refused")


def test_a_state_never_goes_back(place: DeployFolder, vercel: FakeVercel) -> None:
    vercel.plan = lambda: [Stage("BUILDING"), Stage("QUEUED"), ready()]
    states = run(place.request())
    assert [s.status for s in states] == [S.BUILDING, S.BUILDING, S.READY]
    assert states[1].raw == "QUEUED"


def test_a_deployment_without_an_address_has_none(place: DeployFolder, vercel: FakeVercel) -> None:
    vercel.plan = lambda: [Stage("QUEUED", fields={"url": None}), ready(url="detectors-1.vercel.app")]
    made = VercelDeployer(QUICK).create(place.request())
    assert [s.url for s in VercelDeployer(QUICK).follow(made.id)] == [None, "https://detectors-1.vercel.app"]


def test_the_log_is_read_as_it_grows_in_both_forms_of_events(place: DeployFolder, vercel: FakeVercel) -> None:
    states = run(place.request())
    said = [line[18:] for line in states[-1].logs.splitlines()]
    wanted = ["Cloning repository", "Installing required dependencies...", 'Running "build"']
    assert [line for line in said if line in wanted] == wanted
    assert any(wanted[1] in s.logs and wanted[2] not in s.logs for s in states)
    assert len(vercel.asked("GET", EVENTS)) >= len(states)
    assert all(q["limit"] == "-1" for _, _, q, _ in vercel.asked("GET", EVENTS))


def test_a_log_that_cannot_be_read_stops_no_deploy(place: DeployFolder, vercel: FakeVercel) -> None:
    vercel.faults += [Fault("GET", EVENTS, 500) for _ in range(100)]
    last = run(place.request())[-1]
    assert last.status == S.READY
    assert "log could not be read" in last.logs


@pytest.mark.parametrize("fault", [
    Fault("GET", GET, 500), Fault("GET", GET, 503), Fault("GET", GET, 0), Fault("GET", GET, 200, raw=b"{"),
    Fault("GET", GET, 429, headers={"Retry-After": "0.1"}), Fault("GET", GET, 200, body={}, delay_s=0.6),
    Fault("GET", LIST, 500),
])  # fmt: skip
def test_faults_that_pass_are_asked_again_and_noted_in_the_log(
    place: DeployFolder, vercel: FakeVercel, fault: Fault
) -> None:
    deployer = VercelDeployer(replace(QUICK, timeout_s=0.3))
    made = deployer.create(place.request())
    states: list[Deployment] = []
    for state in deployer.follow(made.id):
        if not states:
            vercel.faults += [replace(fault), replace(fault)]
        states.append(state)
    assert states[-1].status == S.READY
    assert states[-1].logs.count("Asking again in") == 2


@pytest.mark.parametrize(("status", "failure"), [
    (401, "target.refused"), (403, "target.refused"), (503, "target.unavailable"),
])  # fmt: skip
def test_faults_that_stay_are_raised(place: DeployFolder, vercel: FakeVercel, status: int, failure: str) -> None:
    deployer = VercelDeployer(replace(QUICK, patience_s=0.4))
    made = deployer.create(place.request())
    vercel.faults += [Fault("GET", GET, status) for _ in range(500)]
    with pytest.raises(DeployTargetError) as caught:
        list(deployer.follow(made.id))
    assert caught.value.failure == failure


def test_cancels_are_asked_for_at_least_five_times_a_second_even_while_vercel_is_slow(
    place: DeployFolder, vercel: FakeVercel
) -> None:
    in_building(vercel, *[Stage("BUILDING")] * 1000)
    asked: list[float] = []

    def cancelled() -> bool:
        asked.append(time.monotonic())
        return asked[-1] - asked[0] > 1.5

    deployer = VercelDeployer(replace(QUICK, poll_s=0.5))
    made = deployer.create(place.request())
    vercel.faults.append(Fault("GET", GET, 200, body={}, delay_s=4.0))
    last = list(deployer.follow(made.id, cancelled=cancelled))[-1]
    assert last.status == S.CANCELED
    assert time.monotonic() - asked[-1] < 1.5
    assert vercel.deployed[made.id].state == "CANCELED"
    gaps = sorted(b - a for a, b in pairwise(asked))
    assert len(asked) >= 8
    assert gaps[len(gaps) // 2] <= 0.2


def test_a_cancel_that_comes_too_late_finds_it_ready(place: DeployFolder, vercel: FakeVercel) -> None:
    asked = place.request()
    deployer = VercelDeployer(QUICK)
    made = deployer.create(asked)
    vercel.deployed[made.id].stages = [ready()]
    vercel.deployed[made.id].state = "READY"
    assert list(deployer.follow(made.id, cancelled=lambda: True))[-1].status == S.READY
    assert releases.current_commit("swings") == asked.commit_hash


def test_a_cancel_that_vercel_does_not_confirm_ends_and_says_so(place: DeployFolder, vercel: FakeVercel) -> None:
    in_building(vercel, *[Stage("BUILDING")] * 1000)
    deployer = VercelDeployer(replace(QUICK, cancel_s=0.4))
    made = deployer.create(place.request())
    vercel.faults += [Fault("PATCH", r"/v12/.*", 500) for _ in range(100)]
    last = list(deployer.follow(made.id, cancelled=lambda: True))[-1]
    assert last.status == S.CANCELED
    assert "did not confirm" in last.logs
