"""Which deploy targets there are, and whether each can be used here."""

from __future__ import annotations

from dataclasses import dataclass

from services.deploys import vercel_api
from services.deploys.local import LocalDeployer
from services.deploys.protocol import Deployer
from services.deploys.vercel import VercelDeployer
from services.errors import InvalidInput
from services.settings import get_settings


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """A deploy target as screens and `patterndesk info` show it."""

    name: str
    title: str
    available: bool
    reason: str | None


def targets() -> list[TargetInfo]:
    """All targets, the default first."""
    reason = vercel_api.unusable(get_settings())
    return [
        TargetInfo("local", "This machine", True, None),
        TargetInfo("vercel", "Vercel", reason is None, reason),
    ]


def make(name: str) -> Deployer:
    """The target by name. Raises InvalidInput when it can't be used here."""
    for info in targets():
        if info.name == name:
            if not info.available:
                raise InvalidInput(
                    info.reason or f"The deploy target {name} is not available here.", failure="target.not_connected"
                )
            return VercelDeployer() if name == "vercel" else LocalDeployer()
    raise InvalidInput(f"There is no deploy target called {name}.")
