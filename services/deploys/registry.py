"""Which deploy targets there are, and whether each can be used here.

A new target is a module with a `Deployer`, its line in `TARGETS`, its settings, and its name in
`services.executions.launching.DEPLOY_TARGETS`; `tests/deploys/test_contract.py` then holds it to the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.deploys import local, vercel, vercel_api
from services.deploys.local import LocalDeployer
from services.deploys.protocol import Deployer
from services.deploys.vercel import VercelDeployer
from services.errors import InvalidInput
from services.settings import Settings, get_settings


@dataclass(frozen=True, slots=True)
class Target:
    """How a target is shown and made; `unusable` says why these settings don't do, None when they do.

    `test` asks the target for a sign of life and says what came of it in a sentence.
    """

    title: str
    make: Callable[[], Deployer]
    unusable: Callable[[Settings], str | None]
    test: Callable[[], str]


TARGETS: Mapping[str, Target] = {  # the default first
    "local": Target("This machine", LocalDeployer, lambda _settings: None, local.test),
    "vercel": Target("Vercel", VercelDeployer, vercel_api.unusable, vercel.test),
}


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """A deploy target as screens and `patterndesk info` show it."""

    name: str
    title: str
    available: bool
    reason: str | None


def targets() -> list[TargetInfo]:
    """All targets, the default first."""
    settings = get_settings()
    reasons = {name: target.unusable(settings) for name, target in TARGETS.items()}
    return [TargetInfo(name, TARGETS[name].title, reason is None, reason) for name, reason in reasons.items()]


def make(name: str) -> Deployer:
    """The target by name. Raises InvalidInput when there is none, or when it can't be used here."""
    target = TARGETS.get(name)
    if target is None:
        raise InvalidInput(
            f"There is no deploy target called {name}; there are {', '.join(TARGETS)}.", failure="target.not_connected"
        )
    reason = target.unusable(get_settings())
    if reason is not None:
        raise InvalidInput(reason, failure="target.not_connected")
    return target.make()


def test(name: str) -> str:
    """What a target answers to a request that changes nothing. Raises a PatternDeskError that says why it fails."""
    make(name)
    return TARGETS[name].test()
