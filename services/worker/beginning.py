"""The first step of a run: it starts, or goes on from where an older release of the app, or its parent, left it."""

from __future__ import annotations

from services import executions, releases
from services.agents.protocol import GateRefusal
from services.database.engine import transaction
from services.detectors import repository
from services.executions import Continued, ExecutionRun
from services.executions.launching import BY_HAND
from services.worker.context import RunContext
from services.worker.results import Begun, CommittedChange, PlanAccepted, PlanAwaited, Resume

LOG_CHARACTERS = 8000  # of a failed deploy, as the agent gets them


def begin(ctx: RunContext) -> Begun:
    """Brings the repository up to date and starts the execution at main."""
    with ctx.beating():
        repo = releases.repository(cancelled=ctx.cancelled)
        repository.pull(repo, cancelled=ctx.cancelled)
    base = repository.head(repo, "refs/heads/main")
    with transaction() as session:
        executions.begin(session, ctx.execution_id, epoch=ctx.epoch, worker_id=ctx.worker_id, base_commit=base)
        run, parent = executions.load(session, ctx.execution_id), executions.continued(session, ctx.execution_id)
    attempt = run.retry_count + 1
    if parent is not None:
        return Begun(attempt, run.plan is not None, _resume_from(ctx, parent))
    if run.agent == BY_HAND:
        return Begun(attempt, True, _adopted(ctx, run))
    planned = run.plan is not None and (not run.stop_after_planning or run.plan_accepted_at is not None)
    return Begun(attempt, planned, Resume(_committed(run)) if run.commit_hash is not None else None)


def _resume_from(ctx: RunContext, parent: Continued) -> Resume | None:
    """Goes on from the parent's commit; a deploy that failed goes to the agent with its log."""
    if parent.commit_hash is None:
        ctx.write("Going on from the plan of the run before")
        return None
    repository.head(ctx.repository, parent.commit_hash)  # raises with the reason when it is gone
    repository.git(ctx.repository, "update-ref", ctx.ref, parent.commit_hash)
    ctx.write(f"Going on from commit {parent.commit_hash[:12]} of the run before")
    refusal = None
    if parent.kind == "deploy.failed":
        refusal = GateRefusal(parent.kind, parent.reason, parent.deploy_logs[-LOG_CHARACTERS:])
    return Resume(_committed(parent), refusal)


def _adopted(ctx: RunContext, run: ExecutionRun) -> Resume:
    """Begins with the commit that a person made, on top of what main has. Raises RepositoryError when it is gone."""
    assert run.commit_hash is not None  # launching wrote it
    kept = repository.git(ctx.repository, "for-each-ref", "--format=%(objectname)", ctx.ref)
    if not kept:
        commit = repository.rebased(ctx.repository, run.commit_hash)
        repository.git(ctx.repository, "update-ref", ctx.ref, commit)
        ctx.write(f"Adopting commit {run.commit_hash[:12]}, which was made by hand")
    subject = repository.git(ctx.repository, "log", "-1", "--format=%s", run.commit_hash)
    return Resume(CommittedChange(f"Adopted commit {run.commit_hash[:7]}: {subject}", (subject,)))


def _committed(earlier: ExecutionRun | Continued) -> CommittedChange:
    """A change that is committed already, as implementing it would have described it."""
    return CommittedChange(earlier.summary or "", (earlier.commit_message,) if earlier.commit_message else ())


def wait_for_plan(ctx: RunContext) -> PlanAccepted | PlanAwaited:
    """Lets go of a run whose plan a person wants to see first; accepting it queues the run again."""
    with transaction() as session:
        if not executions.wait_for_plan(session, ctx.execution_id, epoch=ctx.epoch):
            return PlanAccepted()
    repository.remove_worktree(ctx.repository, ctx.worktree)  # made again from the kept ref
    return PlanAwaited()
