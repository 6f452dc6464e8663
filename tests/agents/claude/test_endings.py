"""How a phase ends when a limit, a kill or a person ends it: the kind of failure, the sentence, what is left."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest

from services.agents.claude import confinement
from services.agents.claude.faults import AgentFault
from services.agents.claude.spend import spent_in
from services.agents.protocol import Plan
from services.errors import Cancelled
from tests.support.agent_setup import ONE_CALL, PLAN, AgentSetup, wait_for
from tests.support.messages_api import Turn, answer, text, use
from tests.support.processes import slower


def fault_of(agent_setup: AgentSetup) -> AgentFault:
    with pytest.raises(AgentFault) as raised:
        agent_setup.agent.plan(agent_setup.work(), None)
    return raised.value


def test_a_silent_stream_is_stopped_and_its_cost_counted(agent_setup: AgentSetup) -> None:
    agent_setup.with_settings(claude_idle_s=6.0, claude_max_retries=0)
    agent_setup.api.script = [
        Turn([use("Read", file_path=str(agent_setup.worktree / "AGENTS.md"))]),
        Turn([text("…")], hang=True),
    ]
    fault = fault_of(agent_setup)
    assert (fault.failure, str(fault)) == ("agent.silent", "Claude was silent for 6 seconds and was stopped.")
    assert spent_in(agent_setup.folder).cost_usd > ONE_CALL  # the second answer's start counts too
    assert agent_setup.alive() == []


@pytest.mark.long
def test_the_deadline_ends_a_busy_agent(agent_setup: AgentSetup) -> None:
    agent_setup.with_settings(claude_deadline_s=8.0, claude_max_turns=1000)
    agent_setup.api.script, agent_setup.api.forever = (
        [Turn([use("Read", file_path=str(agent_setup.worktree / "AGENTS.md"))])],
        True,
    )
    fault = fault_of(agent_setup)
    assert fault.failure == "agent.deadline"
    assert "was stopped" in str(fault)


@pytest.mark.long
def test_turns_and_budget_have_an_end(agent_setup: AgentSetup) -> None:
    agent_setup.with_settings(claude_max_turns=2)
    agent_setup.api.script, agent_setup.api.forever = (
        [Turn([use("Read", file_path=str(agent_setup.worktree / "AGENTS.md"))])],
        True,
    )
    fault = fault_of(agent_setup)
    assert (fault.failure, str(fault)) == ("agent.turns", "Claude did not finish within 2 turns.")
    agent_setup.with_settings(
        claude_max_turns=50, claude_budget_usd=spent_in(agent_setup.folder).cost_usd + ONE_CALL / 2
    )
    fault = fault_of(agent_setup)
    assert (fault.failure, "spent the execution's budget of $" in str(fault)) == ("agent.budget", True)
    asked = len(agent_setup.api.asked)
    fault = fault_of(agent_setup)
    assert fault.failure == "agent.budget"
    assert len(agent_setup.api.asked) == asked, "an execution without budget asks nobody"


def test_an_answer_in_another_form(agent_setup: AgentSetup) -> None:
    agent_setup.api.script, agent_setup.api.forever = [Turn([text("I would rather chat.")])], True
    fault = fault_of(agent_setup)
    assert fault.failure == "agent.no_answer"
    assert str(fault) == "Claude ended without an answer in the agreed form."


def test_cancel_in_the_middle_of_an_answer(agent_setup: AgentSetup) -> None:
    asked = threading.Event()
    agent_setup.cancelled = lambda: asked.is_set() and bool(agent_setup.alive())
    agent_setup.api.script = [Turn([text("…")], hang=True, on_ask=asked.set)]
    _cancelled_in_time(agent_setup, asked)


@pytest.mark.long
def test_cancel_while_its_tests_run(agent_setup: AgentSetup) -> None:
    tests, started = agent_setup.worktree / "tests/test_swings.py", agent_setup.worktree / "started"
    slow = "import pathlib, time\n\ndef test_slow():\n    pathlib.Path('started').touch()\n    time.sleep(60)\n"
    agent_setup.api.script = [
        Turn([use("Read", file_path=str(tests))]),
        Turn([use("Write", file_path=str(tests), content=slow),
              use("Bash", command="python -m pytest -q tests/test_swings.py")]),
    ]  # fmt: skip
    asked = threading.Event()
    agent_setup.cancelled = asked.is_set
    threading.Thread(target=lambda: wait_for(started.exists, 60) and asked.set(), daemon=True).start()
    _cancelled_in_time(agent_setup, asked)


def _cancelled_in_time(agent_setup: AgentSetup, asked: threading.Event) -> None:
    since: list[float] = []
    threading.Thread(target=lambda: asked.wait(60) and since.append(time.monotonic()), daemon=True).start()
    with pytest.raises(Cancelled):
        agent_setup.agent.implement(agent_setup.work(), None, Plan("s"))
    assert time.monotonic() - since[0] < 2.0 * slower()
    assert agent_setup.alive() == []


def test_killed_and_run_again_goes_on_in_the_same_conversation(agent_setup: AgentSetup) -> None:
    target = agent_setup.worktree / "detectors/swings.py"

    def kept() -> bool:
        """The command line writes its conversation a moment after it goes on."""
        files = (agent_setup.folder / "claude" / "config" / "projects").glob("*/*.jsonl")
        return any("Begun." in file.read_text() for file in files)

    def kill() -> None:
        assert wait_for(kept, 20)
        for process in psutil.process_iter(["cmdline"]):
            if str(agent_setup.folder) in " ".join(process.info["cmdline"] or ()) and process.name() == "bwrap":
                process.kill()

    agent_setup.api.script = [
        Turn([text("Begun."), use("Read", file_path=str(target))]),
        Turn([text("…")], hang=True, on_ask=kill),
    ]
    fault = fault_of(agent_setup)
    assert fault.failure == "agent.killed"
    assert "ended without an answer" in str(fault)
    spent = spent_in(agent_setup.folder).cost_usd
    assert spent >= ONE_CALL
    agent_setup.api.script = [answer(**PLAN)]
    agent_setup.agent.plan(agent_setup.work(), None)
    assert "Begun." in agent_setup.api.asked[-1].said()
    assert spent_in(agent_setup.folder).cost_usd == pytest.approx(spent + ONE_CALL)


def test_nothing_outlives_a_killed_worker(agent_setup: AgentSetup) -> None:
    home = agent_setup.folder / "claude"
    confinement.prepare_home(home)
    lasting = ["sh", "-c", "setsid sleep 600 & touch up; setsid -f sleep 600; sleep 600"]
    command = [*confinement.command_for(agent_setup.worktree, home, may_write=True), *lasting]
    script = f"""
        from services.agents.claude import process
        process.run({command!r}, {{"PATH": "/usr/bin:/bin"}}, b"", watch=process.Watch(60, 60), cancelled=lambda: False,
                    on_event=print)
    """
    worker = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], cwd=Path(__file__).parents[3])
    try:
        assert wait_for((agent_setup.worktree / "up").exists, 30)
        assert wait_for(lambda: len(psutil.Process(worker.pid).children(recursive=True)) >= 5, 10)
        family = psutil.Process(worker.pid).children(recursive=True)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert wait_for(lambda: not any(map(_lives, family)), 5)
    assert agent_setup.alive() == []


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def test_planning_sees_a_read_only_worktree(agent_setup: AgentSetup) -> None:
    home = agent_setup.folder / "claude"
    confinement.prepare_home(home)
    for may_write in (False, True):
        command = confinement.command_for(agent_setup.worktree, home, may_write=may_write)
        done = subprocess.run(
            [*command, "sh", "-c", "touch detectors/x && echo x >> .git"], capture_output=True, env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert done.returncode != 0
        assert b"Read-only" in done.stderr
        assert (agent_setup.worktree / "detectors/x").exists() is may_write
    assert done.stderr.count(b".git") == 1, "where the repository is can't be changed, even while writing"
