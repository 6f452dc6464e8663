"""Claude through real workers: the real SDK and command line, in its namespaces, against the stand-in for the model."""

from __future__ import annotations

import shutil
import signal
import uuid
from collections.abc import Iterator

import pytest

from services import actions, executions, feedback, releases, sessions
from services.database.engine import transaction
from services.detectors.bundle import read_params
from services.detectors.repository import git
from services.executions import ExecutionDetail
from services.lifecycle import Verdict
from tests.support.fake_model import KEY, Model, changes_nothing, thinking, tries_what_is_forbidden, writes
from tests.support.fake_vercel import PROJECT, TEAM, TOKEN, FakeVercel, Stage, ready, serving
from tests.support.installation import Installation
from tests.support.processes import eventually, gone
from tests.support.run_checks import assert_each_event_once

ONE_CALL = (1000 * 2.0 + 200 * 0.1 + 50 * 10.0) / 1e6  # the stand-in's usage at the pinned model's list price
Claude = tuple[Model, dict[str, str]]


@pytest.fixture
def claude(confined: None) -> Iterator[Claude]:
    with thinking() as (model, env, tried):
        yield model, env
        assert tried == [], "the agent tried to reach somebody else"
        assert {a.key for a in model.asked} <= {KEY}
        assert model.others == []


@pytest.fixture
def vercel() -> Iterator[tuple[FakeVercel, dict[str, str]]]:
    with serving() as stand_in:
        stand_in.plan = lambda: [Stage("BUILDING", ("Building",)), ready()]
        yield stand_in, {
            "VERCEL_TOKEN": TOKEN, "VERCEL_PROJECT": PROJECT, "VERCEL_TEAM_ID": TEAM, "VERCEL_GIT_REPO_ID": "123456",
            "VERCEL_API": stand_in.url, "NO_PROXY": "*",
        }  # fmt: skip


def assert_paid(installation: Installation, found: ExecutionDetail, model: Model) -> None:
    """What the stand-in was asked for is what the execution and its attempt say it cost."""
    ours = [a for a in model.asked if str(installation.root) in a.said()]
    assert float(found.row.cost_usd) == pytest.approx(len(ours) * ONE_CALL)
    assert sum(float(a.cost_usd) for a in found.attempts) == pytest.approx(float(found.row.cost_usd))
    assert (found.input_tokens, found.output_tokens) == (len(ours) * 1200, len(ours) * 50)


def judge(installation: Installation, workspace_id: uuid.UUID) -> uuid.UUID:
    """A session in which every inside bar that is larger than half of the one before is wrong, and the others right."""
    dataset = installation.dataset()
    made = actions.run_session(
        workspace_id,
        dataset_id=dataset[0],
        start_index=1000,
        end_index=1099,
        coverage="partial",
        actor=installation.member,
    )
    candles = actions.session_candles(_detail(made))
    size = (candles["high"] - candles["low"]).to_dict()
    with transaction() as session:
        for mark in sessions.marks(session, made).to_dict("records"):
            at = int(mark["anchor_index"])
            verdict = Verdict.CONFIRMED if size[at] <= 0.5 * size.get(at - 1, 1e9) else Verdict.FALSE_POSITIVE
            feedback.judge(
                session, uuid.UUID(mark["detection_id"]), verdict, reason="@/etc/passwd", actor=installation.member
            )
        sessions.complete(session, made, actor=installation.member)
    return made


def _detail(session_id: uuid.UUID) -> sessions.SessionDetail:
    with transaction() as session:
        return sessions.get(session, session_id)


@pytest.mark.long
def test_from_a_description_to_beta_and_from_corrections_to_the_next_version(
    new_installation: Installation, claude: Claude
) -> None:
    installation, (model, env) = new_installation, claude
    workspace_id = installation.workspace("inside_bar")
    installation.worker(**env)
    first = installation.run(workspace_id, agent="claude")
    assert model.seen.refused == []
    assert model.seen.phases == ["inside_bar plan", "inside_bar implement"]
    assert_each_event_once(installation, first.row.id)
    assert (first.current_version, installation.status(workspace_id)) == ("0.1.0", "beta")
    assert first.files_changed == ["detectors/inside_bar.py", "tests/test_inside_bar.py"]
    assert "class" not in installation.read("detectors/inside_bar.py")
    assert (
        first.row.commit_hash
        == git(installation.repository, "rev-parse", "main")
        == releases.current_commit("inside_bar")
    )
    assert git(installation.repository, "log", "-1", "--format=%an") == "Claude"
    assert first.test_report is not None
    assert first.test_report is not None and first.test_report.passed
    assert any("4 passed" in str(a.results()) for a in model.asked), "the agent ran its own tests, in its sandbox"
    authors = installation.sql("SELECT DISTINCT author_type FROM workspace_messages WHERE type LIKE 'claude%%'")
    assert authors == [("claude",)]
    assert_paid(installation, first, model)

    judge(installation, workspace_id)
    count = len(model.asked)
    second = installation.run(workspace_id, agent="claude")
    assert model.seen.refused == []
    assert_each_event_once(installation, second.row.id)
    assert (second.current_version, second.files_changed) == ("0.2.0", ["detectors/inside_bar.py"])
    assert '"depth", "float", 0.5' in installation.read("detectors/inside_bar.py")
    said = model.asked[count].said()
    assert "@/etc/passwd" in said
    assert "root:" not in said
    with transaction() as session:
        replay = executions.replay(session, second.row.id)
    assert replay is not None
    assert (len(replay.fixed_ids) > 0, replay.broken_ids) == (True, ())
    states = dict(installation.sql("SELECT verdict, min(state) FROM feedback_items GROUP BY verdict"))
    assert states == {"confirmed": "open", "false_positive": "addressed"}
    installation.assert_at_rest()


