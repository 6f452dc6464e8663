"""What the agent works with here: a real worktree of the starter repository, the fake API, a trap for other connections.

The real SDK and its command line run here, with a made-up key, against loopback alone. Nothing of this machine's own
environment reaches them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.agents.claude.agent import ClaudeAgent
from services.detectors import repository
from services.settings import Settings
from tests.support.agent_setup import KEY, AgentSetup
from tests.support.messages_api import MessagesApi, running, trap


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter repository."""
    path = tmp_path_factory.mktemp("claude") / "patterns"
    repository.ensure_repository(path)
    return path


@pytest.fixture
def api() -> Iterator[MessagesApi]:
    with running() as server:
        yield server


@pytest.fixture
def agent_setup(confined: None, api: MessagesApi, origin: Path, tmp_path: Path) -> Iterator[AgentSetup]:
    execution_id = uuid.uuid4()
    folder = tmp_path / str(execution_id)
    repository.create_worktree(origin, repository.head(origin, "refs/heads/main"), folder / "tree")
    with trap() as (proxy, tried):
        settings = Settings.model_construct(
            **{name: info.get_default() for name, info in Settings.model_fields.items()},
        ).model_copy(
            update={
                "anthropic_api_key": SecretStr(KEY), "anthropic_base_url": api.url, "claude_proxy": proxy,
                "claude_max_retries": 1, "claude_idle_s": 20.0, "claude_deadline_s": 60.0,
            }
        )  # fmt: skip
        agent_setup = AgentSetup(api, ClaudeAgent(settings), settings, folder, origin, execution_id, tried)
        yield agent_setup
        left = agent_setup.alive()
        repository.remove_worktree(origin, folder / "tree")
        assert tried == [], "the agent tried to reach somebody else"
        assert left == [], "the agent left processes behind"
        assert {asked.key for asked in api.asked} <= {KEY}
