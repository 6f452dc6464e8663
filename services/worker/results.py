"""What each durable step of a run comes to: one closed union a step. They are kept by `step_codec`."""

from __future__ import annotations

from dataclasses import dataclass

from services.agents.protocol import GateRefusal


@dataclass(frozen=True, slots=True)
class StepFailed:
    """An expected failure, or a fault that was logged. `kind` is a key of `decisions.RULES`.

    `retry_after_s` is a pause that the other side asked for; `deploy_log` the end of a failed deploy's log.
    """

    kind: str
    sentence: str
    retry_after_s: float | None = None
    deploy_log: str = ""


@dataclass(frozen=True, slots=True)
class StepCanceled:
    """A person canceled the run."""


Stopped = StepFailed | StepCanceled  # any step may end so


@dataclass(frozen=True, slots=True)
class CommittedChange:
    """What the agent changed, committed in the run's worktree: in words, and point by point."""

    summary: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resume:
    """What an attempt begins with instead of planning: a change to test, or to refine first after a refusal."""

    change: CommittedChange
    refusal: GateRefusal | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The run has started. `planned` says that its plan is made and needs no person's yes."""

    attempt: int
    planned: bool
    resume: Resume | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """The agent's plan is kept with the execution."""


@dataclass(frozen=True, slots=True)
class PlanAccepted:
    """The plan needs no person's yes, or has it."""


@dataclass(frozen=True, slots=True)
class PlanAwaited:
    """The run lets go until a person accepts the plan."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The agent changed the detector and the change is committed."""

    change: CommittedChange


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The agent changed nothing, and says why."""

    summary: str


@dataclass(frozen=True, slots=True)
class NothingToRefine:
    """Every gate passed."""


@dataclass(frozen=True, slots=True)
class ReplayCounts:
    """How many judged places the new version fixed and broke."""

    fixed: int
    broken: int


@dataclass(frozen=True, slots=True)
class GatesPassed:
    """`holding_ids` are the judgements that hold now, whether or not they did before; `replay` is None without any judged place.

    `holdout_lost` says that the change loses too much of what is kept for testing: the run ends without a deploy.
    """

    holding_ids: tuple[str, ...] = ()
    replay: ReplayCounts | None = None
    holdout_lost: bool = False


@dataclass(frozen=True, slots=True)
class GatesRefused:
    """A gate did not pass."""

    refusal: GateRefusal


@dataclass(frozen=True, slots=True)
class Deployed:
    """The version is live and merged. `target_state` is the target's own word."""

    url: str | None
    target_state: str
    log: str


@dataclass(frozen=True, slots=True)
class Rebased:
    """Others merged meanwhile; the commit was rebased on that and has to be tested again."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The run has ended well."""


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The run has ended for good without success."""


@dataclass(frozen=True, slots=True)
class RetryPlanned:
    """Another attempt begins after a pause."""

    pause_s: float
    resume: Resume | None = None


@dataclass(frozen=True, slots=True)
class RetryAnnounced:
    """The next attempt may begin."""
