"""The durable workflow of an execution: five phases as steps, with refining rounds and retries around them.

Steps are resumed where a worker died. What decides the order of steps comes from the steps' own results alone, so a
replay takes the same way. Each process that runs the workflow first takes the next epoch; an older one is refused.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from dbos import DBOS
from sqlalchemy.exc import InterfaceError, OperationalError

from services import deployments, executions, releases
from services.database.engine import transaction
from services.database.queue import WORKFLOW
from services.detectors import repository
from services.errors import Cancelled, PatternDeskError, RepositoryError, StaleEpoch
from services.lifecycle import ExecutionStatus
from services.logs import get_logger, log_unexpected
from services.worker import phases, testing
from services.worker.context import RunContext
from services.worker.decisions import Action, Failure, decide
from services.worker.deploying import deploy
from services.worker.phases import Outcome

ROUNDS = 3  # times that testing may send a change back to refining within one attempt
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


def _claim(execution_id: uuid.UUID) -> RunContext | None:
    """Takes the next epoch of the run for this process; None when the execution has ended."""
    with transaction() as session:
        run = executions.load(session, execution_id)
        if run.status in (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED):
            return None
        epoch = executions.take_over(session, execution_id, worker_id=_worker_id)
    return RunContext(execution_id, epoch, _worker_id)


def _run(ctx: RunContext) -> str:
    started = _step(ctx, "begin", lambda: _begin(ctx))
    if started["outcome"] != "ok":
        return _settle_failure(ctx, started, 0)[0]
    attempt = 1
    refusal: dict[str, Any] | None = None
    while True:
        outcome = _attempt(ctx, attempt, refusal)
        if outcome["outcome"] in ("completed", "waiting"):
            return str(outcome["outcome"])
        status, again = _settle_failure(ctx, outcome, attempt)
        if again is None:
            return status
        DBOS.sleep(again["pause_s"])
        refusal = again["refusal"]
        attempt += 1
        _step(ctx, f"retry-{attempt}", partial(_announce_retry, ctx, attempt - 1, outcome["error"]))


def _attempt(ctx: RunContext, attempt: int, refusal: dict[str, Any] | None) -> Outcome:
    """One way through the phases; later attempts begin by refining what the last deploy said."""
    if attempt == 1:
        for name, phase in (("plan", phases.plan), ("implement", phases.implement)):
            outcome = _step(ctx, name, partial(phase, ctx, attempt))
            if outcome["outcome"] != "ok":
                return outcome
            if name == "plan" and _step(ctx, "wait", lambda: _waits(ctx))["waits"]:
                return {"outcome": "waiting"}
        if not outcome["changed"]:
            return _step(ctx, "nothing", lambda: _complete_without(ctx, outcome["summary"]))
    else:
        told = {"gate": "deploy", **(refusal or {"sentence": "The last attempt failed."})}
        outcome = _step(ctx, f"refine-{attempt}", lambda: phases.refine(ctx, attempt, told, 0))
        if outcome["outcome"] != "ok":
            return outcome
    return _test_and_deploy(ctx, attempt, outcome)


def _test_and_deploy(ctx: RunContext, attempt: int, change: Outcome) -> Outcome:
    for round_number in range(1, ROUNDS + 1):
        name = f"{attempt}.{round_number}"
        tested = _step(ctx, f"test-{name}", partial(testing.test, ctx, attempt, round_number))
        if tested["outcome"] not in ("ok", "refused"):
            return tested
        told = tested.get("refusal")
        refined = _step(ctx, f"refine-{name}", partial(phases.refine, ctx, attempt, told, round_number))
        if refined["outcome"] != "ok":
            return refined
        if told is not None:
            if not refined["changed"]:
                return {"outcome": "error", "source": told["gate"], "error": told["sentence"], "transient": False}
            change = refined
            continue
        deployed = _step(ctx, f"deploy-{name}", lambda: deploy(ctx, attempt))
        if deployed["outcome"] == "rebased":
            continue
        if deployed["outcome"] == "failed":
            return {"outcome": "error", "source": "deploy", "error": deployed["error"], "logs": deployed["logs"],
                    "transient": True}
        if deployed["outcome"] != "ready":
            return deployed
        return _step(ctx, f"finish-{name}", lambda: _finish(ctx, attempt, change, tested, deployed))
    return {"outcome": "error", "source": "tests", "error": f"The gates did not pass in {ROUNDS} rounds.",
            "transient": False}


def _step(ctx: RunContext, name: str, body: Callable[[], Outcome]) -> Outcome:
    """One durable step. Expected failures become its result; a lost database or epoch stops this process's run."""

    def run() -> Outcome:
        try:
            return body()
        except (StaleEpoch, OperationalError, InterfaceError):
            raise
        except Cancelled:
            return {"outcome": "canceled", "error": "Canceled."}
        except PatternDeskError as error:
            source = "git" if isinstance(error, RepositoryError) else "agent"
            return {"outcome": "error", "source": source, "error": str(error), "transient": False}
        except Exception as error:  # noqa: BLE001  # a bug ends the run with a reference instead of hanging it
            reference = log_unexpected(error, execution=str(ctx.execution_id), step=name)
            return {"outcome": "error", "source": "engine", "transient": False,
                    "error": f"Something went wrong in this step. Reference {reference}."}

    return DBOS.run_step({"name": name, "retries_allowed": True, "max_attempts": 60, "interval_seconds": 0.5,
                          "backoff_rate": 1.5, "should_retry": _database_is_away}, run)


