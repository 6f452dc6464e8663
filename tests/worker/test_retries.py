"""Deploys that fail again and again, by a real worker: nine times and then well, or at all eleven attempts."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services import releases, storage
from services.executions import ExecutionDetail
from services.settings import get_settings
from services.worker.decisions import RULES
from tests.support.fake_vercel import PROJECT, TEAM, TOKEN, FakeVercel, Stage, ready, serving
from tests.support.installation import Installation
from tests.support.processes import eventually

BRISK = "tests.support.worker_overrides:shortest_pauses"
PAUSES = [0.1, 0.2, *[0.4] * 8]  # as decided after each of ten failures under `brisk`
LONG = 300.0  # eleven attempts on a busy machine
BROKEN = "SPEC = 1\n"


@pytest.fixture
def vercel() -> Iterator[FakeVercel]:
    with serving() as stand_in:
        yield stand_in


def failing(times: int) -> Callable[[], list[Stage]]:
    """Plans for the stand-in: each build fails with a line of its own, so many times."""
    numbers = itertools.count(1)

    def plan() -> list[Stage]:
        number = next(numbers)
        if number > times:
            return [Stage("BUILDING", ("Building",)), ready()]
        said = f"Build {number}: ModuleNotFoundError: No module named 'requests'"
        return [Stage("BUILDING", (said,)), Stage("ERROR", (), {"errorMessage": f"Command exited with {number}"})]

    return plan


def on_vercel(installation: Installation, vercel: FakeVercel) -> uuid.UUID:
    installation.worker(
        prepare=BRISK, VERCEL_TOKEN=TOKEN, VERCEL_PROJECT=PROJECT, VERCEL_TEAM_ID=TEAM, VERCEL_GIT_REPO_ID="123456",
        VERCEL_API=vercel.url, NO_PROXY="*",
    )  # fmt: skip
    return installation.launch(installation.workspace_id(), deploy_target="vercel")


def assert_readable(installation: Installation, found: ExecutionDetail, failures: int, kind: str) -> list[str]:
    """Every attempt that failed is there with its reason, its decision and its logs. Returns the deploys' logs."""
    attempts, root = found.attempts, get_settings().storage_root
    final = found.row.status == "failed"
    assert [a.number for a in attempts] == list(range(1, failures + (not final) + 1))
    retried = ["retry"] * (failures - final)
    assert [a.outcome for a in attempts] == [*retried, "failed" if final else "completed"]
    assert all(a.ended_at > a.started_at for a in attempts)
    failed = installation.messages(found.row.id, "deploy_failed")
    assert [m["data"]["retry_count"] for m in failed] == list(range(failures))
    assert [m["data"]["will_retry"] for m in failed] == [True] * (failures - final) + [False] * final
    retries = [m["data"] for m in installation.messages(found.row.id, "deploy_retry")]
    count = failures - final
    assert [(r["retry_number"], r["max_retries"]) for r in retries] == [(n, 10) for n in range(1, count + 1)]
    assert [r["previous_error"] for r in retries] == [m["data"]["error"] for m in failed[:count]]
    assert found.row.retry_count == count
    logs = []
    for attempt, message in zip(attempts, failed, strict=False):
        assert attempt.follow_up.kind == kind
        assert attempt.reason == message["data"]["error"]
        assert f"attempt {attempt.number}" in storage.get(root, attempt.log_key).decode()
        logs.append(storage.get(root, attempt.deploy_log_key).decode())
        assert f"Failed: {message['data']['error']}" in logs[-1]
        assert f"Failed: {message['data']['error']}" in message["data"]["logs"]
    assert [a.follow_up.pause_s for a in attempts[:count]] == PAUSES[:count]
    assert_paused(installation, found.row.id, PAUSES[:count])
    return logs


def assert_paused(installation: Installation, execution_id: uuid.UUID, pauses: list[float]) -> None:
    """No retry was told of before its pause was over."""
    times: dict[str, list[float]] = {}
    for kind in ("deploy_failed", "deploy_retry"):
        rows = installation.sql(
            "SELECT extract(epoch FROM created_at)::float8 FROM workspace_messages WHERE execution_id = %s AND type = %s "
            "ORDER BY seq", execution_id, kind,
        )  # fmt: skip
        times[kind] = [at for (at,) in rows]
    for failed, told, pause in zip(times["deploy_failed"], times["deploy_retry"], pauses, strict=False):
        assert told - failed >= pause


