"""Durable steps: each result is kept by the engine, so a run that another worker takes on repeats none that ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from services import disk
from services.errors import Cancelled, PatternDeskError, StaleEpoch
from services.logs import get_logger, log_unexpected
from services.settings import get_settings
from services.worker import holding
from services.worker.context import RunContext
from services.worker.draining import Gate
from services.worker.results import StepCanceled, StepFailed, Stopped
from services.worker.retrying import DATABASE_ERRORS, NoRoom, retried_step
from services.worker.step_codec import StepKind

T = TypeVar("T")
# What waits while runs are held. The steps that record an end do not: a run that is over takes nothing more.
HELD = frozenset({"begin", "plan", "implement", "test", "refine", "deploy"})
gate = Gate()
log = get_logger(__name__)


def run_step(ctx: RunContext, kind: StepKind[T], number: str, body: Callable[[], T | Stopped]) -> T | Stopped:
    """One durable step, named `kind-number`; a step without a number is `kind`.

    Expected failures become its result, except those of a full disk, after which the step is done again; a lost database
    or epoch stops this process's run. Raises DoesNotFit when the
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
    except Exception as error:  # a bug ends the run with a reference instead of hanging it
        if disk.explains(error, get_settings()):
            log.warning("step_waits_for_room", execution=str(ctx.execution_id), step=name, error=str(error)[:200])
            raise NoRoom(str(error)) from error
        if isinstance(error, PatternDeskError):
            return StepFailed(error.failure or "agent.fault", str(error), error.retry_after_s)
        reference = log_unexpected(error, execution=str(ctx.execution_id), step=name)
        return StepFailed("engine", f"Something went wrong in this step. Reference {reference}.")
