"""The durable workflow of an execution: five phases as steps, with refining rounds and retries around them.

Steps are resumed where a worker died. What decides the order of steps comes from the steps' own results alone, so a
replay takes the same way. Each process that runs the workflow first takes the next epoch; an older one is refused.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from dbos import DBOS
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from services import deployments, executions, releases
from services.database.engine import transaction
from services.database.queue import WAKE, WORKFLOW
from services.detectors import repository
from services.errors import Cancelled, NotFound, PatternDeskError, StaleEpoch
from services.executions import Continued, Run
from services.lifecycle import ExecutionStatus
from services.logs import get_logger, log_unexpected
from services.worker import phases, testing
from services.worker.context import RunContext
from services.worker.decisions import Action, Failure, decide
from services.worker.deploying import deploy
from services.worker.draining import Gate
from services.worker.leftovers import end_leftovers
from services.worker.phases import Outcome

ROUNDS = 3  # times that testing may refuse a change within one attempt
MOVES = 10  # times that a change may be rebased on what others merged, within one attempt
gate = Gate()
log = get_logger(__name__)
_worker_id = "unknown"


def set_worker_id(worker_id: str) -> None:
    """Says under which name this process takes runs."""
    global _worker_id
    _worker_id = worker_id


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
                live = run.status not in (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED)
                epoch = executions.take_over(session, execution_id, worker_id=_worker_id) if live else run.epoch
            ctx = RunContext(execution_id, epoch, _worker_id)
            end_leftovers(ctx.folder)
            if live:
                _take_up_books(ctx, run.retry_count + 1)
                return ctx
            _clean(ctx)  # its end was recorded, then its worker died
            return None
        except (OperationalError, InterfaceError) as error:
            log.warning("claim_waits", execution=str(execution_id), error=str(error)[:200])
            time.sleep(1.0)
        except NotFound:
            return None


def _take_up_books(ctx: RunContext, attempt: int) -> None:
    """The log and what was spent so far. A run that could not read them goes on; its phases would say why they can't."""
    try:
        ctx.enter(attempt)
        ctx.recover_usage()
    except (OperationalError, InterfaceError, StaleEpoch):
        raise
    except Exception as error:  # noqa: BLE001  # raised here it would leave the run live for ever
        log_unexpected(error, execution=str(ctx.execution_id))


def _give_up(ctx: RunContext, error: Exception) -> str:
    """Fails a run whose workflow itself broke, with a reference for the log."""
    reference = log_unexpected(error, execution=str(ctx.execution_id))
    with transaction() as session:
        execution = executions.locked(session, ctx.execution_id, ctx.epoch)
        if execution.status not in (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED):
            deployments.reject_candidate(session, ctx.execution_id, epoch=ctx.epoch)
            executions.fail(session, execution, error=f"Something went wrong. Reference {reference}.")
    _clean(ctx)
    return "failed"


def _run(ctx: RunContext) -> str:
    started = _step(ctx, "begin", partial(_begin, ctx))
    if started["outcome"] != "ok":
        return _settle_failure(ctx, started | {"final": True}, 1)[0]  # no attempt has begun that could be made again
    attempt, planned, again = int(started["attempt"]), bool(started["planned"]), started["again"]
    while True:
        outcome = _attempt(ctx, attempt, planned, again)
        planned = planned or bool(outcome.get("planned"))  # a plan is made once
        if outcome["outcome"] in ("completed", "waiting"):
            return str(outcome["outcome"])
        status, again = _settle_failure(ctx, outcome, attempt)
        if again is None:
            return status
        DBOS.recv(WAKE, timeout_seconds=again["pause_s"])
        attempt += 1
        told = _step(ctx, f"retry-{attempt}", partial(_announce_retry, ctx, attempt - 1, outcome))
        if told["outcome"] != "ok":
            return _settle_failure(ctx, told, attempt)[0]


