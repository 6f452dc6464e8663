"""Which agents there are on this machine, and whether each can work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.agents.by_hand import ByHand
from services.agents.claude import agent as claude
from services.agents.claude import answering, connection
from services.agents.protocol import Agent, Answerer, Used
from services.agents.tuner import Tuner
from services.errors import InvalidInput
from services.rules import agent_name
from services.settings import Settings, get_settings


@dataclass(frozen=True, slots=True)
class AgentKind:
    """How an agent is shown and made; `unavailable` says why it can't work with these settings, None when it can.

    `spent_in` reads what it wrote down of its spending in a run's folder. `test` asks it for a sign of life, without
    spending anything, and says what came of it in a sentence.
    """

    title: str
    make: Callable[[Settings], Agent]
    unavailable: Callable[[Settings], str | None]
    spent_in: Callable[[Path], list[Used]]
    test: Callable[[Settings], str]


AGENTS: Mapping[str, AgentKind] = {
    "claude": AgentKind(agent_name("claude"), claude.ClaudeAgent, claude.unavailable, claude.spent_in, connection.test),
    "tuner": AgentKind(
        f"{agent_name('tuner')} (parameter search)",
        lambda settings: Tuner(max_points=settings.tuner_points),
        lambda _settings: None,
        lambda _folder: [],
        lambda settings: f"The parameter search works on this machine, with up to {settings.tuner_points} points.",
    ),
}


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """An agent as screens and `patterndesk info` show it; `reason` says what is missing when it is not available."""

    name: str
    title: str
    available: bool
    reason: str | None


def agents() -> list[AgentInfo]:
    """All agents, the default first: Claude where it is connected, else the tuner."""
    settings = get_settings()
    reasons = {name: kind.unavailable(settings) for name, kind in AGENTS.items()}
    known = [AgentInfo(name, AGENTS[name].title, reason is None, reason) for name, reason in reasons.items()]
    return sorted(known, key=lambda info: not info.available)


def default_agent() -> str:
    """The agent that is offered first here."""
    return agents()[0].name


def make(name: str) -> Agent:
    """The agent by name. Raises InvalidInput when there is none, or when it can't work here."""
    if name == ByHand.name:
        return ByHand()
    kind = AGENTS.get(name)
    if kind is None:
        raise InvalidInput(
            f"There is no agent called {name}; there are {', '.join(AGENTS)}.", failure="agent.not_connected"
        )
    settings = get_settings()
    reason = kind.unavailable(settings)
    if reason is not None:
        raise InvalidInput(reason, failure="agent.not_connected")
    return kind.make(settings)


def make_answerer() -> Answerer:
    """Who answers questions on timelines. Raises InvalidInput, saying what it needs, when it can't work here."""
    settings = get_settings()
    reason = claude.unavailable(settings)
    if reason is not None:
        raise InvalidInput(reason, failure="agent.not_connected")
    return answering.ClaudeAnswers(settings)


def spent_in(folder: Path) -> list[Used]:
    """What the agents wrote down of their spending in a run's folder, message by message."""
    return [used for kind in AGENTS.values() for used in kind.spent_in(folder)]


def test(name: str) -> str:
    """What an agent answers to a request that costs nothing. Raises a PatternDeskError that says why it can't work."""
    make(name)
    return AGENTS[name].test(get_settings())
