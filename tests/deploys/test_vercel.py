"""What is Vercel's own: its states, its faults, its limits, its production address."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from services import logs as app_logs
from services import releases
from services.deploys import registry
from services.deploys.build_log import CAP, BuildLog
from services.deploys.protocol import Deployment, DeployRequest, DeployTargetError
from services.deploys.vercel import VercelDeployer
from services.deploys.vercel_api import unusable
from services.deploys.waiting import Pace
from services.errors import Cancelled, InvalidInput, RepositoryError
from services.lifecycle import DeployStatus
from services.settings import Settings, get_settings
from services.worker.decisions import Action, Failure, decide
from tests.deploys.conftest import QUICK, Place
from tests.deploys.stand_in import PROJECT, TEAM, TOKEN, Fault, Stage, StandIn, problem, ready

S = DeployStatus
CREATE, LIST = r"/v13/deployments", r"/v6/deployments"
GET, EVENTS = r"/v13/deployments/[^/]+", r"/v3/.*"


def run(request: DeployRequest, pace: Pace = QUICK) -> list[Deployment]:
    deployer = VercelDeployer(pace)
    return list(deployer.follow(deployer.create(request).id))


def in_building(vercel: StandIn, *after: Stage) -> None:
    vercel.plan = lambda: [Stage("QUEUED"), Stage("BUILDING", ("Building",)), *after]


# Creating


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, {"type": "github", "repoId": "123456"}),
        ({"GIT_REPO_ID": "", "GIT_ORG": "team", "GIT_REPO": "patterns"}, {"type": "github", "org": "team", "repo": "patterns"}),
        ({"GIT_TYPE": "gitlab"}, {"type": "gitlab", "projectId": "123456"}),
        ({"GIT_TYPE": "bitbucket"}, {"type": "bitbucket", "repoUuid": "123456"}),
    ],
)
def test_a_deploy_is_a_production_build_of_the_commit_that_tells_whose_it_is(
    place: Place, vercel: StandIn, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], named: dict[str, str]
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"VERCEL_{name}", value)
    get_settings.cache_clear()
    before = releases.current_commit("swings")
    asked = place.request()
    made = VercelDeployer(QUICK).create(asked)
    ((_, _, query, body),) = vercel.asked("POST", CREATE)
    assert query == {"teamId": TEAM, "forceNew": "1"}
    assert body["gitSource"] == {"ref": "main", "sha": asked.commit_hash, **named}
    assert (body["name"], body["project"], body["target"]) == (PROJECT, PROJECT, "production")
    assert body["meta"] == {
        "patterndeskExecution": str(asked.execution_id), "patterndeskAttempt": "1", "patterndeskPattern": "swings",
        "patterndeskVersion": "0.2.0", "patterndeskCommit": asked.commit_hash, "patterndeskPrevious": before,
    }  # fmt: skip
    assert made.url == f"https://{made.id}.vercel.app"


def test_the_deploy_of_the_same_request_is_found_on_a_later_page(place: Place, vercel: StandIn) -> None:
    asked = place.request()
    made = VercelDeployer(QUICK).create(asked)
    for _ in range(5):
        vercel.add(asked.commit_hash)
    vercel.page = 2
    vercel.requests.clear()
    assert VercelDeployer(QUICK).create(asked).id == made.id
    assert len(vercel.asked("GET", LIST)) == 3
    assert not vercel.asked("POST", CREATE)


@pytest.mark.parametrize("status", [0, 500, 502])
def test_a_create_whose_answer_got_lost_makes_no_second_deploy(place: Place, vercel: StandIn, status: int) -> None:
    vercel.faults.append(Fault("POST", CREATE, status, after=True))
    made = VercelDeployer(QUICK).create(place.request())
    assert list(vercel.deployed) == [made.id]


@pytest.mark.parametrize("fault", [
    Fault("POST", CREATE, 500), Fault("POST", CREATE, 503), Fault("POST", CREATE, 0), Fault("GET", LIST, 0),
    Fault("GET", LIST, 200, raw=b"<html>"), Fault("GET", LIST, 200, body=[1]), Fault("POST", CREATE, 200, body={}),
    Fault("POST", CREATE, 200, body={"id": "dpl_late"}, delay_s=0.6),
])  # fmt: skip
def test_a_fault_that_passes_is_asked_again(place: Place, vercel: StandIn, fault: Fault) -> None:
    vercel.faults.append(replace(fault))
    made = VercelDeployer(replace(QUICK, timeout_s=0.3)).create(place.request())
    assert list(vercel.deployed) == [made.id]
    assert vercel.faults == []


@pytest.mark.parametrize(("status", "body", "said"), [
    (400, problem(400, "bad_request", "Invalid `gitSource`")[1], "Vercel refused the request: Invalid `gitSource`."),
    (401, problem(401, "unauthorized", "No")[1], "Vercel does not accept the token; set VERCEL_TOKEN to a valid one."),
    (402, problem(402, "payment_required", "Over the limit")[1], "Vercel asks for a payment first: Over the limit."),
    (403, problem(403, "forbidden", "Not authorized", invalidToken=True)[1], "does not accept the token"),
    (403, problem(403, "forbidden", "No access.")[1],
     f"The Vercel token may not deploy the project {PROJECT} of the team {TEAM}: No access."),
    (404, problem(404, "not_found", "Unknown project")[1], f"Vercel has no project {PROJECT}: Unknown project."),
    (302, None, "Vercel refused the request: status 302."),
])  # fmt: skip
def test_a_refusal_is_final_at_once_and_says_what_to_do(
    place: Place, vercel: StandIn, status: int, body: Any, said: str
) -> None:
    vercel.faults.append(Fault("POST", CREATE, status, body))
    with pytest.raises(DeployTargetError) as caught:
        VercelDeployer(QUICK).create(place.request())
    assert said in str(caught.value)
    assert len(vercel.asked("POST", CREATE)) == 1
    failure = Failure(caught.value.source, str(caught.value), caught.value.transient)
    decision = decide(failure, retry_count=0, max_retries=10)
    assert (decision.action, decision.pause_s) == (Action.FAIL, 0.0)
    assert "settings" in (decision.advice or "")


def test_a_wrong_token_and_a_wrong_team_are_refused_by_the_server_itself(
    place: Place, vercel: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERCEL_TEAM_ID", "team_other")
    get_settings.cache_clear()
    with pytest.raises(DeployTargetError, match="team team_other"):
        VercelDeployer(QUICK).create(place.request())
    monkeypatch.setenv("VERCEL_TOKEN", "vcl_wrong_wrong")
    get_settings.cache_clear()
    with pytest.raises(DeployTargetError, match="set VERCEL_TOKEN to a valid one"):
        VercelDeployer(QUICK).create(place.request())


def test_a_rate_limit_is_waited_for_until_its_reset(place: Place, vercel: StandIn) -> None:
    reset = time.time() + 1.2
    vercel.faults.append(Fault("POST", CREATE, 429, headers={"X-RateLimit-Reset": str(reset)}))
    VercelDeployer(QUICK).create(place.request())
    assert reset <= time.time() < reset + 2
    assert len(vercel.asked("POST", CREATE)) == 2


@pytest.mark.parametrize("told", [
    Fault("POST", CREATE, 429, headers={"X-RateLimit-Reset": "4102444800"}),
    Fault("POST", CREATE, 429, body={"error": {"code": "rate_limited", "limit": {"reset": 4102444800}}}),
    Fault("POST", CREATE, 429, headers={"Retry-After": "86400"}),
])  # fmt: skip
def test_a_limit_that_is_far_away_is_left_to_the_retries(place: Place, vercel: StandIn, told: Fault) -> None:
    vercel.faults.append(replace(told))
    with pytest.raises(DeployTargetError, match="rate limit") as caught:
        VercelDeployer(QUICK).create(place.request())
    failure = Failure(caught.value.source, str(caught.value), caught.value.transient)
    assert decide(failure, retry_count=0, max_retries=10).action == Action.RETRY


def test_patience_ends(place: Place, vercel: StandIn) -> None:
    vercel.faults += [Fault("GET", LIST, 503) for _ in range(500)]
    started = time.monotonic()
    with pytest.raises(DeployTargetError, match=r"Vercel has a fault \(503\)") as caught:
        VercelDeployer(replace(QUICK, patience_s=0.5)).create(place.request())
    assert caught.value.transient
    assert time.monotonic() - started < 3


def test_a_cancel_is_heard_while_creating_waits_and_leaves_nothing_behind(place: Place, vercel: StandIn) -> None:
    far = {"X-RateLimit-Reset": str(time.time() + 4)}
    vercel.faults.append(Fault("POST", CREATE, 429, headers=far))
    started = time.monotonic()
    with pytest.raises(Cancelled):
        VercelDeployer(QUICK).create(place.request(), cancelled=lambda: time.monotonic() > started + 0.2)
    assert time.monotonic() - started < 2
    vercel.faults.append(Fault("POST", CREATE, 500, after=True))
    deployer = VercelDeployer(replace(QUICK, first_pause_s=3.0, patience_s=9.0))
    made = deployer.create(place.request(), cancelled=lambda: True)  # it was made, so it is handed on
    assert [s.status for s in deployer.follow(made.id, cancelled=lambda: True)][-1] == S.CANCELED
    assert vercel.deployed[made.id].state == "CANCELED"


# States


@pytest.mark.parametrize(("raw", "status"), [
    ("QUEUED", S.QUEUED), ("INITIALIZING", S.BUILDING), ("BUILDING", S.BUILDING), ("PAUSED_BY_MOON", S.BUILDING),
])  # fmt: skip
def test_a_word_on_the_way_is_kept_beside_ours(place: Place, vercel: StandIn, raw: str, status: S) -> None:
    vercel.plan = lambda: [Stage(raw), ready()]
    states = run(place.request())
    assert (states[0].status, states[0].raw) == (status, raw)
    assert f"Vercel says {raw}" in states[0].logs
    assert states[-1].status == S.READY


@pytest.mark.parametrize(("raw", "status", "said", "cause"), [
    ("ERROR", S.ERROR, "Vercel's build failed: Command exited with 1.", "deploy"),
    ("CANCELED", S.CANCELED, None, "deploy"),
    ("BLOCKED", S.ERROR, "Vercel blocked the deploy: Command exited with 1.", "target"),
    ("DELETED", S.ERROR, "The deployment was deleted at Vercel.", "target"),
])  # fmt: skip
def test_a_last_word_is_kept_beside_ours(
    place: Place, vercel: StandIn, raw: str, status: S, said: str | None, cause: str
) -> None:
    in_building(vercel, Stage(raw, fields={"errorMessage": "Command exited with 1"} if said else {}))
    last = run(place.request())[-1]
    assert (last.status, last.raw, last.error, last.cause) == (status, raw, said, cause)
    assert VercelDeployer(QUICK).cancel(last.id).status == (S.CANCELED if raw == "BLOCKED" else status)


def test_an_unknown_word_is_never_ready_and_ends_with_the_deadline(place: Place, vercel: StandIn) -> None:
    before = releases.current_commit("swings")
    in_building(vercel, Stage("FINISHED", fields={"aliasAssigned": True}))
    last = run(place.request(), replace(QUICK, deadline_s=0.5))[-1]
    assert (last.status, last.raw, last.cause, last.transient) == (S.ERROR, "FINISHED", "target", False)
    assert "not a state of its description" in last.logs
    assert "did not end within" in (last.error or "")
    assert vercel.deployed[last.id].state == "CANCELED"
    assert releases.current_commit("swings") == before


def test_a_deployment_that_vanishes_while_it_is_followed_ends_as_deleted(place: Place, vercel: StandIn) -> None:
    in_building(vercel)
    deployer = VercelDeployer(QUICK)
    states = []
    for state in deployer.follow(deployer.create(place.request()).id):
        states.append(state)
        vercel.deployed.clear()
    assert (states[-1].status, states[-1].raw, states[-1].cause) == (S.ERROR, "DELETED", "target")


def test_a_state_never_goes_back(place: Place, vercel: StandIn) -> None:
    vercel.plan = lambda: [Stage("BUILDING"), Stage("QUEUED"), ready()]
    states = run(place.request())
    assert [s.status for s in states] == [S.BUILDING, S.BUILDING, S.READY]
    assert states[1].raw == "QUEUED"


def test_a_deployment_without_an_address_has_none(place: Place, vercel: StandIn) -> None:
    vercel.plan = lambda: [Stage("QUEUED", fields={"url": None}), ready(url="detectors-1.vercel.app")]
    made = VercelDeployer(QUICK).create(place.request())
    assert [s.url for s in VercelDeployer(QUICK).follow(made.id)] == [None, "https://detectors-1.vercel.app"]


# Following


def test_the_log_is_told_as_it_grows_whatever_form_the_events_have(place: Place, vercel: StandIn) -> None:
    states = run(place.request())
    said = [line[18:] for line in states[-1].logs.splitlines()]
    wanted = ["Cloning repository", "Installing required dependencies...", 'Running "build"']
    assert [line for line in said if line in wanted] == wanted
    assert any(wanted[1] in s.logs and wanted[2] not in s.logs for s in states)
    assert len(vercel.asked("GET", EVENTS)) >= len(states)
    assert all(q["limit"] == "-1" for _, _, q, _ in vercel.asked("GET", EVENTS))


def test_a_log_that_cannot_be_read_stops_no_deploy(place: Place, vercel: StandIn) -> None:
    vercel.faults += [Fault("GET", EVENTS, 500) for _ in range(100)]
    last = run(place.request())[-1]
    assert last.status == S.READY
    assert "log could not be read" in last.logs


@pytest.mark.parametrize("fault", [
    Fault("GET", GET, 500), Fault("GET", GET, 503), Fault("GET", GET, 0), Fault("GET", GET, 200, raw=b"{"),
    Fault("GET", GET, 429, headers={"Retry-After": "0.1"}), Fault("GET", GET, 200, body={}, delay_s=0.6),
    Fault("GET", LIST, 500),
])  # fmt: skip
def test_trouble_on_the_way_is_borne_and_told(place: Place, vercel: StandIn, fault: Fault) -> None:
    deployer = VercelDeployer(replace(QUICK, timeout_s=0.3))
    made = deployer.create(place.request())
    states = []
    for state in deployer.follow(made.id):
        if not states:
            vercel.faults += [replace(fault), replace(fault)]
        states.append(state)
    assert states[-1].status == S.READY
    assert states[-1].logs.count("Asking again in") == 2


@pytest.mark.parametrize(("status", "transient"), [(401, False), (403, False), (503, True)])
def test_trouble_that_stays_is_raised(place: Place, vercel: StandIn, status: int, transient: bool) -> None:
    deployer = VercelDeployer(replace(QUICK, patience_s=0.4))
    made = deployer.create(place.request())
    vercel.faults += [Fault("GET", GET, status) for _ in range(500)]
    with pytest.raises(DeployTargetError) as caught:
        list(deployer.follow(made.id))
    assert caught.value.transient is transient


def test_cancels_are_asked_for_at_least_five_times_a_second_even_while_vercel_is_slow(
    place: Place, vercel: StandIn
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


def test_a_cancel_that_comes_too_late_finds_it_ready(place: Place, vercel: StandIn) -> None:
    asked = place.request()
    deployer = VercelDeployer(QUICK)
    made = deployer.create(asked)
    vercel.deployed[made.id].stages = [ready()]
    vercel.deployed[made.id].state = "READY"
    assert list(deployer.follow(made.id, cancelled=lambda: True))[-1].status == S.READY
    assert releases.current_commit("swings") == asked.commit_hash


def test_a_cancel_that_vercel_does_not_confirm_ends_and_says_so(place: Place, vercel: StandIn) -> None:
    in_building(vercel, *[Stage("BUILDING")] * 1000)
    deployer = VercelDeployer(replace(QUICK, cancel_s=0.4))
    made = deployer.create(place.request())
    vercel.faults += [Fault("PATCH", r"/v12/.*", 500) for _ in range(100)]
    last = list(deployer.follow(made.id, cancelled=lambda: True))[-1]
    assert last.status == S.CANCELED
    assert "did not confirm" in last.logs


# Production


def test_ready_waits_for_the_production_address_and_both_are_in_the_log(place: Place, vercel: StandIn) -> None:
    waiting = Stage("READY", fields={"aliasAssigned": False})
    in_building(vercel, waiting, waiting, ready())
    states = run(place.request())
    built = [s for s in states if s.raw == "READY"]
    assert [s.status for s in built] == [S.BUILDING, S.READY]
    for text in ("Vercel says READY", "waiting until production serves it", "Production serves it: detectors.example.com"):
        assert text in states[-1].logs


def test_an_address_that_never_follows_is_an_error_that_another_try_may_mend(place: Place, vercel: StandIn) -> None:
    before = releases.current_commit("swings")
    in_building(vercel, Stage("READY"))
    last = run(place.request(), replace(QUICK, alias_s=0.2))[-1]
    assert (last.status, last.raw, last.cause, last.transient) == (S.ERROR, "READY", "target", True)
    assert releases.current_commit("swings") == before


def test_an_address_that_cannot_be_assigned_is_an_error(place: Place, vercel: StandIn) -> None:
    in_building(vercel, Stage("READY", fields={"aliasError": {"code": "x", "message": "The domain is taken"}}))
    last = run(place.request())[-1]
    assert (last.status, last.cause) == (S.ERROR, "target")
    assert "could not point production at it: The domain is taken." in (last.error or "")


def test_what_is_kept_staged_after_a_roll_back_is_promoted_once(place: Place, vercel: StandIn) -> None:
    in_building(vercel, Stage("READY", fields={"readySubstate": "STAGED"}), Stage("READY"), Stage("READY"))
    last = run(place.request())[-1]
    assert last.status == S.READY
    assert vercel.production == last.id
    assert len(vercel.asked("POST", r"/v10/.*")) == 1


def test_an_older_deploy_that_ends_later_does_not_stay(place: Place, vercel: StandIn) -> None:
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
    assert (last.status, last.cause, last.transient) == (S.ERROR, "target", True)
    assert f"A newer deploy ({second.id} of {newer.commit_hash[:12]}) was live first" in (last.error or "")
    assert "Production was rolled forward" in last.logs
    assert vercel.production == second.id
    assert releases.current_commit("swings") == before
    assert releases.current_commit("bos") == newer.commit_hash


def test_an_older_deploy_that_the_newer_one_contains_is_ready_too(place: Place, vercel: StandIn) -> None:
    deployer = VercelDeployer(QUICK)
    older, newer = place.request(), place.request(pattern="bos")
    first, second = deployer.create(older), deployer.create(newer)
    assert list(deployer.follow(second.id))[-1].status == S.READY
    last = list(deployer.follow(first.id))[-1]
    assert last.status == S.READY
    assert "contains this commit" in last.logs
    assert releases.current_commit("swings") == older.commit_hash
    assert not vercel.asked("POST", r"/v10/.*")


def test_a_newer_deploy_that_failed_overtakes_nobody(place: Place, vercel: StandIn) -> None:
    deployer = VercelDeployer(QUICK)
    place.work_on()
    first = deployer.create(place.request())
    vercel.add("f" * 40, state="ERROR")
    vercel.add("e" * 40, state="BUILDING")
    assert list(deployer.follow(first.id))[-1].status == S.READY


def deployed(place: Place, vercel: StandIn, pattern: str, *, merged: bool = True) -> DeployRequest:
    vercel.plan = lambda: [ready()]
    asked = place.request(pattern=pattern)
    assert run(asked)[-1].status == S.READY
    if merged:
        place.merge(asked.commit_hash)
    return asked


def test_rolling_back_keeps_what_other_patterns_deployed_since(place: Place, vercel: StandIn) -> None:
    wanted = deployed(place, vercel, "swings")
    other = deployed(place, vercel, "bos")
    deployed(place, vercel, "swings", merged=False)
    back = VercelDeployer(QUICK).roll_back("swings", wanted.commit_hash)
    assert back.status == S.READY
    assert vercel.deployed[vercel.production or ""].sha == other.commit_hash
    assert releases.current_commit("swings") == wanted.commit_hash
    assert len(vercel.asked("POST", r"/v1/projects/detectors/rollback/.*")) == 1


def test_rolling_back_does_not_take_away_what_builds_on_the_later_version(place: Place, vercel: StandIn) -> None:
    wanted = deployed(place, vercel, "swings")
    deployed(place, vercel, "swings")
    other = deployed(place, vercel, "bos")
    back = VercelDeployer(QUICK).roll_back("swings", wanted.commit_hash)
    assert back.status == S.ERROR
    assert "build on a later version of swings" in (back.error or "")
    assert vercel.deployed[vercel.production or ""].sha == other.commit_hash
    assert releases.current_commit("swings") == wanted.commit_hash


def test_rolling_back_to_what_vercel_never_had_switches_this_machine_and_says_so(place: Place, vercel: StandIn) -> None:
    commit = place.commit()
    back = VercelDeployer(QUICK).roll_back("swings", commit)
    assert (back.status, releases.current_commit("swings")) == (S.ERROR, commit)
    assert f"no ready deploy of {commit[:12]}" in (back.error or "")


# Secrets and settings


def test_no_secret_and_no_control_character_reaches_a_log(
    place: Place, vercel: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    nasty = f"\x1b[31mred\x1b[0m {TOKEN} a\x00b"
    vercel.plan = lambda: [Stage("BUILDING", (nasty,)), Stage("ERROR", fields={"errorMessage": f"token {TOKEN}\n bad"})]
    with caplog.at_level("DEBUG"):
        last = run(place.request())[-1]
    assert "red [redacted] ab" in last.logs
    assert last.error == "Vercel's build failed: token [redacted]  bad."
    assert TOKEN not in last.logs + caplog.text
    assert app_logs.redact(f"x {TOKEN}") == "x [redacted]"
    assert TOKEN not in repr(get_settings())


def test_a_long_log_keeps_its_end() -> None:
    log = BuildLog(0)
    for number in range(12_000):
        log.line(f"line {number:06d} {'x' * 60}")
    assert len(log.text) <= CAP
    assert log.text.startswith("[the beginning was left out]\n")
    assert "line 011999" in log.text
    assert "line 000000" not in log.text


BASE = {"VERCEL_TOKEN": TOKEN, "VERCEL_PROJECT": PROJECT, "VERCEL_GIT_REPO_ID": "1"}


@pytest.mark.parametrize(("change", "said"), [
    ({}, None),
    ({"VERCEL_TOKEN": None}, "set VERCEL_TOKEN."),
    ({"VERCEL_TOKEN": " ", "VERCEL_PROJECT": ""}, "set VERCEL_TOKEN and VERCEL_PROJECT."),
    ({"VERCEL_GIT_REPO_ID": None}, "set VERCEL_GIT_REPO_ID, or VERCEL_GIT_ORG and VERCEL_GIT_REPO."),
    ({"VERCEL_GIT_REPO_ID": None, "VERCEL_GIT_ORG": "a", "VERCEL_GIT_REPO": "b"}, None),
    ({"VERCEL_GIT_REPO_ID": None, "VERCEL_GIT_ORG": "a", "VERCEL_GIT_REPO": "b", "VERCEL_GIT_TYPE": "gitlab"}, "GitLab's"),
    ({"VERCEL_API": "http://vercel.example.com"}, "VERCEL_API has to begin with https://"),
])  # fmt: skip
def test_what_is_missing_is_named(place: Place, change: dict[str, str | None], said: str | None) -> None:
    given: dict[str, Any] = {k: v for k, v in (BASE | change).items() if v is not None}
    reason = unusable(Settings(**given))
    assert reason is None if said is None else said in (reason or "")


def test_the_registry_offers_vercel_when_it_is_connected(
    vercel: StandIn, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [(t.name, t.available, t.reason) for t in registry.targets()] == [("local", True, None), ("vercel", True, None)]
    assert isinstance(registry.make("vercel"), VercelDeployer)
    monkeypatch.delenv("VERCEL_TOKEN")
    get_settings.cache_clear()
    assert not registry.targets()[1].available
    with pytest.raises(InvalidInput, match="set VERCEL_TOKEN"):
        registry.make("vercel")
    assert registry.make("local").name == "local"


def test_a_commit_that_is_not_here_is_not_deployed_there(place: Place, vercel: StandIn) -> None:
    with pytest.raises(RepositoryError):
        VercelDeployer(QUICK).create(place.request("0" * 40))
    assert vercel.deployed == {}