def _attempt(ctx: RunContext, attempt: int, planned: bool, again: dict[str, Any] | None) -> Outcome:
    """One way through the phases. With a change in hand it begins by testing that, or by refining it with a refusal."""
    if again is not None and again["change"] is not None:
        if again["refusal"] is None:  # nothing of the change is to blame, so no agent is asked
            return _test_and_deploy(ctx, attempt, again["change"])
        outcome = _step(ctx, f"refine-{attempt}", partial(phases.refine, ctx, attempt, again["refusal"], 0))
        if outcome["outcome"] != "ok":
            return outcome | {"change": again["change"]}
        return _test_and_deploy(ctx, attempt, outcome if outcome["changed"] else again["change"])
    if not planned:
        outcome = _step(ctx, f"plan-{attempt}", partial(phases.plan, ctx, attempt))
        if outcome["outcome"] == "ok":
            outcome = _step(ctx, f"wait-{attempt}", partial(_wait, ctx))
        if outcome["outcome"] != "ok":
            return outcome
    outcome = _step(ctx, f"implement-{attempt}", partial(phases.implement, ctx, attempt))
    if outcome["outcome"] != "ok":
        return outcome | {"planned": True}
    if not outcome["changed"]:
        return _step(ctx, f"nothing-{attempt}", partial(_complete_without, ctx, outcome["summary"]))
    return _test_and_deploy(ctx, attempt, outcome)


def _test_and_deploy(ctx: RunContext, attempt: int, change: Outcome) -> Outcome:
    """Tests, and deploys what passes. Refusals go back to the agent; what others merged meanwhile is tested again."""
    refused = moved = 0
    while moved < MOVES:
        turn = refused + moved + 1
        name = f"{attempt}.{turn}"
        tested = _step(ctx, f"test-{name}", partial(testing.test, ctx, attempt, turn))
        if tested["outcome"] not in ("ok", "refused"):
            return tested | {"change": change}
        told = tested.get("refusal")
        refused += told is not None
        if told is not None and refused == ROUNDS:
            return _refusal(told, f" It did not pass in {ROUNDS} rounds.")
        refined = _step(ctx, f"refine-{name}", partial(phases.refine, ctx, attempt, told, turn))
        if refined["outcome"] != "ok":
            return refined | {"change": change}
        if told is not None:
            if not refined["changed"]:
                return _refusal(told, "")
            change = refined
            continue
        deployed = _step(ctx, f"deploy-{name}", partial(deploy, ctx, attempt))
        if deployed["outcome"] == "rebased":
            moved += 1
            continue
        if deployed["outcome"] == "failed":
            return deployed | {"outcome": "error", "change": change}
        if deployed["outcome"] != "ready":
            return deployed | {"change": change}
        return _step(ctx, f"finish-{name}", partial(_finish, ctx, attempt, change, tested, deployed))
    error = f"Others merged {MOVES} times while this was tested; run it again when it is quieter."
    return {"outcome": "error", "kind": "git.moved", "error": error, "change": change}


def _refusal(told: dict[str, Any], more: str) -> Outcome:
    return {"outcome": "error", "kind": told["gate"], "error": told["sentence"] + more}


def _step(ctx: RunContext, name: str, body: Callable[[], Outcome]) -> Outcome:
    """One durable step. Expected failures become its result; a lost database or epoch stops this process's run."""

    def run() -> Outcome:
        try:
            with gate.step():
                return body()
        except (StaleEpoch, OperationalError, InterfaceError):
            raise
        except Cancelled:
            return {"outcome": "canceled", "error": "Canceled."}
        except PatternDeskError as error:
            return {
                "outcome": "error", "kind": error.failure or "agent.fault", "error": str(error),
                "retry_after_s": error.retry_after_s,
            }  # fmt: skip
        except Exception as error:  # noqa: BLE001  # a bug ends the run with a reference instead of hanging it
            reference = log_unexpected(error, execution=str(ctx.execution_id), step=name)
            return {
                "outcome": "error",
                "kind": "engine",
                "error": f"Something went wrong in this step. Reference {reference}.",
            }

    return DBOS.run_step(
        {
            "name": name,
            "retries_allowed": True,
            "max_attempts": 60,
            "interval_seconds": 0.5,
            "backoff_rate": 1.5,
            "should_retry": _database_is_away,
        },
        run,
    )


