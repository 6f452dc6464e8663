"""Which agents there are on this machine, and whether each can work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.agents.claude import agent as claude
from services.agents.protocol import Agent, Used
from services.agents.tuner import Tuner
from services.errors import InvalidInput
from services.rules import agent_name
from services.settings import get_settings


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """An agent as screens and `patterndesk info` show it; `reason` says what is missing when it is not available."""

    name: str
    title: str
    available: bool
    reason: str | None


def agents() -> list[AgentInfo]:
    """All agents, the default first: Claude where it is connected, else the tuner."""
    reason = claude.unavailable(get_settings())
    known = [
        AgentInfo("claude", agent_name("claude"), reason is None, reason),
        AgentInfo("tuner", f"{agent_name('tuner')} (parameter search)", True, None),
    ]
    return sorted(known, key=lambda info: not info.available)


def default_agent() -> str:
    """The agent that is offered first here."""
    return agents()[0].name


def make(name: str) -> Agent:
    """The agent by name. Raises InvalidInput when it can't work here."""
    for info in agents():
        if info.name == name:
            if not info.available:
                raise InvalidInput(
                    info.reason or f"The agent {name} is not available here.", failure="agent.not_connected"
                )
            return (
                claude.ClaudeAgent(get_settings())
                if name == "claude"
                else Tuner(max_points=get_settings().tuner_points)
            )
    raise InvalidInput(f"There is no agent called {name}.")


def spent_in(folder: Path) -> list[Used]:
    """What an agent wrote down of its spending in a run's folder, message by message."""
    return claude.spent_in(folder)