def advice(kind: str) -> str:
    return f"All 10 retries are spent. {RULES[kind].advice}"


@pytest.mark.long
def test_vercel_nine_builds_fail_and_the_tenth_is_live(new_installation: Installation, vercel: FakeVercel) -> None:
    installation, vercel.plan = new_installation, failing(9)
    found = installation.wait(on_vercel(installation, vercel), seconds=LONG)
    assert found.row.status == "completed", found.row.error
    logs = assert_readable(installation, found, 9, "deploy.failed")
    assert [f"Build {n}: " in log for n, log in enumerate(logs, 1)] == [True] * 9
    assert {a.follow_up.action for a in found.attempts[:9]} == {"refine"}
    deployed = list(vercel.deployed.values())
    assert [d.meta["patterndeskAttempt"] for d in deployed] == [str(n) for n in range(1, 11)]
    assert [a.deployment_id for a in found.attempts] == [d.id for d in deployed]
    assert vercel.production == deployed[-1].id
    assert releases.current_commit("swings") == deployed[-1].sha
    told = [m for m in installation.messages(found.row.id, "claude_checkpoint") if "went back to the agent" in str(m)]
    assert len(told) == 9, "each log was given to the agent"
    assert len(installation.messages(found.row.id, "deploy_success")) == 1
    assert installation.status(installation.workspace_id()) == "beta"
    installation.assert_at_rest()


@pytest.mark.long
def test_vercel_all_eleven_builds_fail(new_installation: Installation, vercel: FakeVercel) -> None:
    installation, vercel.plan = new_installation, failing(100)
    found = installation.wait(on_vercel(installation, vercel), seconds=LONG)
    assert found.row.status == "failed"
    logs = assert_readable(installation, found, 11, "deploy.failed")
    assert [f"Build {n}: " in log for n, log in enumerate(logs, 1)] == [True] * 11
    assert found.row.error == f"Vercel's build failed: Command exited with 11. {advice('deploy.failed')}"
    assert found.attempts[-1].follow_up.advice == advice("deploy.failed")
    assert len(vercel.deployed) == 11
    assert vercel.production is None
    assert releases.current_commit("swings") is None
    assert installation.status(installation.workspace_id()) == "soon"
    assert not installation.commits_of(found.row.id)
    installation.assert_at_rest()


@pytest.mark.long
def test_locally_nine_releases_cannot_be_written_and_the_tenth_can(new_installation: Installation) -> None:
    """A machine that can't write is no fault of the change, so the agent is not asked; a person mends the machine."""
    installation, folder = new_installation, new_installation.root / "releases"
    in_the_way(folder)
    installation.worker(prepare=BRISK)
    execution_id = installation.launch(installation.workspace_id())
    assert eventually(lambda: len(installation.messages(execution_id, "deploy_failed")) == 9, LONG)
    folder.unlink()
    found = installation.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert_readable(installation, found, 9, "target.unavailable")
    assert {a.follow_up.action for a in found.attempts[:9]} == {"retry"}
    assert "went back to the agent" not in str(installation.messages(execution_id, "claude_checkpoint"))
    assert releases.current_commit("swings") is not None
    installation.assert_at_rest()


@pytest.mark.long
def test_locally_all_eleven_deploys_fail(new_installation: Installation) -> None:
    """Another pattern's detector is broken on main: each build says so, and the agent of this one can't mend it."""
    installation = new_installation
    installation.person_commits({"detectors/broken.py": BROKEN})
    installation.worker(prepare=BRISK)
    found = installation.wait(installation.launch(installation.workspace_id()), seconds=LONG)
    assert found.row.status == "failed"
    logs = assert_readable(installation, found, 11, "deploy.failed")
    assert all("detectors/broken.py has no detect" in log for log in logs)
    assert (found.row.error or "").endswith(advice("deploy.failed"))
    assert (found.row.deploy_status, found.row.retry_count) == ("error", 10)
    assert releases.current_commit("swings") is None
    assert installation.status(installation.workspace_id()) == "soon"
    installation.assert_at_rest()


def in_the_way(path: Path) -> None:
    """A file where a folder has to be: nothing can be written below it, not even by root."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        path.rmdir()
    path.write_text("")
