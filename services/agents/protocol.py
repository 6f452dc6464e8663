"""What an agent is asked to do and what it answers. The app tests, commits and deploys; an agent only edits files."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from services.detectors.types import Candles, DetectorSpec, Params
from services.places import LabelSet, Policy


@dataclass(frozen=True, slots=True)
class Used:
    """What one message of an agent's API cost: its id there, the phase and round, dollars, tokens."""

    message_id: str
    turn: str
    model: str
    cost_usd: float
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Work:
    """One execution as an agent sees it. `labels` are the places outside the hold-out alone; of that nothing gets here.

    `policy` is what the replay will let pass. `sent_ids` are the judgements that were sent.

    `candles` loads a whole dataset by id (shape (rows,)). `report(fraction, task)` takes measured progress of the
    phase, 0 to 1; `checkpoint(key, text, details, ok)` something done or found; `cancelled()` is to be asked often.
    `used` takes what the agent's API charges, as it comes in; `spent_usd` is what the execution had spent before.
    """

    execution_id: uuid.UUID
    pattern_type: str
    name: str
    is_first: bool
    worktree: Path
    prompt: bytes
    labels: LabelSet
    policy: Policy
    sent_ids: frozenset[str]
    current_params: Params | None
    refused_params: tuple[Params, ...]  # of this execution's earlier candidates
    candles: Callable[[str], Candles]
    report: Callable[[float, str], None]
    checkpoint: Callable[..., None]
    cancelled: Callable[[], bool]
    log: Callable[[str], None]
    used: Callable[[Used], None]
    spent_usd: float
    left_today_usd: float | None = None  # what the workspace's cap of the day leaves; None where there is none


@dataclass(frozen=True, slots=True)
class Plan:
    """What the agent means to do, for people to read; it is given back to the agent in the next phase."""

    summary: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentChange:
    """What the agent did to the worktree. `changed` False: it found nothing better, and says so in `summary`."""

    changed: bool
    summary: str
    commit_message: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateRefusal:
    """Why the app did not take the change: which gate failed, and its reason."""

    gate: str  # tests, contract, replay, deploy
    sentence: str
    log: str = ""
    broken_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a pattern as an agent sees it. `folder` is the question's own; below `files` lies all that may be
    read, and nothing that is kept for testing.

    `told(text, doing)` takes the answer as far as it has come and what is being done; `used` what the API charges.
    `spent_usd` is what earlier tries of the question have spent.
    """

    question_id: uuid.UUID
    name: str
    text: str
    asked_by: str
    folder: Path
    told: Callable[[str, str | None], None]
    cancelled: Callable[[], bool]
    log: Callable[[str], None]
    used: Callable[[Used], None]
    spent_usd: float
    left_today_usd: float | None = None

    @property
    def files(self) -> Path:
        return self.folder / "files"


class Answerer(Protocol):
    """An agent that answers questions. May raise PatternDeskError with a sentence or Cancelled."""

    model: str

    def answer(self, asked: Asked) -> str: ...


class Agent(Protocol):
    """An agent. Each method may raise PatternDeskError with a sentence (final) or Cancelled."""

    name: str
    origin: str  # of the versions it makes: agent, tuner, starter

    def plan(self, work: Work, spec: DetectorSpec | None) -> Plan: ...

    def implement(self, work: Work, spec: DetectorSpec | None, plan: Plan) -> AgentChange: ...

    def refine(self, work: Work, spec: DetectorSpec | None, refusal: GateRefusal, round_number: int) -> AgentChange: ...
