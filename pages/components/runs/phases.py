"""The phases of an execution as the phase bar draws them. No streamlit here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pages.components.runs.state import CANCELED_PHASE, STALLED, is_live, is_stalled
from services.executions import SPANS, ExecutionRow, PhaseState
from services.lifecycle import ExecutionPhase, ExecutionStatus
from services.timeline import PhaseJson, PhaseRun


def phase_run(row: ExecutionRow, kept: Mapping[str, PhaseState], now: datetime) -> PhaseRun:
    """The run as the phase bar draws it: `progress` is how full the current phase's segment is, 0 to 100; `states`
    are looks in place of the usual ones. `kept` is what the execution keeps of its phases; a list knows nothing of it.
    """
    phases = {name: _drawn_phase(state) for name, state in kept.items()}
    if row.phase and row.status in (ExecutionStatus.FAILED, ExecutionStatus.RETRY):
        phases.setdefault(row.phase, {})["status"] = "failed"  # a phase may end well and what it came to end the run
    if row.phase and row.waits_for_plan:
        phases.setdefault(row.phase, {})["status"] = "completed"
    other = {}
    if row.canceled:
        other["failed"] = CANCELED_PHASE
    elif is_stalled(row, now):
        other["now"] = STALLED
    return {
        "status": row.status,
        "live": is_live(row),
        "phase": row.phase,
        "phases": phases,
        "canceled": row.canceled,
        "progress": round(100 * phase_fraction(row.phase, row.progress)),
        "states": {name: look.data() for name, look in other.items()},
    }


def _drawn_phase(state: PhaseState) -> PhaseJson:
    started, completed = (at.isoformat() if at else None for at in (state.started_at, state.completed_at))
    return {"status": state.status, "started_at": started, "completed_at": completed}


def phase_fraction(phase: str | None, progress: int) -> float:
    """How much of the current phase is done, 0 to 1, from the progress of the whole."""
    if phase is None:
        return 0.0
    low, high = SPANS[ExecutionPhase(phase)]
    return min(max((progress - low) / (high - low), 0.0), 1.0)
