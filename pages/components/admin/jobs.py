"""Jobs on a screen: their history, and the asking for one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.errors import guarded
from services import jobs
from services.database.engine import transaction
from services.jobs import JobRow, Spec
from services.lifecycle import JobKind, JobStatus

LOOK_S = 2.0
STATES = {
    JobStatus.WAITING: looks.Look("gray", "hourglass_empty", "Waiting for a worker"),
    JobStatus.RUNNING: looks.Look("blue", "progress_activity", "Running"),
    JobStatus.DONE: looks.Look("green", "check_circle", "Done"),
    JobStatus.FAILED: looks.Look("red", "error", "Failed"),
}


def ask(spec: Spec) -> None:
    """Asks a worker for a job in the name of whoever clicks."""
    with guarded():
        actor = acting()
        with transaction() as session:
            jobs.ask(session, spec, actor=actor)
        st.rerun()


def read(kind: JobKind | None = None, schedule_id: uuid.UUID | None = None) -> list[JobRow]:
    actor = acting()
    with transaction() as session:
        return jobs.latest(session, kind=kind, schedule_id=schedule_id, actor=actor)


def live(read_rows: Callable[[], list[JobRow]], draw: Callable[[list[JobRow]], None]) -> None:
    """Draws a part that follows its jobs while one of them waits or runs; the page is drawn anew at their end.

    It looks again by itself, because jobs belong to no workspace and so to no live stream: they last for seconds, few
    people look at them, and with none under way nothing is asked.
    """
    with guarded(stop=True):
        busy = _unfinished(read_rows())

    def part() -> None:
        with guarded():
            rows = read_rows()
            draw(rows)
            if busy and not _unfinished(rows):
                st.rerun()

    st.fragment(part, run_every=LOOK_S if busy else None)()


def _unfinished(rows: Sequence[JobRow]) -> bool:
    return any(row.ended_at is None for row in rows)


def history(rows: Sequence[JobRow], *, key: str) -> None:
    """The newest jobs as a table."""
    if not rows:
        st.caption("Nothing has been done yet.")
        return
    here = looks.now_here().tzinfo
    st.dataframe(
        pd.DataFrame(
            [
                (
                    row.planned_at.astimezone(here),
                    row.title,
                    STATES[row.status].label,
                    row.sentence or looks.MISSING,
                    looks.duration((row.ended_at - row.started_at).total_seconds())
                    if row.ended_at and row.started_at
                    else looks.MISSING,
                    row.asked_by or "the app",
                )
                for row in rows
            ],
            columns=["When", "What", "State", "What came of it", "Took", "For"],
        ),
        hide_index=True,
        key=key,
        alt="Background jobs",
        column_config={"When": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", help="In your time zone")},
    )
