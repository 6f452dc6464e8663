"""How an attempt or a run ends: completed, failed for good, or tried again; each is recorded in one transaction."""

from __future__ import annotations

import shutil

from sqlalchemy.orm import Session

from services import deployments, executions
from services.agents.protocol import GateRefusal
from services.database.engine import transaction
from services.detectors import repository
from services.errors import Cancelled
from services.executions import FollowUp
from services.worker.context import RunContext
from services.worker.decisions import Action, Failure, FailureDecision, decide
from services.worker.results import (
    CommittedChange,
    Completed,
    Deployed,
    GatesPassed,
    Resume,
    RetryAnnounced,
    RetryPlanned,
    RunFailed,
    StepCanceled,
    StepFailed,
    Stopped,
)


def complete_without_change(ctx: RunContext, summary: str) -> Completed:
    """Ends a run that deploys nothing: its agent changed nothing, or what is kept for testing spoke against it."""
    with transaction() as session:
        execution = executions.locked(session, ctx.execution_id, ctx.epoch)
        if execution.canceled_at is not None:
            raise Cancelled("The run was canceled.")
        deployments.reject_candidate(session, ctx.execution_id, epoch=ctx.epoch)
        executions.complete(session, execution, summary=summary)
    clean(ctx)
    return Completed()


def complete_deployed(
    ctx: RunContext, attempt: int, change: CommittedChange, passed: GatesPassed, deployed: Deployed
) -> Completed:
    """Ends a run whose version is live."""
    summary = change.summary
    if passed.replay is not None:
        summary += f" Replay: {passed.replay.fixed} fixed, {passed.replay.broken} broken."
    with transaction() as session:
        deployments.deploy_succeeded(
            session,
            ctx.execution_id,
            epoch=ctx.epoch,
            attempt=attempt,
            url=deployed.url,
            raw=deployed.target_state,
            logs=deployed.log,
            changes=change.changes,
            holding_ids=passed.holding_ids,
            summary=summary.strip(),
        )
    clean(ctx)
    return Completed()


def settle(
    ctx: RunContext, stopped: Stopped, change: CommittedChange | None, attempt: int, *, may_retry: bool
) -> RetryPlanned | RunFailed:
    """Decides what follows an attempt that stopped, and records it. `change` is what the next attempt may go on from."""
    ctx.enter(attempt)
    ctx.write(f"!! {stopped.sentence if isinstance(stopped, StepFailed) else 'Canceled.'}")
    log_key = ctx.save_log()
    with transaction() as session:
        execution = executions.locked(session, ctx.execution_id, ctx.epoch)
        execution.log_key = log_key or execution.log_key
        if execution.canceled_at is not None or isinstance(stopped, StepCanceled):
            deployments.reject_candidate(session, ctx.execution_id, epoch=ctx.epoch)
            executions.end_canceled(session, execution)
            result: RetryPlanned | RunFailed = RunFailed()
        else:
            most = execution.max_retries if may_retry else 0
            result = _follow_decision(session, ctx, most, stopped, change, attempt)
    if isinstance(result, RunFailed):
        clean(ctx)
    return result


def _follow_decision(
    session: Session,
    ctx: RunContext,
    max_retries: int,
    failed: StepFailed,
    change: CommittedChange | None,
    attempt: int,
) -> RetryPlanned | RunFailed:
    """Records the failure and what is decided about it."""
    failure = Failure(failed.kind, failed.sentence, failed.retry_after_s)
    alike = executions.failures_alike(session, ctx.execution_id, failure.kind)
    decision = decide(failure, retry_count=attempt - 1, max_retries=max_retries, in_a_row=alike + 1)
    pause = f" in {decision.pause_s:g} s" if decision.pause_s else ""
    ctx.write(f"!! {failure.kind}: {decision.action}{pause}")
    final = decision.action == Action.FAIL
    if _is_of_deploy(failure.kind):
        deployments.deploy_failed(
            session,
            ctx.execution_id,
            epoch=ctx.epoch,
            attempt=attempt,
            error=failure.sentence,
            logs=failed.deploy_log,
            will_retry=not final,
        )
    follow_up = FollowUp(failure.kind, decision.action, decision.pause_s, decision.advice)
    if final:
        deployments.reject_candidate(session, ctx.execution_id, epoch=ctx.epoch)
        execution = executions.locked(session, ctx.execution_id, ctx.epoch)
        executions.fail(session, execution, error=failure.sentence, advice=decision.advice, follow_up=follow_up)
        return RunFailed()
    executions.begin_retry(
        session,
        ctx.execution_id,
        epoch=ctx.epoch,
        attempt=attempt,
        reason=failure.sentence,
        follow_up=follow_up,
        announce=not _is_of_deploy(failure.kind),
    )
    return RetryPlanned(decision.pause_s, _resume(decision, failed, change))


def _resume(decision: FailureDecision, failed: StepFailed, change: CommittedChange | None) -> Resume | None:
    """What the next attempt begins with; None when there is no change yet, so that it begins anew."""
    if change is None:
        return None
    if decision.action == Action.REFINE:
        return Resume(change, GateRefusal(failed.kind, failed.sentence, failed.deploy_log))
    return Resume(change)


def _is_of_deploy(kind: str) -> bool:
    """Whether it is shown as a failed deploy: the build's fault, or the target's."""
    return kind.startswith(("deploy.", "target."))


def announce_retry(ctx: RunContext, retry: int, stopped: Stopped) -> RetryAnnounced:
    """Says on the timeline that a failed deploy is tried again. Raises Cancelled."""
    with transaction() as session:
        if executions.locked(session, ctx.execution_id, ctx.epoch).canceled_at is not None:
            raise Cancelled("The run was canceled.")
        if isinstance(stopped, StepFailed) and _is_of_deploy(stopped.kind):
            deployments.deploy_retry(
                session, ctx.execution_id, epoch=ctx.epoch, attempt=retry, previous_error=stopped.sentence
            )
    return RetryAnnounced()


def clean(ctx: RunContext) -> None:
    """Removes the run's folder; its commits stay under the execution's ref, its log behind the storage URL."""
    repository.remove_worktree(ctx.repository, ctx.worktree)
    shutil.rmtree(ctx.folder, ignore_errors=True)
