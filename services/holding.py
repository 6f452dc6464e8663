"""What keeps runs waiting or agents from spending: an admin's pause, a full disk, a cap for a day and workspace."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from sqlalchemy.orm import Session

from services import disk
from services.database.rows import fetch
from services.errors import Conflict, InvalidInput, NotFound
from services.models import PatternWorkspace, Setting, now
from services.people import Actor, record, require
from services.settings import Settings, get_settings
from services.texts import storable

PAUSED: Final = "paused"
CAPS: Final = "spend_caps"
DISKS: Final = "disks"
LONGEST_REASON: Final = 200
MOST_USD: Final = 1_000_000.0
STALE_S: Final = 300.0  # a worker tells its disk once a minute; one that told nothing for so long is gone
FREE: Final = frozenset({"tuner", "manual"})  # agents that charge nothing


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused all runs, when, and why where they said so."""

    by: str
    at: datetime
    reason: str

    @property
    def sentence(self) -> str:
        why = f": {self.reason.rstrip('.')}" if self.reason else ""
        return f"{self.by} paused all runs at {self.at:%H:%M} UTC on {self.at:%-d %B}{why}. They go on when an admin resumes them."


@dataclass(frozen=True, slots=True)
class Caps:
    """What agents may spend in a day (UTC) in dollars; None is no cap. `own` are those of single workspaces."""

    everywhere: float | None
    own: dict[uuid.UUID, float]

    def of(self, workspace_id: uuid.UUID) -> float | None:
        return self.own.get(workspace_id, self.everywhere)


def pause(session: Session, *, reason: str = "", actor: Actor) -> None:
    """All runs wait before their next step; what a step has begun comes to its end. Raises Conflict when they do."""
    require(actor, "operate")
    if paused(session) is not None:
        raise Conflict("All runs are paused already.")
    text = " ".join(storable(reason).split())[:LONGEST_REASON]
    _write(session, PAUSED, {"by": actor.name, "at": now().isoformat(), "reason": text})
    record(
        session,
        actor=actor,
        action="runs_paused",
        object_type="installation",
        object_id="all",
        after={"reason": text} if text else None,
    )


def resume(session: Session, *, actor: Actor) -> None:
    """Waiting runs go on within seconds. Raises Conflict when nothing is paused."""
    require(actor, "operate")
    row = session.get(Setting, PAUSED, with_for_update=True, populate_existing=True)
    if row is None:
        raise Conflict("Nothing is paused.")
    session.delete(row)
    record(session, actor=actor, action="runs_resumed", object_type="installation", object_id="all")


def paused(session: Session) -> Pause | None:
    row = session.get(Setting, PAUSED, populate_existing=True)
    if row is None:
        return None
    return Pause(str(row.value["by"]), datetime.fromisoformat(row.value["at"]), str(row.value.get("reason") or ""))


def why_runs_wait(session: Session, settings: Settings) -> str | None:
    """A sentence when no run of this machine may begin its next step, None when they may."""
    room = disk.look(settings)
    if room.state == "full":
        return room.sentence
    pause = paused(session)
    return pause.sentence if pause else None


def caps(session: Session) -> Caps:
    """The caps in force: what an admin set here, else SPEND_CAP_USD."""
    row = session.get(Setting, CAPS, populate_existing=True)
    value: dict[str, Any] = row.value if row else {}
    everywhere = value["everywhere"] if "everywhere" in value else get_settings().spend_cap_usd
    return Caps(everywhere, {uuid.UUID(key): float(usd) for key, usd in (value.get("own") or {}).items()})