def _database_is_away(error: BaseException) -> bool:
    return isinstance(error, (OperationalError, InterfaceError))


def _begin(ctx: RunContext) -> Outcome:
    repo = releases.repository()
    repository.pull(repo)
    base = repository.head(repo, "refs/heads/main")
    with transaction() as session:
        executions.begin(session, ctx.execution_id, epoch=ctx.epoch, worker_id=ctx.worker_id, base_commit=base)
    return {"outcome": "ok"}


def _waits(ctx: RunContext) -> Outcome:
    run = ctx.run()
    return {"outcome": "ok", "waits": run.stop_after_planning and run.plan_accepted_at is None}


def _complete_without(ctx: RunContext, summary: str) -> Outcome:
    with transaction() as session:
        execution = executions.locked(session, ctx.execution_id, ctx.epoch)
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
    ctx.write(f"!! {outcome.get('error', outcome['outcome'])}")
    key = ctx.save_log()
    with transaction() as session:
        execution = executions.locked(session, ctx.execution_id, ctx.epoch)
        execution.log_key = key
        if execution.canceled_at is not None or outcome["outcome"] == "canceled":
            deployments.reject_candidate(session, ctx.execution_id, epoch=ctx.epoch)
            executions.end_canceled(session, execution)
            result: Outcome = {"outcome": "ok", "status": "failed"}
        else:
            failure = Failure(outcome["source"], outcome["error"], outcome.get("transient", False))
            decision = decide(failure, retry_count=execution.retry_count, max_retries=execution.max_retries)
            final = decision.action == Action.FAIL
            if failure.source == "deploy":
                deployments.deploy_failed(
                    session, ctx.execution_id, epoch=ctx.epoch, attempt=attempt, error=failure.sentence,
                    logs=outcome.get("logs", ""), will_retry=not final,
                )  # fmt: skip
            if final:
                deployments.reject_candidate(session, ctx.execution_id, epoch=ctx.epoch)
                executions.fail(session, execution, error=failure.sentence, advice=decision.advice)
                result = {"outcome": "ok", "status": "failed"}
            else:
                executions.begin_retry(
                    session, ctx.execution_id, epoch=ctx.epoch, attempt=attempt, reason=failure.sentence
                )
                refusal = {"sentence": failure.sentence, "log": outcome.get("logs", "")}
                result = {"outcome": "ok", "status": "retry",
                          "again": {"pause_s": decision.pause_s, "refusal": refusal}}
    if result["status"] == "failed":
        _clean(ctx)
    return result


def _announce_retry(ctx: RunContext, retry: int, error: str) -> Outcome:
    with transaction() as session:
        deployments.deploy_retry(session, ctx.execution_id, epoch=ctx.epoch, attempt=retry, previous_error=error)
    return {"outcome": "ok"}


def _clean(ctx: RunContext) -> None:
    """Removes the run's folder; its commits stay under the execution's ref, its log behind the storage URL."""
    repository.remove_worktree(ctx.repository, ctx.worktree)
    shutil.rmtree(ctx.folder, ignore_errors=True)
