"""The agent's process when nobody listens: a frozen worker can't stop it, so it stops by itself."""

from __future__ import annotations

import subprocess
import time

import pytest

from services.agents.claude import confinement, runner
from services.agents.claude.job import Job, commands_for
from services.agents.claude.results import PlanAnswer, schema_of
from services.detectors.bundle import owned_paths
from tests.support.agent_setup import PATTERN, AgentSetup, wait_for
from tests.support.messages_api import Turn, text


@pytest.mark.long
def test_it_ends_at_its_deadline_with_all_that_it_started(agent_setup: AgentSetup) -> None:
    agent_setup.api.script = [Turn([text("…")], hang=True)]
    home = agent_setup.folder / "claude"
    confinement.prepare_home(home)
    job = Job(
        phase="plan", worktree=str(agent_setup.worktree), prompt="Plan.", session_id=str(agent_setup.execution_id), resume=False,
        model=agent_setup.settings.claude_model, max_turns=5, budget_usd=1.0, deadline_s=8.0 - runner.GRACE_S,
        owned=owned_paths(PATTERN), commands=commands_for(PATTERN), answer_schema=schema_of(PlanAnswer),
    )  # fmt: skip
    command = [*confinement.command_for(agent_setup.worktree, home, may_write=False), *confinement.python_command()]
    started = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        env=confinement.environment(agent_setup.settings, home), start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(job.model_dump_json().encode())
    process.stdin.close()
    assert wait_for(lambda: bool(agent_setup.alive()), 10)
    process.wait(timeout=60)
    assert time.monotonic() - started >= 8.0
    assert wait_for(lambda: not agent_setup.alive(), 5), agent_setup.alive()
