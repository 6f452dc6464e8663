"""The phases of an execution. Each runs as one durable step, so each may run twice in the same worktree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from services import deployments, executions
from services.agents import registry as agent_registry
from services.agents.protocol import AgentChange, GateRefusal, Plan
from services.database.engine import transaction
from services.detectors import repository
from services.detectors.bundle import code_sha256, owned_paths, patterns
from services.detectors.sandbox import describe
from services.detectors.types import DetectorSpec
from services.errors import RepositoryError
from services.executions import ExecutionRun, KeptPlan, PhaseFacts
from services.lifecycle import ExecutionPhase
from services.worker.context import RunContext
from services.worker.results import Changed, CommittedChange, Deployed, NothingToRefine, Planned, Unchanged

T = TypeVar("T")
PLANNING, IMPLEMENTING, REFINING = ExecutionPhase.PLANNING, ExecutionPhase.IMPLEMENTING, ExecutionPhase.REFINING


def in_phase(
    ctx: RunContext,
    phase: ExecutionPhase,
    attempt: int,
    task: str,
    body: Callable[[ExecutionRun], tuple[T, PhaseFacts]],
) -> T:
    """Enters the phase, runs `body`, leaves it with the facts that `body` established, and keeps the work."""
    with transaction() as session:
        executions.begin_phase(session, ctx.execution_id, epoch=ctx.epoch, phase=phase, attempt=attempt, task=task)
    ctx.enter(attempt)
    ctx.write(f"== {phase} (attempt {attempt}): {task}")
    with ctx.beating():
        result, facts = body(ctx.run())
        ctx.check(lost_only=isinstance(result, Deployed))  # what is live can't be canceled any more
        if (ctx.worktree / ".git").exists():
            ctx.keep()
        facts = replace(facts, log_key=ctx.save_log())
    with transaction() as session:
        executions.end_phase(session, ctx.execution_id, epoch=ctx.epoch, phase=phase, attempt=attempt, facts=facts)
    return result


def spec_of(ctx: RunContext, run: ExecutionRun) -> DetectorSpec | None:
    """What the pattern's module in the worktree declares, None when there is no module. Kept by the code's hash."""
    if run.pattern_type not in patterns(ctx.worktree):
        return None
    code = code_sha256(ctx.worktree, run.pattern_type)
    if ctx.spec is None or ctx.spec[0] != code:
        ctx.spec = code, describe(ctx.worktree, run.pattern_type, cancelled=ctx.cancelled)
    return ctx.spec[1]


def plan(ctx: RunContext, attempt: int) -> Planned:
    """Checks the repository, makes the worktree at the base commit, and has the agent plan."""

    def body(run: ExecutionRun) -> tuple[Planned, PhaseFacts]:
        repo = ctx.repository
        repository.check_at_rest(repo, cancelled=ctx.cancelled)
        _check_deployed(ctx, run)
        open_worktree(ctx, run)
        agent = agent_registry.make(run.agent)
        made = agent.plan(ctx.work(run, PLANNING, attempt), spec_of(ctx, run))
        ctx.checkpoint(PLANNING, attempt, "plan", "Plan", made.summary)
        return Planned(), PhaseFacts(plan=KeptPlan(made.summary, made.steps))

    return in_phase(ctx, PLANNING, attempt, "Reading the corrections", body)


def _check_deployed(ctx: RunContext, run: ExecutionRun) -> None:
    """The repository has to hold what is deployed, else it is not the one the workspace was made with."""
    if run.deployed_version_id is None:
        return
    with transaction() as session:
        commit_hash = deployments.get_version(session, run.deployed_version_id).commit_hash
    try:
        repository.head(ctx.repository, commit_hash)
    except RepositoryError as error:
        raise RepositoryError(
            f"The pattern repository {ctx.repository} lacks the deployed commit {commit_hash[:12]}; "
            "put the right repository back.",
            failure="git.missing",
        ) from error


def open_worktree(ctx: RunContext, run: ExecutionRun) -> None:
    """The run's worktree: kept when it is there and whole, else made from the kept ref or the base commit."""
    repo = ctx.repository
    ready = ctx.folder / "tree.ready"
    if not (ready.exists() and _is_sound(ctx)):  # a process was killed while it wrote there
        repository.remove_worktree(repo, ctx.worktree)
        ready.unlink(missing_ok=True)
        ctx.fetch_kept()
    start = run.base_commit or repository.head(repo, "refs/heads/main")
    if repository.git(repo, "for-each-ref", "--format=%(objectname)", ctx.ref):
        start = ctx.ref
    repository.create_worktree(repo, start, ctx.worktree)
    ready.touch()