@pytest.mark.long
def test_a_repair_that_deploys_to_vercel(
    installation: Installation, claude: Claude, vercel: tuple[FakeVercel, dict[str, str]]
) -> None:
    (model, env), (stand_in, target) = claude, vercel
    installation.worker(**env | target | {"NO_PROXY": "127.0.0.1"})
    found = installation.run(installation.workspace_id(), agent="claude", deploy_target="vercel")
    assert model.seen.refused == []
    assert_each_event_once(installation, found.row.id)
    assert read_params(installation.repository, "swings") == {"left": 5, "right": 3, "prominence": 0.0}
    (deployed,) = stand_in.deployed.values()
    assert (deployed.sha, stand_in.production) == (found.row.commit_hash, deployed.id)
    assert found.deploy_url == f"https://{deployed.id}.vercel.app"
    assert_paid(installation, found, model)
    installation.assert_at_rest()


def gone_wrong(installation: Installation, claude: Claude) -> ExecutionDetail:
    """The run with its agent's behaviour; nothing of it is live or on main."""
    _, env = claude
    live, main = releases.current_commit("swings"), git(installation.repository, "rev-parse", "main")
    installation.worker(**env)
    found = installation.wait(installation.launch(installation.workspace_id(), agent="claude"))
    assert (releases.current_commit("swings"), git(installation.repository, "rev-parse", "main")) == (live, main)
    assert installation.messages(found.row.id, "deploy_started") == []
    installation.assert_at_rest()
    return found


@pytest.mark.long
def test_an_agent_that_changes_nothing_completes_and_says_so(installation: Installation, claude: Claude) -> None:
    claude[0].behaviour = changes_nothing()
    found = gone_wrong(installation, claude)
    assert (found.row.status, found.row.commit_hash, found.summary) == ("completed", None, "Did it.")
    assert {
        s for (s,) in installation.sql("SELECT DISTINCT state FROM feedback_items WHERE verdict <> 'confirmed'")
    } == {"open"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        pytest.param(
            "tests/test_swings.py",
            "def test_nothing():\n    assert True\n",
            "takes away the test test_",
            id="tests cut down",
        ),
        pytest.param(
            "detectors/swings.py",
            "",
            "failed",
            id="detector emptied",
        ),
    ],
)
def test_changes_that_the_gates_refuse(
    installation: Installation, claude: Claude, path: str, content: str, said: str
) -> None:
    claude[0].behaviour = writes(path, content)
    found = gone_wrong(installation, claude)
    assert found.row.status == "failed"
    told = [c.details or "" for c in found.checkpoints if c.text == "The refusal went back to the agent"]
    assert len(told) == 1, "it had one chance to mend it"
    assert said in told[0]
    assert said in (found.row.error or "")
    assert found.current_version == "0.1.0"


@pytest.mark.long
def test_an_agent_that_reaches_beyond_its_files_is_refused_at_each_try(
    installation: Installation, claude: Claude
) -> None:
    """Other patterns' files, the guide, paths outside, git, a shell of its own: so in the end there was no change."""
    outside = ("detectors/base.py", "AGENTS.md", "../../../outside.txt", "/tmp/outside.txt", ".git")
    claude[0].behaviour = tries_what_is_forbidden(*outside)
    found = gone_wrong(installation, claude)
    assert (found.row.status, found.row.commit_hash) == ("completed", None)
    assert len(claude[0].seen.refused) == len(outside) + 4
    assert not list(installation.root.glob("**/outside.txt"))


@pytest.mark.long
@pytest.mark.parametrize("lost", ["with its machine", "not at all"])
def test_what_a_killed_agent_spent_is_counted_once(installation: Installation, claude: Claude, lost: str) -> None:
    """The worker dies while the agent thinks; the next one goes on, in the same conversation or in a new one."""
    model, env = claude
    model.delay_s = 0.7
    first = installation.worker(**env)
    execution_id = installation.launch(installation.workspace_id(), agent="claude")
    assert eventually(lambda: float(installation.get(execution_id).row.cost_usd) > 0, 40), "it shows while it runs"
    assert eventually(lambda: "swings implement" in model.seen.phases, 40)
    children = first.signal(signal.SIGKILL)
    assert first.ended()
    assert gone(children)
    model.delay_s = 0.0
    if lost == "with its machine":
        shutil.rmtree(installation.root / "work")
        git(installation.repository, "worktree", "prune")
    paid = float(installation.get(execution_id).row.cost_usd)
    installation.worker(**env)
    found = installation.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert_each_event_once(installation, execution_id)
    answered = len(model.asked)
    counted = float(found.row.cost_usd) / ONE_CALL
    assert paid / ONE_CALL < counted <= answered + 1e-6
    if lost == "not at all":
        assert counted >= answered - 1.01, "but for the answer that the kill cut off"
    installation.assert_at_rest()
