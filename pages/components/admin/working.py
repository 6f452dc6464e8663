"""What runs here: how detectors are shut in, what is connected and why something is not, workers, and the queue."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from pages.components import looks
from pages.components.columns import Column
from pages.components.drawn import facts
from pages.components.errors import guarded
from pages.components.links import go
from pages.components.rows.component import rows_table
from pages.components.runs.state import state
from services import executions, releases, system, words
from services.agents.registry import AgentInfo, agents
from services.database.engine import transaction
from services.deploys.registry import TargetInfo, targets
from services.detectors.isolation import isolation, isolation_note
from services.executions import ExecutionRow
from services.people import Actor
from services.settings import get_settings
from services.system import WorkerRow


@dataclass(frozen=True, slots=True)
class Working:
    """A worker and one of the executions it works on, None for one that waits for work."""

    worker: WorkerRow
    run: ExecutionRow | None


def the_system(_actor: Actor) -> None:
    """What runs here, what waits, and how detectors are shut in."""
    with guarded(stop=True), transaction() as session:
        live, workers = executions.list_active(session), system.list_workers(session)
    note = isolation_note()
    settings = get_settings()
    with st.container(horizontal=True, gap="small", key="stack-system"):
        with st.container(border=True, width="stretch"):
            st.markdown("**Detectors**")
            facts([("Isolation", isolation()), *([("Why", note)] if note else [])], key="isolation")
            if isolation() != "bubblewrap":
                st.warning("Detectors run with reduced isolation on this machine.", icon=":material/gpp_maybe:")
        with st.container(border=True, width="stretch"):
            st.markdown("**Connections**")
            connected(agents(), targets())
        with st.container(border=True, width="stretch"):
            st.markdown("**Settings**")
            facts(
                [
                    ("Sign-in", "OIDC" if settings.oidc_configured else "Local, this machine only"),
                    ("Database", "Server" if settings.database_url else "Embedded"),
                    ("Approver may verify", "yes" if settings.approver_may_verify else "no"),
                    ("Marks for an approval", str(settings.min_judged_marks)),
                    ("Pattern repository", releases.repository().name),
                ],
                key="settings",
            )
    _workers(workers, live)
    _queue(live)


def connected(known_agents: Sequence[AgentInfo], known_targets: Sequence[TargetInfo]) -> None:
    """Each agent and deploy target, and why one is not connected."""
    known: list[AgentInfo | TargetInfo] = [*known_agents, *known_targets]
    facts([(row.title, "connected" if row.available else "not connected") for row in known], key="connections")
    for row in known:
        if not row.available and row.reason:
            st.caption(looks.plain(words.why_not_connected(row.title, row.reason)))


def _workers(workers: Sequence[WorkerRow], live: Sequence[ExecutionRow]) -> None:
    st.markdown(f"### Workers :gray[{len(workers)}]")
    if not workers:
        st.caption("No worker is connected: executions wait until one starts.")
        return
    rows = working(workers, live)
    opened, _ = rows_table(
        worker_columns(), rows, key="workers", label="Connected workers; a click opens the execution"
    )
    if opened is not None and (run := rows[opened].run) is not None:
        go("execution", id=run.id)


def working(workers: Sequence[WorkerRow], live: Sequence[ExecutionRow]) -> list[Working]:
    """A row for each execution that a worker has, and one for each worker that has none."""
    of_worker: dict[str, list[ExecutionRow | None]] = {}
    for run in live:
        if run.worker_id is not None:
            of_worker.setdefault(run.worker_id, []).append(run)
    return [Working(each, run) for each in workers for run in of_worker.get(each.worker_id) or [None]]


def worker_columns() -> list[Column[Working]]:
    times = st.column_config.TextColumn(help=looks.zone_help())
    return [
        Column("Worker", lambda row: row.worker.worker_id),
        Column("Works on", lambda row: _named(row.run) if row.run else "waits for work"),
        Column("Phase", lambda row: _phase(row.run)),
        Column("Last sign of life", lambda row: _when(row.worker.heartbeat_at), times),
        Column("Connected", lambda row: _when(row.worker.since), times),
    ]


def _queue(live: Sequence[ExecutionRow]) -> None:
    st.markdown(f"### Queue :gray[{len(live)}]")
    if not live:
        st.caption("Nothing runs or waits.")
        return
    label = "Executions that run or wait; a click opens one"
    opened, _ = rows_table(queue_columns(), live, key="queue", label=label)
    if opened is not None:
        go("execution", id=live[opened].id)


def queue_columns() -> list[Column[ExecutionRow]]:
    """What the queue shows of an execution; its state as everywhere else, so that a stalled one is no running one."""
    progress = st.column_config.ProgressColumn(min_value=0, max_value=100, format="%d%%")
    return [
        Column("Execution", _named),
        Column("Status", lambda run: state(run, looks.now_here()).label),
        Column("Phase", _phase),
        Column("Progress", lambda run: float(run.progress), progress),
        Column("Worker", lambda run: run.worker_id or looks.MISSING),
        Column("Launched", lambda run: _when(run.triggered_at), st.column_config.TextColumn(help=looks.zone_help())),
        Column("By", lambda run: run.triggered_by_name),
        Column("Id", lambda run: _short(run.id)),
    ]


def _named(run: ExecutionRow) -> str:
    return f"{run.workspace_name} · execution {run.number}"


def _phase(run: ExecutionRow | None) -> str:
    return looks.look(looks.PHASES, run.phase).label if run is not None and run.phase else looks.MISSING


def _when(at: datetime | None) -> str:
    return looks.when(at)


def _short(value: uuid.UUID) -> str:
    return str(value)[:8]
