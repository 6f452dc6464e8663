"""What a deploy target is asked, and what it answers. Every target goes through the same states."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from services.errors import PatternDeskError
from services.lifecycle import DeployStatus


class DeployTargetError(PatternDeskError):
    """The target refuses, or does not answer; no change of the detector mends it."""

    exit_code = 1
    failure = "target.refused"

    @property
    def passes(self) -> bool:
        """Whether the same request may go well later."""
        return self.failure in ("target.unavailable", "target.rate_limited")


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """One deploy: which commit, for which pattern, on whose behalf. `attempt` distinguishes retries of one execution."""

    execution_id: uuid.UUID
    attempt: int
    pattern_type: str
    commit_hash: str
    version: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deploy as its target reports it. `raw` is the target's own name of its state; `logs` is what there is so far."""

    id: str
    status: DeployStatus
    raw: str
    logs: str
    url: str | None = None
    error: str | None = None
    failure: str = "deploy.failed"  # what an error is to the run, as decisions name it

    @property
    def ended(self) -> bool:
        return self.status in (DeployStatus.READY, DeployStatus.ERROR, DeployStatus.CANCELED)


class Deployer(Protocol):
    """A deploy target. `create` finds a deploy of the same request before it makes one, so a retry makes no second.

    `roll_back` undoes a deploy: the pattern runs `commit_hash` again, or nothing when None.
    """

    name: str

    def create(self, request: DeployRequest, *, cancelled: Callable[[], bool] | None = None) -> Deployment: ...

    def follow(self, deployment_id: str, *, cancelled: Callable[[], bool] | None = None) -> Iterator[Deployment]: ...

    def cancel(self, deployment_id: str) -> Deployment: ...

    def roll_back(self, pattern_type: str, commit_hash: str | None) -> Deployment: ...
