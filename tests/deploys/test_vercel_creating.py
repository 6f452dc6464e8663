"""Creating a deploy at Vercel: what is asked, found again, refused and waited for; its settings and secrets."""

from __future__ import annotations

import time
from dataclasses import replace
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
from tests.support.deploy_folder import QUICK, DeployFolder
from tests.support.fake_vercel import PROJECT, TEAM, TOKEN, FakeVercel, Fault, Stage, problem
from tests.support.processes import slower

S = DeployStatus
CREATE, LIST = r"/v13/deployments", r"/v6/deployments"


def run(request: DeployRequest, pace: Pace = QUICK) -> list[Deployment]:
    deployer = VercelDeployer(pace)
    return list(deployer.follow(deployer.create(request).id))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, {"type": "github", "repoId": "123456"}),
        (
            {"GIT_REPO_ID": "", "GIT_ORG": "team", "GIT_REPO": "patterns"},
            {"type": "github", "org": "team", "repo": "patterns"},
        ),
        ({"GIT_TYPE": "gitlab"}, {"type": "gitlab", "projectId": "123456"}),
        ({"GIT_TYPE": "bitbucket"}, {"type": "bitbucket", "repoUuid": "123456"}),
    ],
)
def test_a_deploy_is_a_production_build_of_the_commit_that_tells_whose_it_is(
    place: DeployFolder,
    vercel: FakeVercel,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    named: dict[str, str],
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


def test_the_deploy_of_the_same_request_is_found_on_a_later_page(place: DeployFolder, vercel: FakeVercel) -> None:
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
def test_a_create_whose_answer_got_lost_makes_no_second_deploy(
    place: DeployFolder, vercel: FakeVercel, status: int
) -> None:
    vercel.faults.append(Fault("POST", CREATE, status, after=True))
    made = VercelDeployer(QUICK).create(place.request())
    assert list(vercel.deployed) == [made.id]


@pytest.mark.parametrize("fault", [
    Fault("POST", CREATE, 500), Fault("POST", CREATE, 503), Fault("POST", CREATE, 0), Fault("GET", LIST, 0),
    Fault("GET", LIST, 200, raw=b"<html>"), Fault("GET", LIST, 200, body=[1]), Fault("POST", CREATE, 200, body={}),
    Fault("POST", CREATE, 200, body={"id": "dpl_late"}, delay_s=0.6),
])  # fmt: skip
def test_a_fault_that_passes_is_asked_again(place: DeployFolder, vercel: FakeVercel, fault: Fault) -> None:
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
    place: DeployFolder, vercel: FakeVercel, status: int, body: Any, said: str
) -> None:
    vercel.faults.append(Fault("POST", CREATE, status, body))
    with pytest.raises(DeployTargetError) as caught:
        VercelDeployer(QUICK).create(place.request())
    assert said in str(caught.value)
    assert len(vercel.asked("POST", CREATE)) == 1
    failure = Failure(caught.value.failure or "", str(caught.value))
    decision = decide(failure, retry_count=0, max_retries=10)
    assert (decision.action, decision.pause_s) == (Action.FAIL, 0.0)
    assert "settings" in (decision.advice or "")