def _database_is_away(error: BaseException) -> bool:
    return isinstance(error, (OperationalError, InterfaceError))


def _begin(ctx: RunContext) -> Outcome:
    """Starts the run, or takes it up where an older release of the app, or its parent, left it."""
    with ctx.beating():
        repo = releases.repository(cancelled=ctx.cancelled)
        repository.pull(repo, cancelled=ctx.cancelled)
    base = repository.head(repo, "refs/heads/main")
    with transaction() as session:
        executions.begin(session, ctx.execution_id, epoch=ctx.epoch, worker_id=ctx.worker_id, base_commit=base)
        run, parent = executions.load(session, ctx.execution_id), executions.continued(session, ctx.execution_id)
    attempt = run.retry_count + 1
    if parent is not None:
        return _take_up(ctx, run, parent, attempt)
    planned = run.plan is not None and (not run.stop_after_planning or run.plan_accepted_at is not None)
    again = None
    if run.commit_hash is not None:
        again = {"pause_s": 0.0, "refusal": None, "change": _change(run.summary, run.commit_message)}
    return {"outcome": "ok", "attempt": attempt, "planned": planned, "again": again}


def _take_up(ctx: RunContext, run: Run, parent: Continued, attempt: int) -> Outcome:
    """Goes on from the parent's commit; a deploy that failed goes to the agent with its log."""
    begun: Outcome = {"outcome": "ok", "attempt": attempt, "planned": run.plan is not None, "again": None}
    if parent.commit_hash is None:
        ctx.write("Going on from the plan of the run before")
        return begun
    repository.head(ctx.repository, parent.commit_hash)  # raises with the reason when it is gone
    repository.git(ctx.repository, "update-ref", ctx.ref, parent.commit_hash)
    ctx.write(f"Going on from commit {parent.commit_hash[:12]} of the run before")
    refusal = None
    if parent.kind == "deploy.failed":
        refusal = {"gate": parent.kind, "sentence": parent.reason, "log": parent.deploy_logs[-8000:]}
    change = _change(parent.summary, parent.commit_message)
    return begun | {"again": {"pause_s": 0.0, "refusal": refusal, "change": change}}


def _change(summary: str | None, message: str | None) -> Outcome:
    """A change that is committed already, as implementing it would have told of it."""
    return {"outcome": "ok", "changed": True, "summary": summary or "", "changes": [message] if message else []}


def _wait(ctx: RunContext) -> Outcome:
    """Lets go of a run whose plan a person wants to see first; accepting it queues the run again."""
    with transaction() as session:
        if not executions.wait_for_plan(session, ctx.execution_id, epoch=ctx.epoch):
            return {"outcome": "ok"}
    repository.remove_worktree(ctx.repository, ctx.worktree)  # made again from the kept ref
    return {"outcome": "waiting"}


def _complete_without(ctx: RunContext, summary: str) -> Outcome:
    with transaction() as session:
        execution = executions.locked(session, ctx.execution_id, ctx.epoch)
        if execution.canceled_at is not None:
            raise Cancelled("The run was canceled.")
        executions.complete(session, execution, summary=summary)
    _clean(ctx)
    return {"outcome": "completed"}


def _finish(ctx: RunContext, attempt: int, change: Outcome, tested: Outcome, deployed: Outcome) -> Outcome:
    summary = str(change.get("summary") or "")
    if tested.get("replay"):
        replay = tested["replay"]
        summary += f" Replay: {replay['fixed']} fixed, {replay['broken']} broken."
    with transaction() as session:
        deployments.deploy_succeeded(
            session, ctx.execution_id, epoch=ctx.epoch, attempt=attempt, url=deployed["url"], raw=deployed["raw"],
            logs=deployed["logs"], changes=change.get("changes") or [], fixed_ids=tested["fixed_ids"],
            summary=summary.strip(),
        )  # fmt: skip
    _clean(ctx)
    return {"outcome": "completed"}


