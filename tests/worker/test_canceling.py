"""A cancel in each phase, of both agents and both targets: soon no process of the run is left, and the next run starts clean."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from services import releases
from services.detectors.repository import git
from tests.support.fake_model import Model, slow_in, succeeds, thinking, writes
from tests.support.fake_vercel import PROJECT, TEAM, TOKEN, Stage, serving
from tests.support.installation import Installation
from tests.support.processes import eventually, lives, slower
from tests.support.run_checks import SOON, assert_canceled

NONSENSE = writes("detectors/swings.py", "SPEC = 1\n")


@dataclass(frozen=True)
class Case:
    """Where the run is caught: what makes it stay there long enough, and whether it is asleep without a process."""

    agent: str
    phase: str
    prepare: str = ""
    target: str = "local"
    behaviour: Callable[..., list] | None = None  # type: ignore[type-arg]
    env: dict[str, str] = field(default_factory=dict)
    of_agent: bool = True  # whether processes of the run are there to be ended

    @property
    def name(self) -> str:
        return f"{self.agent}, {self.phase}" + (", vercel" if self.target == "vercel" else "")


CASES = [
    Case("tuner", "planning"),
    Case("tuner", "implementing", env={"TUNER_POINTS": "1000"}),
    Case("tuner", "testing", "tests.support.worker_overrides:endless_contract"),
    Case("tuner", "refining", "tests.support.worker_overrides:endless_search_agent"),
    Case("tuner", "deploying", "tests.support.worker_overrides:endless_local_deploy"),
    Case("tuner", "deploying", target="vercel", of_agent=False),
    Case("claude", "planning", behaviour=slow_in("plan", 60, succeeds)),
    Case("claude", "implementing", behaviour=slow_in("implement", 60, succeeds)),
    Case("claude", "testing", "tests.support.worker_overrides:endless_contract", behaviour=succeeds),
    Case("claude", "refining", behaviour=slow_in("refine", 60, NONSENSE)),
    Case("claude", "deploying", "tests.support.worker_overrides:endless_local_deploy", behaviour=succeeds),
]


def completed_phases(installation: Installation, execution_id: uuid.UUID) -> set[str]:
    return {name for name, state in installation.get(execution_id).phases.items() if state.status == "completed"}


@pytest.fixture
def model(confined: None) -> Iterator[tuple[Model, dict[str, str]]]:
    with thinking() as (made, env, tried):
        yield made, env
        assert tried == []


# One of each agent; the other phases only end another child process.
SHORT = ("tuner, implementing", "claude, implementing")


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=() if case.name in SHORT else pytest.mark.long) for case in CASES],
)
def test_cancel(installation: Installation, model: tuple[Model, dict[str, str]], case: Case) -> None:
    made, env = model
    workspace_id, live = installation.workspace_id(), releases.current_commit("swings")
    with serving() as vercel:
        vercel.plan = lambda: [Stage("BUILDING", ("Building",))]
        env |= {"VERCEL_TOKEN": TOKEN, "VERCEL_PROJECT": PROJECT, "VERCEL_TEAM_ID": TEAM, "VERCEL_GIT_REPO_ID": "1",
                "VERCEL_API": vercel.url}  # fmt: skip
        made.behaviour = case.behaviour or succeeds
        worker = installation.worker(prepare=case.prepare, **env | case.env)
        execution_id = installation.launch(workspace_id, agent=case.agent, deploy_target=case.target)

        def inside() -> bool:
            busy = bool(worker.process.children(recursive=True))
            there = busy if case.of_agent else bool(vercel.deployed)
            return installation.get(execution_id).row.phase == case.phase and there

        assert eventually(inside, 60), installation.get(execution_id)
        family = worker.process.children(recursive=True)
        installation.cancel(execution_id)
        asked = alive = time.monotonic()
        while (busy := left(worker.process, family)) or installation.get(execution_id).row.status == "running":
            assert time.monotonic() - asked < SOON * slower(), busy
            alive = time.monotonic() if busy else alive
            time.sleep(0.02)
        ended = time.monotonic() - asked
        print(f"{case.name}: the last process was gone after {alive - asked:.2f} s, the run ended after {ended:.2f} s")
        assert_canceled(installation, execution_id)
        assert [d.state for d in vercel.deployed.values()] == ["CANCELED"] * (case.target == "vercel")
    assert releases.current_commit("swings") == live
    assert {s for (s,) in installation.sql("SELECT state FROM feedback_items")} == {"open"}
    if case.phase == "implementing":  # of each agent: what follows starts clean
        made.behaviour = succeeds
        again = installation.launch(workspace_id, agent=case.agent)
        assert eventually(lambda: "planning" in completed_phases(installation, again), 60)
        installation.cancel(again)
        installation.wait(again)


def left(worker: psutil.Process, family: list[psutil.Process]) -> list[psutil.Process]:
    """What of the run is alive: what was there at the cancel, and what the worker has started since."""
    return [p for p in {*family, *worker.children(recursive=True)} if lives(p)]


HANGS = """#!/bin/sh
while read old new ref; do
    if [ "$ref" = refs/heads/main ]; then touch hanging; sleep 300; fi
done
"""


@pytest.mark.long
def test_cancel_while_a_push_hangs(installation: Installation, tmp_path: Path) -> None:
    """The version is live, and the remote does not answer: the pattern goes back to what it ran."""
    live, main = releases.current_commit("swings"), git(installation.repository, "rev-parse", "main")
    origin = tmp_path / "origin"
    git(installation.root, "init", "--bare", "--initial-branch", "main", str(origin))
    git(installation.repository, "remote", "add", "origin", str(origin))
    git(installation.repository, "push", "origin", "main")
    hook = origin / "hooks" / "pre-receive"
    hook.write_text(HANGS)
    hook.chmod(0o755)
    worker = installation.worker()
    execution_id = installation.launch(installation.workspace_id())
    assert eventually((origin / "hanging").exists, 60), installation.get(execution_id)
    family = worker.process.children(recursive=True)
    installation.cancel(execution_id)
    asked = time.monotonic()
    installation.wait(execution_id, seconds=SOON)
    print(f"a push that hangs: the run ended after {time.monotonic() - asked:.2f} s")
    assert eventually(lambda: not left(worker.process, family), SOON)  # its last own git command may still run
    assert_canceled(installation, execution_id)
    assert (releases.current_commit("swings"), git(installation.repository, "rev-parse", "main")) == (live, main)
    assert git(origin, "rev-parse", "main") == main
    hook.unlink()
    assert installation.run(installation.workspace_id()).current_version == "0.1.1"