def set_cap(session: Session, workspace_id: uuid.UUID | None, usd: float | None, *, actor: Actor) -> None:
    """Sets what agents may spend a day: in one workspace, or (None) in each that has no cap of its own.

    `usd` None takes the cap away. Raises InvalidInput, NotFound.
    """
    require(actor, "operate")
    if usd is not None and not (math.isfinite(usd) and 0 <= usd <= MOST_USD):
        raise InvalidInput(f"A cap is a number of dollars from 0 to {MOST_USD:,.0f}.")
    if workspace_id is not None and session.get(PatternWorkspace, workspace_id) is None:
        raise NotFound("There is no such workspace.")
    before = caps(session)
    own = dict(before.own)
    everywhere = before.everywhere
    if workspace_id is None:
        everywhere = usd
    elif usd is None:
        own.pop(workspace_id, None)
    else:
        own[workspace_id] = usd
    _write(session, CAPS, {"everywhere": everywhere, "own": {str(key): value for key, value in own.items()}})
    was = before.everywhere if workspace_id is None else before.own.get(workspace_id)
    record(
        session,
        actor=actor,
        action="spend_cap_changed",
        object_type="workspace" if workspace_id else "installation",
        object_id=workspace_id or "all",
        before={"usd_per_day": was},
        after={"usd_per_day": usd},
    )


_SPENT: LiteralString = """
SELECT workspace_id, sum(cost_usd)::float8 FROM (
    SELECT e.workspace_id, u.cost_usd, u.created_at
    FROM agent_usage u JOIN claude_executions e ON e.id = u.execution_id
    UNION ALL
    SELECT q.workspace_id, u.cost_usd, u.created_at FROM question_usage u JOIN questions q ON q.id = u.question_id
) used
WHERE created_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
  AND (%(w)s::uuid IS NULL OR workspace_id = %(w)s)
GROUP BY workspace_id
"""


def spent_today(session: Session, workspace_id: uuid.UUID | None = None) -> dict[uuid.UUID, float]:
    """Dollars that agents have spent since midnight UTC, by workspace."""
    return {row[0]: float(row[1]) for row in fetch(session, _SPENT, {"w": workspace_id})}


def left_today(session: Session, workspace_id: uuid.UUID) -> float | None:
    """Dollars that agents may still spend in a workspace today; None where there is no cap."""
    cap = caps(session).of(workspace_id)
    if cap is None:
        return None
    return max(0.0, cap - spent_today(session, workspace_id).get(workspace_id, 0.0))


def check_cap(session: Session, workspace: PatternWorkspace, agent: str) -> None:
    """Raises Conflict when the workspace's agents have spent the day's cap."""
    if agent in FREE:
        return
    spent = cap_is_spent(session, workspace.id, workspace.name)
    if spent is not None:
        raise Conflict(f"{spent} Launch after midnight UTC, with the tuner, or ask an admin to raise the cap.")


def cap_is_spent(session: Session, workspace_id: uuid.UUID, name: str) -> str | None:
    """A sentence when the workspace's agents have spent the day's cap, None when they may spend more."""
    if left_today(session, workspace_id) != 0.0:
        return None
    return f"The agents of {name} have spent today's cap of ${caps(session).of(workspace_id):,.2f}."


def report_disk(session: Session, machine: str, room: disk.Room) -> None:
    """A worker tells how its disk stands, so that pages know of a full one elsewhere."""
    row = session.get(Setting, DISKS, with_for_update=True, populate_existing=True)
    told = dict(row.value) if row else {}
    told[machine] = {"state": room.state, "sentence": room.sentence, "at": now().isoformat()}
    if row is None:
        session.add(Setting(name=DISKS, value=told))
    else:
        row.value = told


def other_disks(session: Session) -> dict[str, tuple[str, str]]:
    """State and sentence of the disks that workers told of lately, by machine, where there is too little room."""
    row = session.get(Setting, DISKS, populate_existing=True)
    recent = {
        machine: told
        for machine, told in (row.value if row else {}).items()
        if (now() - datetime.fromisoformat(told["at"])).total_seconds() < STALE_S
    }
    return {m: (str(t["state"]), str(t["sentence"])) for m, t in recent.items() if t["state"] != "enough"}


def _write(session: Session, name: str, value: Mapping[str, str | float | dict[str, float] | None]) -> None:
    row = session.get(Setting, name, with_for_update=True, populate_existing=True)
    if row is None:
        session.add(Setting(name=name, value=dict(value)))
    else:
        row.value = dict(value)
    session.flush()