def _settle_failure(ctx: RunContext, outcome: Outcome, attempt: int) -> tuple[str, dict[str, Any] | None]:
    """Decides what follows a failure and records it; the second value says how to go on, None for not at all."""
    settled = _step(ctx, f"settle-{attempt}", lambda: _settle(ctx, outcome, attempt))
    return str(settled["status"]), settled.get("again")


def _settle(ctx: RunContext, outcome: Outcome, attempt: int) -> Outcome:
    ctx.enter(attempt)
    ctx.write(f"!! {outcome.get('error', outcome['outcome'])}")
    key = ctx.save_log()
    with transaction() as session:
        execution = executions.locked(session, ctx.execution_id, ctx.epoch)
        execution.log_key = key or execution.log_key
        if execution.canceled_at is not None or outcome["outcome"] == "canceled":
            deployments.reject_candidate(session, ctx.execution_id, epoch=ctx.epoch)
            executions.end_canceled(session, execution)
            result: Outcome = {"outcome": "ok", "status": "failed"}
        else:
            result = _follow_decision(session, ctx, execution.max_retries, outcome, attempt)
    if result["status"] == "failed":
        _clean(ctx)
    return result


def _follow_decision(
    session: Session, ctx: RunContext, max_retries: int, outcome: Outcome, attempt: int
) -> Outcome:  # fmt: skip
    """Records the failure and what is decided about it."""
    failure = Failure(outcome["kind"], outcome["error"], outcome.get("retry_after_s"))
    alike = executions.failures_alike(session, ctx.execution_id, failure.kind)
    most = 0 if outcome.get("final") else max_retries
    decision = decide(failure, retry_count=attempt - 1, max_retries=most, in_a_row=alike + 1)
    ctx.write(f"!! {failure.kind}: {decision.action}" + (f" in {decision.pause_s:g} s" if decision.pause_s else ""))
    kept = {"kind": failure.kind, "action": decision.action, "pause_s": decision.pause_s, "advice": decision.advice}
    final, of_deploy = decision.action == Action.FAIL, _is_of_deploy(failure.kind)
    logs = outcome.get("logs", "")
    if of_deploy:
        deployments.deploy_failed(
            session, ctx.execution_id, epoch=ctx.epoch, attempt=attempt, error=failure.sentence, logs=logs,
            will_retry=not final,
        )  # fmt: skip
    if final:
        deployments.reject_candidate(session, ctx.execution_id, epoch=ctx.epoch)
        execution = executions.locked(session, ctx.execution_id, ctx.epoch)
        executions.fail(session, execution, error=failure.sentence, advice=decision.advice, decision=kept)
        return {"outcome": "ok", "status": "failed"}
    executions.begin_retry(
        session, ctx.execution_id, epoch=ctx.epoch, attempt=attempt, reason=failure.sentence, decision=kept,
        tell=not of_deploy,
    )  # fmt: skip
    refusal = None
    if decision.action == Action.REFINE:
        refusal = {"gate": failure.kind, "sentence": failure.sentence, "log": logs}
    again = {"pause_s": decision.pause_s, "refusal": refusal, "change": outcome.get("change")}
    return {"outcome": "ok", "status": "retry", "again": again}


def _is_of_deploy(kind: str) -> bool:
    """Whether it is told as a failed deploy: the build's fault, or the target's."""
    return kind.startswith(("deploy.", "target."))


def _announce_retry(ctx: RunContext, retry: int, failed: Outcome) -> Outcome:
    with transaction() as session:
        if executions.locked(session, ctx.execution_id, ctx.epoch).canceled_at is not None:
            raise Cancelled("The run was canceled.")
        if _is_of_deploy(failed["kind"]):
            deployments.deploy_retry(
                session, ctx.execution_id, epoch=ctx.epoch, attempt=retry, previous_error=failed["error"]
            )
    return {"outcome": "ok"}


def _clean(ctx: RunContext) -> None:
    """Removes the run's folder; its commits stay under the execution's ref, its log behind the storage URL."""
    repository.remove_worktree(ctx.repository, ctx.worktree)
    shutil.rmtree(ctx.folder, ignore_errors=True)