def test_a_wrong_token_and_a_wrong_team_are_refused_by_the_server_itself(
    place: DeployFolder, vercel: FakeVercel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERCEL_TEAM_ID", "team_other")
    get_settings.cache_clear()
    with pytest.raises(DeployTargetError, match="team team_other"):
        VercelDeployer(QUICK).create(place.request())
    monkeypatch.setenv("VERCEL_TOKEN", "vcl_wrong_wrong")
    get_settings.cache_clear()
    with pytest.raises(DeployTargetError, match="set VERCEL_TOKEN to a valid one"):
        VercelDeployer(QUICK).create(place.request())


def test_a_rate_limit_is_waited_for_until_its_reset(place: DeployFolder, vercel: FakeVercel) -> None:
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
def test_a_limit_that_ends_much_later_is_final_and_says_when(
    place: DeployFolder, vercel: FakeVercel, told: Fault
) -> None:
    vercel.faults.append(replace(told))
    error = limited(place)
    assert "it asks to wait until" in str(error)
    failure = Failure(error.failure or "", str(error), error.retry_after_s)
    decision = decide(failure, retry_count=0, max_retries=10)
    assert decision.action == Action.FAIL
    assert (decision.advice or "").startswith("It asked for a pause of ")


def test_a_limit_that_ends_within_the_hour_is_left_to_the_retries(place: DeployFolder, vercel: FakeVercel) -> None:
    vercel.faults.append(Fault("POST", CREATE, 429, headers={"Retry-After": "1800"}))
    error = limited(place)
    failure = Failure(error.failure or "", str(error), error.retry_after_s)
    decision = decide(failure, retry_count=0, max_retries=10)
    assert (decision.action, decision.pause_s) == (Action.RETRY, 1800.0)


@pytest.mark.parametrize("wait", ["inf", "nan", "soon", ""])
def test_a_limit_without_a_usable_time_is_tried_again_like_other_faults(
    place: DeployFolder, vercel: FakeVercel, wait: str
) -> None:  # fmt: skip
    vercel.faults.append(Fault("POST", CREATE, 429, headers={"Retry-After": wait}))
    VercelDeployer(QUICK).create(place.request())
    assert len(vercel.asked("POST", CREATE)) == 2


def limited(place: DeployFolder) -> DeployTargetError:
    with pytest.raises(DeployTargetError, match="rate limit") as caught:
        VercelDeployer(QUICK).create(place.request())
    assert caught.value.failure == "target.rate_limited"
    return caught.value


def test_retries_end_after_the_time_for_them(place: DeployFolder, vercel: FakeVercel) -> None:
    vercel.faults += [Fault("GET", LIST, 503) for _ in range(500)]
    started = time.monotonic()
    with pytest.raises(DeployTargetError, match=r"Vercel has a fault \(503\)") as caught:
        VercelDeployer(replace(QUICK, patience_s=0.5)).create(place.request())
    assert caught.value.failure == "target.unavailable"
    assert time.monotonic() - started < 3 * slower()


def test_a_cancel_while_creating_waits_leaves_nothing_behind(place: DeployFolder, vercel: FakeVercel) -> None:
    far = {"X-RateLimit-Reset": str(time.time() + 4)}
    vercel.faults.append(Fault("POST", CREATE, 429, headers=far))
    started = time.monotonic()
    with pytest.raises(Cancelled):
        VercelDeployer(QUICK).create(place.request(), cancelled=lambda: time.monotonic() > started + 0.2)
    assert time.monotonic() - started < min(2 * slower(), 3.9)  # it was told to wait four seconds
    vercel.faults.append(Fault("POST", CREATE, 500, after=True))
    deployer = VercelDeployer(replace(QUICK, first_pause_s=3.0, patience_s=9.0))
    made = deployer.create(place.request(), cancelled=lambda: True)  # it was made, so it is handed on
    assert [s.status for s in deployer.follow(made.id, cancelled=lambda: True)][-1] == S.CANCELED
    assert vercel.deployed[made.id].state == "CANCELED"


def test_no_secret_and_no_control_character_reaches_a_log(
    place: DeployFolder, vercel: FakeVercel, caplog: pytest.LogCaptureFixture
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
def test_what_is_missing_is_named(place: DeployFolder, change: dict[str, str | None], said: str | None) -> None:
    given: dict[str, Any] = {k: v for k, v in (BASE | change).items() if v is not None}
    reason = unusable(Settings(**given))
    assert reason is None if said is None else said in (reason or "")


def test_the_registry_offers_vercel_when_it_is_connected(
    vercel: FakeVercel, place: DeployFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [(t.name, t.available, t.reason) for t in registry.targets()] == [
        ("local", True, None),
        ("vercel", True, None),
    ]
    assert isinstance(registry.make("vercel"), VercelDeployer)
    monkeypatch.delenv("VERCEL_TOKEN")
    get_settings.cache_clear()
    assert not registry.targets()[1].available
    with pytest.raises(InvalidInput, match="set VERCEL_TOKEN"):
        registry.make("vercel")
    assert registry.make("local").name == "local"


def test_a_commit_that_is_not_here_is_not_deployed_there(place: DeployFolder, vercel: FakeVercel) -> None:
    with pytest.raises(RepositoryError):
        VercelDeployer(QUICK).create(place.request("0" * 40))
    assert vercel.deployed == {}
