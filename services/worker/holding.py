"""Runs wait before a step while an admin has paused them, or while the disk is full. They stay alive and can be canceled."""

from __future__ import annotations

import time

from services import holding
from services.database.engine import transaction
from services.settings import get_settings
from services.worker.context import RunContext

LOOK_S = 1.0


def wait_while_held(ctx: RunContext) -> None:
    """Returns once nothing holds the run. Raises Cancelled when it was canceled meanwhile, StaleEpoch when taken over."""
    reason = _reason()
    if reason is None:
        return
    ctx.write(f"Waiting: {reason}")
    with ctx.beating():
        while reason is not None:
            ctx.check()
            time.sleep(LOOK_S)
            reason = _reason()
    ctx.write("Going on")


def _reason() -> str | None:
    with transaction() as session:
        return holding.why_runs_wait(session, get_settings())
