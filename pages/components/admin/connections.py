"""What this installation is connected to, each with a test that a worker makes and a sentence of what came of it."""

from __future__ import annotations

import streamlit as st

from pages.components import looks
from pages.components.admin import jobs as job_parts
from pages.components.parts import badge
from services import words
from services.agents.registry import agents
from services.deploys.registry import targets
from services.jobs import ConnectionSpec, JobRow
from services.jobs.specs import connections as known_connections
from services.lifecycle import JobKind
from services.people import Actor


def connections(_actor: Actor) -> None:
    st.caption("A worker asks each for a sign of life, which changes nothing and costs nothing.")
    job_parts.live(lambda: job_parts.read(JobKind.CONNECTION_TEST), _draw)


def _draw(rows: list[JobRow]) -> None:
    missing = why_not()
    newest = {row.name: row for row in reversed(rows)}
    for name, title in known_connections().items():
        row = newest.get(name)
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(width="stretch", gap=None):
                st.markdown(f"**{looks.plain(title[0].upper() + title[1:])}**")
                if (reason := missing.get(name)) is not None:
                    st.caption(looks.plain(reason))
                if row is not None and row.sentence:
                    st.caption(looks.plain(f"{row.sentence} Tested {looks.when(row.ended_at)}."))
            if row is not None:
                badge(job_parts.STATES[row.status], "Works" if row.status == "done" else None)
            if st.button("Test connection", key=f"test-{name}", icon=":material/network_check:"):
                job_parts.ask(ConnectionSpec(name=name))


def why_not() -> dict[str, str]:
    """Why each agent and deploy target that is not connected is not, by the connection's name."""
    known = [(f"agent:{row.name}", row.title, row.reason) for row in agents()]
    known += [(f"target:{row.name}", row.title, row.reason) for row in targets()]
    return {name: words.why_not_connected(title, reason) for name, title, reason in known if reason}
