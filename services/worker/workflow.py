"""The durable workflow of an execution: five phases as steps, with refining rounds and retries around them.

Steps are resumed where a worker died. What decides the order of steps comes from the steps' own results alone, so a
replay takes the same way. Each process that runs the workflow first takes the next epoch; an older one is refused.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from dbos import DBOS
from sqlalchemy.exc import InterfaceError, OperationalError

from services import deployments, executions
from services.database.engine import transaction
from services.database.queue import WAKE, WORKFLOW
from services.errors import NotFound, PatternDeskError, StaleEpoch
from services.lifecycle import ExecutionStatus
from services.logs import get_logger, log_unexpected
from services.worker import beginning, phases, settling, step_codec, testing
from services.worker.context import RunContext
from services.worker.deploying import deploy
from services.worker.leftovers import end_leftovers
from services.worker.results import (
    Begun,
    Changed,
    CommittedChange,
    Completed,
    Deployed,
    GatesPassed,
    GatesRefused,
    NothingToRefine,
    PlanAccepted,
    PlanAwaited,
    Planned,
    Rebased,
    Resume,
    RetryAnnounced,
    RetryPlanned,
    RunFailed,
    StepCanceled,
    StepFailed,
    Stopped,
    Unchanged,
)
from services.worker.steps import gate, run_step

ROUNDS = 3  # times that testing may refuse a change within one attempt
MOVES = 10  # times that a change may be rebased on what others merged, within one attempt
HOLDOUT_LOST = (
    "The change passed every gate on the places that the agent may know of, but it loses what is kept for testing; "
    "the version before stays."
)
ENDED = (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED)
log = get_logger(__name__)
_worker_id = "unknown"


@dataclass(frozen=True, slots=True)
class AttemptStopped:
    """An attempt that did not come to its end. `change` is what it had committed; `planned` says the plan is agreed."""

    reason: Stopped
    change: CommittedChange | None = None
    planned: bool = False


AttemptEnd = Completed | PlanAwaited | AttemptStopped


def set_worker_id(worker_id: str) -> None:
    """Says under which name this process takes runs."""
    global _worker_id
    _worker_id = worker_id


def worker_id() -> str:
    """The name under which this process takes runs and questions."""
    return _worker_id


@DBOS.workflow(name=WORKFLOW)
def run_execution(execution_id: str) -> str:
    """Runs, or goes on with, an execution; returns the status it ended with."""
    ctx = _claim(uuid.UUID(execution_id))
    if ctx is None:
        return "ended"
    try:
        return _run(ctx)
    except StaleEpoch:
        log.warning("run_taken_over", execution=execution_id, epoch=ctx.epoch)
        raise
    except Exception as error:  # noqa: BLE001  # a run without a workflow would be live for ever
        return _give_up(ctx, error)


def _claim(execution_id: uuid.UUID) -> RunContext | None:
    """Takes the next epoch of the run for this process; None when the execution has ended. Waits for the database."""
    while True:
        try:
            with gate.step(), transaction() as session:
                run = executions.load(session, execution_id)
                live = run.status not in ENDED
                epoch = executions.take_over(session, execution_id, worker_id=_worker_id) if live else run.epoch
            ctx = RunContext(execution_id, epoch, _worker_id)
            end_leftovers(ctx.folder)
            if live:
                _restore_log_and_costs(ctx, run.retry_count + 1)
                return ctx
            settling.clean(ctx)  # its end was recorded, then its worker died
            return None
        except (OperationalError, InterfaceError) as error:
            log.warning("claim_waits", execution=str(execution_id), error=str(error)[:200])
            time.sleep(1.0)
        except NotFound:
            return None


def _restore_log_and_costs(ctx: RunContext, attempt: int) -> None:
    """Brings back what was logged and spent so far. A run goes on without them; its phases would say why they can't."""
    try:
        ctx.enter(attempt)
        ctx.recover_usage()
    except (OperationalError, InterfaceError, StaleEpoch):
        raise
    except Exception as error:  # noqa: BLE001  # raised here it would leave the run live for ever
        log_unexpected(error, execution=str(ctx.execution_id))


