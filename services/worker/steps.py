"""Durable steps: each result is kept by the engine, so a run that another worker takes on repeats none that ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from services.errors import Cancelled, PatternDeskError, StaleEpoch
from services.logs import log_unexpected
from services.worker import holding
from services.worker.context import RunContext
from services.worker.draining import Gate
from services.worker.results import StepCanceled, StepFailed, Stopped
from services.worker.retrying import DATABASE_ERRORS, retried_step
from services.worker.step_codec import StepKind

T = TypeVar("T")
# What waits while runs are held. The steps that record an end do not: a run that is over takes nothing more.
HELD = frozenset({"begin", "plan", "implement", "test", "refine", "deploy"})
gate = Gate()


def run_step(ctx: RunContext, kind: StepKind[T], number: str, body: Callable[[], T | Stopped]) -> T | Stopped:
    """One durable step, named `kind-number`; a step without a number is `kind`.

    Expected failures become its result; a lost database or epoch stops this process's run. Raises DoesNotFit when the
    result, or what another worker kept of it, has not the step's form.
    """
    name = f"{kind.name}-{number}" if number else kind.name
    stored: object = retried_step(name, lambda: kind.encode(_result_of(ctx, name, body)))
    return kind.decode(stored)


def _result_of(ctx: RunContext, name: str, body: Callable[[], T | Stopped]) -> T | Stopped:
    try:
        if name.partition("-")[0] in HELD:
            holding.wait_while_held(ctx)
        with gate.step():
            return body()
    except (StaleEpoch, *DATABASE_ERRORS):
        raise
    except Cancelled:
        return StepCanceled()
    except PatternDeskError as error:
        return StepFailed(error.failure or "agent.fault", str(error), error.retry_after_s)
    except Exception as error:  # noqa: BLE001  # a bug ends the run with a reference instead of hanging it
        reference = log_unexpected(error, execution=str(ctx.execution_id), step=name)
        return StepFailed("engine", f"Something went wrong in this step. Reference {reference}.")