def _is_sound(ctx: RunContext) -> bool:
    """No git command was cut off in the worktree."""
    try:
        inside = Path(repository.git(ctx.worktree, "rev-parse", "--absolute-git-dir"))
        repository.head(ctx.worktree)
    except RepositoryError:
        return False
    return not any((inside / name).exists() for name in ("index.lock", "rebase-merge", "rebase-apply"))


def implement(ctx: RunContext, attempt: int) -> Changed | Unchanged:
    """Has the agent change the worktree, and commits what belongs to this pattern."""

    def body(run: ExecutionRun) -> tuple[Changed | Unchanged, PhaseFacts]:
        open_worktree(ctx, run)
        agent = agent_registry.make(run.agent)
        plan = Plan(run.plan.summary, run.plan.steps) if run.plan is not None else Plan("")
        change = agent.implement(ctx.work(run, IMPLEMENTING, attempt), spec_of(ctx, run), plan)
        return commit(ctx, run, change, IMPLEMENTING, attempt, "implement")

    return in_phase(ctx, IMPLEMENTING, attempt, "Changing the detector", body)


def refine(ctx: RunContext, attempt: int, refusal: GateRefusal, round_number: int) -> Changed | Unchanged:
    """Gives a refusal back to the agent, and commits what it changes."""

    def body(run: ExecutionRun) -> tuple[Changed | Unchanged, PhaseFacts]:
        open_worktree(ctx, run)
        agent = agent_registry.make(run.agent)
        key, text = f"refine:{round_number}:told", "The refusal went back to the agent"
        ctx.checkpoint(REFINING, attempt, key, text, refusal.sentence)
        work = ctx.work(run, REFINING, attempt, round_number)
        change = agent.refine(work, spec_of(ctx, run), refusal, round_number)
        return commit(ctx, run, change, REFINING, attempt, f"refine:{round_number}")

    return in_phase(ctx, REFINING, attempt, f"Refining: {refusal.sentence}", body)


def refine_nothing(ctx: RunContext, attempt: int, round_number: int) -> NothingToRefine:
    """The refining phase of a change that passed every gate: it says so."""

    def body(run: ExecutionRun) -> tuple[NothingToRefine, PhaseFacts]:
        open_worktree(ctx, run)
        ctx.checkpoint(REFINING, attempt, f"refine:{round_number}:none", "Nothing to refine: every gate passed")
        return NothingToRefine(), PhaseFacts()

    return in_phase(ctx, REFINING, attempt, "Nothing to refine", body)


def commit(
    ctx: RunContext, run: ExecutionRun, change: AgentChange, phase: ExecutionPhase, attempt: int, key: str
) -> tuple[Changed | Unchanged, PhaseFacts]:
    """Commits the agent's change once: a step that runs again finds its own commit and makes no second."""
    unchanged = Unchanged(change.summary), PhaseFacts(summary=change.summary)
    if not change.changed:
        repository.git(ctx.worktree, "checkout", "--", ".")
        return unchanged
    base = run.base_commit or repository.head(ctx.worktree)
    message = f"{change.commit_message}\n\n{change.summary}\n\nExecution: {run.id}\n"
    repository.commit_all(ctx.worktree, message, run.agent.capitalize())
    head = repository.head(ctx.worktree)
    files = repository.changed_files(ctx.worktree, base) if head != base else []
    outside = [f for f in files if f not in owned_paths(run.pattern_type)]
    if outside:  # testing refuses it
        text, some = "Changed files outside the pattern", ", ".join(outside[:5])
        ctx.checkpoint(phase, attempt, f"{key}:outside", text, some, ok=False, files_changed=outside)
    if not files:
        return unchanged
    ctx.checkpoint(phase, attempt, f"{key}:commit", f"Committed {head[:8]}", ", ".join(files), files_changed=files)
    facts = PhaseFacts(
        commit_hash=head, commit_message=change.commit_message, files_changed=files, summary=change.summary
    )
    return Changed(CommittedChange(change.summary, change.changes)), facts


def origin_of(run: ExecutionRun) -> str:
    """Where a version comes from, as `detector_versions.origin` says it."""
    if run.agent in ("claude", "manual"):
        return "agent" if run.agent == "claude" else "manual"
    return "starter" if run.is_first else "tuner"