def _give_up(ctx: RunContext, error: Exception) -> str:
    """Fails a run whose workflow itself broke: with a reference for the log, after the sentence when there is one.

    Waits for the database, and for room on its disk: a run whose end is not recorded would be live for ever.
    """
    reference = log_unexpected(error, execution=str(ctx.execution_id))
    sentence = f"{error} Run it again." if isinstance(error, PatternDeskError) else "Something went wrong."
    while True:
        try:
            with gate.step(), transaction() as session:
                execution = executions.locked(session, ctx.execution_id, ctx.epoch)
                if execution.status not in ENDED:
                    deployments.reject_candidate(session, ctx.execution_id, epoch=ctx.epoch)
                    executions.fail(session, execution, error=f"{sentence} Reference {reference}.")
            break
        except (OperationalError, InterfaceError) as away:
            log.warning("end_waits", execution=str(ctx.execution_id), error=str(away)[:200])
            time.sleep(1.0)
    settling.clean(ctx)
    return "failed"


def _run(ctx: RunContext) -> str:
    begun = run_step(ctx, step_codec.BEGIN, "", partial(beginning.begin, ctx))
    if not isinstance(begun, Begun):  # no attempt has begun that could be made again
        return _fail(ctx, begun, 1)
    attempt, planned, resume = begun.attempt, begun.planned, begun.resume
    while True:
        end = _attempt(ctx, attempt, planned, resume)
        match end:
            case Completed():
                return "completed"
            case PlanAwaited():
                return "waiting"
            case AttemptStopped(reason, change, plan_agreed):
                planned = planned or plan_agreed  # a plan is made once
            case _:
                assert_never(end)
        settled = _settle(ctx, reason, change, attempt)
        if isinstance(settled, RunFailed):
            return "failed"
        resume = settled.resume
        DBOS.recv(WAKE, timeout_seconds=settled.pause_s)
        attempt += 1
        announce = partial(settling.announce_retry, ctx, attempt - 1, reason)
        announced = run_step(ctx, step_codec.RETRY, str(attempt), announce)
        if not isinstance(announced, RetryAnnounced):
            return _fail(ctx, announced, attempt)


def _attempt(ctx: RunContext, attempt: int, planned: bool, resume: Resume | None) -> AttemptEnd:
    """One way through the phases. With a change in hand it begins by testing that, or by refining it with a refusal."""
    if resume is not None:
        return _resume(ctx, attempt, resume)
    if not planned:
        match _plan(ctx, attempt):
            case PlanAccepted():
                pass
            case PlanAwaited() as awaited:
                return awaited
            case StepFailed() | StepCanceled() as stopped:
                return AttemptStopped(stopped)
            case never:
                assert_never(never)
    match run_step(ctx, step_codec.IMPLEMENT, str(attempt), partial(phases.implement, ctx, attempt)):
        case Changed(change):
            return _test_and_deploy(ctx, attempt, change)
        case Unchanged(summary):
            return _complete_without_change(ctx, attempt, summary)
        case StepFailed() | StepCanceled() as stopped:
            return AttemptStopped(stopped, planned=True)
        case never:
            assert_never(never)


def _resume(ctx: RunContext, attempt: int, resume: Resume) -> AttemptEnd:
    if resume.refusal is None:  # nothing of the change is to blame, so no agent is asked
        return _test_and_deploy(ctx, attempt, resume.change)
    refine = partial(phases.refine, ctx, attempt, resume.refusal, 0)
    match run_step(ctx, step_codec.REFINE, str(attempt), refine):
        case Changed(change):
            return _test_and_deploy(ctx, attempt, change)
        case Unchanged():
            return _test_and_deploy(ctx, attempt, resume.change)
        case StepFailed() | StepCanceled() as stopped:
            return AttemptStopped(stopped, resume.change)
        case never:
            assert_never(never)


def _plan(ctx: RunContext, attempt: int) -> PlanAccepted | PlanAwaited | Stopped:
    match run_step(ctx, step_codec.PLAN, str(attempt), partial(phases.plan, ctx, attempt)):
        case Planned():
            return run_step(ctx, step_codec.WAIT, str(attempt), partial(beginning.wait_for_plan, ctx))
        case StepFailed() | StepCanceled() as stopped:
            return stopped
        case never:
            assert_never(never)


