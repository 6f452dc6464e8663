"""The cards at the right of a workspace: the live execution, the success rate, the lifecycle with what comes next."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import streamlit as st

from pages.components import looks, rates
from pages.components.actor import viewer_now
from pages.components.dialogs import ask_now
from pages.components.drawn import facts, lifecycle, rate_card
from pages.components.links import exists, go
from pages.components.runs.cells import Ticking
from pages.components.runs.component import line
from pages.components.runs.state import counting_up, is_paid, remark, state, waits_for_worker
from pages.components.workspace.next_step import NextStep, Offer, next_step
from services import executions, feedback, review, sessions, system, workspaces
from services.database.engine import transaction
from services.executions import ExecutionDetail, ExecutionRow
from services.lifecycle import WorkspaceStatus
from services.people import Actor
from services.review import Returned
from services.rules import is_live
from services.sessions import SessionRow
from services.workspaces import WorkspaceDetail

WIDTH: Final = 310


@dataclass(frozen=True, slots=True)
class View:
    """What the screen shows beside the timeline, read in one transaction."""

    workspace: WorkspaceDetail
    latest: ExecutionDetail | None
    active: SessionRow | None
    trend: list[float]
    first_launch: datetime | None
    step: NextStep
    disputes: int = 0
    returned: Returned | None = None

    @property
    def live(self) -> ExecutionDetail | None:
        return self.latest if self.latest and is_live(self.latest.row.status) else None


def read(workspace_id: uuid.UUID, actor: Actor) -> View:
    """Raises NotFound."""
    with transaction() as session:
        workspace = workspaces.get(session, workspace_id)
        newest = executions.list_executions(session, workspace_id=workspace_id, limit=1)
        active = sessions.list_sessions(session, workspace_id=workspace_id, status="active", limit=1)
        current = review.glance(session, workspace_id)
        guards = review.approval_guards(current)
        sendable = len(feedback.open_batch(session, workspace_id)) if workspace.open_count else 0
        latest = executions.get(session, newest[0].id) if newest else None
        return View(
            workspace=workspace,
            latest=latest,
            active=active[0] if active else None,
            trend=workspaces.sparklines(session, [workspace_id]).get(workspace_id, []),
            first_launch=_first_launch(session, latest),
            step=next_step(
                workspace, latest=latest.row if latest else None, sendable=sendable, guards=guards, actor=actor
            ),
            disputes=current.disputes,
            returned=review.open_return(session, workspace_id) if workspace.status == WorkspaceStatus.BETA else None,
        )


def _first_launch(session: Any, latest: ExecutionDetail | None) -> datetime | None:
    """When implementing began; it never changes, so it is looked for once."""
    if latest is None or latest.row.number == 1:
        return latest.row.triggered_at if latest else None
    known: dict[uuid.UUID, datetime] = st.session_state.setdefault("first-launches", {})
    workspace_id = latest.row.workspace_id
    if workspace_id not in known:
        known[workspace_id] = executions.first_launch(session, workspace_id) or latest.row.triggered_at
    return known[workspace_id]


def summary(view: View, actor: Actor) -> None:
    """Draws the cards."""
    if view.live is not None:
        _live_card(view.live, actor)
    _numbers_card(view)
    with st.container(border=True, gap="xxsmall"):
        st.caption("Lifecycle")
        lifecycle(view.workspace.status, _dates(view), key="lifecycle")
        _next(view)


def _live_card(live: ExecutionDetail, actor: Actor) -> None:
    """The live execution. The browser counts its time, and what changes it draws the board again."""
    now, row = viewer_now(), live.row
    look = state(row, now)
    with st.container(border=True, gap="xxsmall"):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.caption("Live execution", width="content")
            st.caption(f"{row.number}, attempt {row.retry_count + 1}", width="content")
        working = look.label == looks.EXECUTIONS["running"].label and row.phase
        words = looks.look(looks.PHASES, row.phase).label if working else look.label
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.markdown(f":small[:{look.color}[{look.icon} **{words}**]]", width="content")
            st.markdown(f":small[**{row.progress}%**]", width="content")
        st.progress(row.progress / 100)
        line(remark(row, now, workers=_workers(row)) or _doing(live), key="live-doing")
        with st.container(horizontal=True, gap="small"):
            if exists("execution") and st.button("Follow", icon=":material/visibility:", width="stretch", key="follow"):
                go("execution", id=row.id)
            if actor.may("cancel") and st.button(
                "Cancel", icon=":material/stop_circle:", width="stretch", key="cancel", disabled=row.canceled
            ):
                ask_now("cancel", row.id)


def _workers(row: ExecutionRow) -> int | None:
    """How many workers are connected, where the run waits for one."""
    if not waits_for_worker(row):
        return None
    with transaction() as session:
        return len(system.list_workers(session))


def _doing(live: ExecutionDetail) -> Ticking:
    """What is under way and for how long: "Editing detectors/bos.py · 3 min 2 s"."""
    row = live.row
    state = live.phases.get(row.phase or "")
    task = state.current_task if state is not None else None
    cost = f" · {looks.money(float(row.cost_usd))}" if is_paid(row) else ""
    return counting_up(row.started_at or row.triggered_at, before=f"{task} · " if task else "", after=cost)


def _numbers_card(view: View) -> None:
    workspace = view.workspace
    known, policy = workspace.rates, workspace.policy
    counted = known.all
    tested = workspace.success_rate is not None
    label = f"Success rate, v{workspace.version}" if workspace.deployed_version_id else "Success rate"
    if not tested and (before := rates.before(known)):
        label += f"; {before}"
    counts = {"confirmed": counted.tp, "false_positive": counted.fp, "false_negative": counted.fn}
    held = [("Kept for testing", looks.count(workspace.holdout_count, "place"))] if workspace.holdout_count else []
    with st.container(border=True, gap="xxsmall"):
        rate_card(
            label,
            workspace.success_rate,
            counted.ci_low if tested else None,
            counted.ci_high if tested else None,
            counted.n if tested else 0,
            key="rate",
            trend=view.trend if len(view.trend) > 1 else (),
            counts=counts if tested else None,
            least=policy.judged,
        )
        rows = [
            ("Unseen places", rates.unseen(known, policy)),
            ("Seen places", rates.seen(known, policy)),
            *([("Rests", notes)] if tested and (notes := rates.notes(counted)) else []),
            ("Open corrections", f"{workspace.open_count:,}"),
            ("Sessions", f"{workspace.session_count:,}"),
            *held,
            ("Last tested", looks.ago(workspace.last_tested_at)),
        ]
        facts(rows, key="counts")
        with st.container(horizontal=True, gap="small"):
            if exists("versions") and st.button("Versions", icon=":material/history:", type="tertiary", key="versions"):
                go("versions", id=workspace.id)
            if view.disputes and exists("disputes"):
                label = looks.count(view.disputes, "dispute")
                if st.button(label, icon=":material/gavel:", type="tertiary", key="disputes"):
                    go("disputes", id=workspace.id)
            beta = workspace.status == WorkspaceStatus.BETA and exists("review")
            if beta and st.button("Checklist", icon=":material/fact_check:", type="tertiary", key="checklist"):
                go("review", id=workspace.id)


def _dates(view: View) -> dict[str, datetime | None]:
    workspace = view.workspace
    return {
        "soon": workspace.created_at,
        "implementing": view.first_launch,
        "beta": workspace.implemented_at,
        "in_review": workspace.approved_at,
        "verified": workspace.verified_at if workspace.status == WorkspaceStatus.VERIFIED else None,
    }


def _next(view: View) -> None:
    step = view.step
    if view.returned is not None:
        st.warning(looks.plain(f"Returned by {view.returned.by}: {view.returned.reason}"), icon=":material/undo:")
    st.caption("Next")
    st.markdown(f":small[{looks.plain(step.sentence)}]")
    if step.main is not None and _button(step.main, main=True, enabled=step.enabled):
        _take(step.main, view)
    for offer in step.others:
        if _button(offer):
            _take(offer, view)


def _button(offer: Offer, *, main: bool = False, enabled: bool = True) -> bool:
    return st.button(
        offer.label,
        icon=f":material/{offer.symbol}:",
        type="primary" if main and enabled else "secondary",
        width="stretch",
        disabled=not enabled,
        key=f"next-{offer.action}",
    )


def _take(offer: Offer, view: View) -> None:
    if offer.action == "review" and exists("review"):
        go("review", id=view.workspace.id)
    ask_now(offer.action, view.workspace.id)
