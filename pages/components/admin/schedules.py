"""Schedules of exports and backups: added, paused, removed, and what came of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.admin import jobs as job_parts
from pages.components.errors import guarded
from services import jobs
from services.database.engine import transaction
from services.exports.files import Format
from services.exports.reports import REPORTS
from services.jobs import ScheduleRow
from services.jobs.schedules import DAILY_PRUNE
from services.people import Actor

WHAT = {"export": "A report", "backup": "A backup"}


def schedules(actor: Actor) -> None:
    with st.expander("Add a schedule", icon=":material/add:"):
        _form()
    with guarded(stop=True), transaction() as session:
        rows = jobs.list_schedules(session, actor=actor)
    for row in rows:
        _schedule(row)
    if not rows:
        st.caption("There are no schedules yet. The first worker adds the daily tidying.")
    st.markdown("### History")
    job_parts.live(job_parts.read, lambda rows: job_parts.history(rows, key="job-history"))


def _form() -> None:
    what = st.segmented_control(
        "What", list(WHAT), default="export", format_func=WHAT.__getitem__, required=True, key="sched-what"
    )
    with st.form("add-schedule", border=False, clear_on_submit=False):
        name = st.text_input("Name", max_chars=80, key="sched-name")
        report = filters = ""
        format: str = Format.CSV
        verify = False
        if what == "export":
            report = str(
                st.selectbox("Report", list(REPORTS), format_func=lambda r: REPORTS[r].title, key="sched-report") or ""
            )
            format = str(st.selectbox("Format", list(Format), key="sched-format") or Format.CSV)
            filters = st.text_input(
                "Filters", placeholder="workspace=swings status=completed", max_chars=500, key="sched-filters"
            )
        else:
            verify = st.toggle("Verify each by a restore into a scratch place", key="sched-verify")
        cron = st.text_input(
            "When (minute hour day month weekday)", value="30 6 * * 1-5", max_chars=100, key="sched-cron"
        )
        zone = st.text_input("Time zone", value=st.context.timezone or "UTC", max_chars=60, key="sched-zone")
        target = st.text_input(
            "Where to (empty: the data folder)",
            placeholder="/srv/reports/, s3://bucket/folder/, or an address of a chat or mail",
            max_chars=2000,
            key="sched-target",
        )
        keep = st.number_input("Keep so many of the newest (0: all)", 0, 10_000, 14, key="sched-keep")
        if not st.form_submit_button("Add", type="primary", icon=":material/schedule:"):
            return
    with guarded():
        value: dict[str, Any] = {"kind": what, "target": target.strip() or None}
        if what == "export":
            value |= {"report": report, "format": format, "filters": _pairs(filters), "keep": int(keep) or None}
        else:
            value |= {"verify": verify} | ({"keep": int(keep)} if keep else {"keep": 1000})
        actor, spec = acting(), jobs.read_spec(value)
        with transaction() as session:
            jobs.add(session, name=name, cron=cron, time_zone=zone.strip(), spec=spec, actor=actor)
        st.rerun()


def _pairs(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in text.split())}


def _schedule(row: ScheduleRow) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{looks.plain(row.name)}** :gray[{looks.plain(row.what)}]")
            when = f"next {row.next_at:%Y-%m-%d %H:%M} UTC" if row.next_at else "paused"
            st.caption(looks.plain(f"{row.cron} {row.time_zone} · {when}"))
            good = f"last good {looks.when(row.last_good_at)}" if row.last_good_at else "not done well yet"
            last = f" · {row.last_status}: {row.last_sentence}" if row.last_sentence else ""
            st.caption(looks.plain(f"{good}{last}"))
        if row.next_at is None:
            if st.button("Resume", key=f"resume-{row.id}", icon=":material/play_arrow:"):
                _change(jobs.resume, row.name)
        elif st.button("Pause", key=f"pause-{row.id}", icon=":material/pause:"):
            _change(jobs.pause, row.name)
        if row.name != DAILY_PRUNE and st.button("Remove", key=f"remove-{row.id}", icon=":material/delete:"):
            _change(jobs.remove, row.name)


def _change(verb: Callable[..., None], name: str) -> None:
    with guarded():
        actor = acting()
        with transaction() as session:
            verb(session, name, actor=actor)
        st.rerun()