def _complete_without_change(ctx: RunContext, attempt: int, summary: str) -> AttemptEnd:
    complete = partial(settling.complete_without_change, ctx, summary)
    match run_step(ctx, step_codec.NOTHING, str(attempt), complete):
        case Completed() as completed:
            return completed
        case StepFailed() | StepCanceled() as stopped:
            return AttemptStopped(stopped)
        case never:
            assert_never(never)


def _test_and_deploy(ctx: RunContext, attempt: int, change: CommittedChange) -> AttemptEnd:
    """Tests, and deploys what passes. Refusals go back to the agent; what others merged meanwhile is tested again."""
    refused = moved = 0
    while moved < MOVES:
        turn = refused + moved + 1
        match run_step(ctx, step_codec.TEST, f"{attempt}.{turn}", partial(testing.test, ctx, attempt, turn)):
            case GatesPassed(holdout_lost=True):
                return _complete_without_change(ctx, attempt, HOLDOUT_LOST)
            case GatesPassed() as passed:
                match _deploy(ctx, attempt, turn, change, passed):
                    case Rebased():
                        moved += 1
                    case Completed() as completed:
                        return completed
                    case StepFailed() | StepCanceled() as stopped:
                        return AttemptStopped(stopped, change)
                    case never:
                        assert_never(never)
            case GatesRefused(refusal):
                refused += 1
                if refused == ROUNDS:
                    sentence = f"{refusal.sentence} It did not pass in {ROUNDS} rounds."
                    return AttemptStopped(StepFailed(refusal.gate, sentence))
                refine = partial(phases.refine, ctx, attempt, refusal, turn)
                match run_step(ctx, step_codec.REFINE, f"{attempt}.{turn}", refine):
                    case Changed(change):
                        pass
                    case Unchanged():
                        return AttemptStopped(StepFailed(refusal.gate, refusal.sentence))
                    case StepFailed() | StepCanceled() as stopped:
                        return AttemptStopped(stopped, change)
                    case never:
                        assert_never(never)
            case StepFailed() | StepCanceled() as stopped:
                return AttemptStopped(stopped, change)
            case never:
                assert_never(never)
    sentence = f"Others merged {MOVES} times while this was tested; run it again when it is quieter."
    return AttemptStopped(StepFailed("git.moved", sentence), change)


def _deploy(
    ctx: RunContext, attempt: int, turn: int, change: CommittedChange, passed: GatesPassed
) -> Completed | Rebased | Stopped:
    """Deploys a change that passed every gate, and ends the run."""
    number = f"{attempt}.{turn}"
    match run_step(ctx, step_codec.PASS, number, partial(phases.refine_nothing, ctx, attempt, turn)):
        case NothingToRefine():
            pass
        case StepFailed() | StepCanceled() as stopped:
            return stopped
        case never:
            assert_never(never)
    match run_step(ctx, step_codec.DEPLOY, number, partial(deploy, ctx, attempt)):
        case Deployed() as deployed:
            complete = partial(settling.complete_deployed, ctx, attempt, change, passed, deployed)
            return run_step(ctx, step_codec.FINISH, number, complete)
        case Rebased() as rebased:
            return rebased
        case StepFailed() | StepCanceled() as stopped:
            return stopped
        case never:
            assert_never(never)


def _settle(
    ctx: RunContext, stopped: Stopped, change: CommittedChange | None, attempt: int, *, may_retry: bool = True
) -> RetryPlanned | RunFailed:
    """Decides what follows an attempt that stopped, as a durable step."""
    settle = partial(settling.settle, ctx, stopped, change, attempt, may_retry=may_retry)
    match run_step(ctx, step_codec.SETTLE, str(attempt), settle):
        case RetryPlanned() | RunFailed() as settled:
            return settled
        case StepFailed(_, sentence):
            raise PatternDeskError(sentence)
        case StepCanceled():
            raise PatternDeskError("The run was canceled while its failure was recorded.")
        case never:
            assert_never(never)


def _fail(ctx: RunContext, stopped: Stopped, attempt: int) -> str:
    """Ends a run that can't be tried again."""
    _settle(ctx, stopped, None, attempt, may_retry=False)
    return "failed"
