"""Pausing and resuming all runs, and what agents may spend a day."""

from __future__ import annotations

import uuid

import pandas as pd
import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.errors import guarded
from services import holding, workspaces
from services.database.engine import transaction
from services.people import Actor


def runs_and_spending(_actor: Actor) -> None:
    with guarded(stop=True), transaction() as session:
        pause = holding.paused(session)
        caps, spent = holding.caps(session), holding.spent_today(session)
        rows = workspaces.choices(session)
    with st.container(border=True):
        st.markdown("**Runs**")
        if pause is None:
            _pause_form()
        else:
            st.warning(looks.plain(pause.sentence), icon=":material/pause_circle:")
            if st.button("Resume all runs", type="primary", icon=":material/play_arrow:"):
                _resume()
    with st.container(border=True):
        st.markdown("**What agents may spend a day**")
        st.caption(
            "In each workspace, from midnight to midnight UTC. A launch beyond it is refused, and a run that reaches it "
            "ends with that reason and can be continued the next day."
        )
        _cap_form({None: "Every workspace without its own"} | {row.id: row.name for row in rows}, caps)
        st.dataframe(
            pd.DataFrame(
                [
                    (
                        row.name,
                        looks.money(spent.get(row.id, 0.0)),
                        looks.money(caps.of(row.id)) if caps.of(row.id) is not None else "no cap",
                        "own" if row.id in caps.own else "as everywhere",
                    )
                    for row in rows
                ],
                columns=["Workspace", "Spent today", "Cap a day", "Set"],
            ),
            hide_index=True,
            key="spending",
            alt="What agents spent today, by workspace",
        )


def _pause_form() -> None:
    with st.form("pause-runs", border=False):
        reason = st.text_input("Why, for everybody to read", max_chars=holding.LONGEST_REASON, key="pause-reason")
        st.caption("A step that has begun comes to its end; then runs wait, and every page says so.")
        if not st.form_submit_button("Pause all runs", icon=":material/pause:"):
            return
    with guarded():
        actor = acting()
        with transaction() as session:
            holding.pause(session, reason=reason, actor=actor)
        st.cache_data.clear()
        st.rerun()


def _resume() -> None:
    with guarded():
        actor = acting()
        with transaction() as session:
            holding.resume(session, actor=actor)
        st.cache_data.clear()
        st.rerun()


def _cap_form(names: dict[uuid.UUID | None, str], caps: holding.Caps) -> None:
    with st.form("spend-cap", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Where", list(names), format_func=names.__getitem__, key="cap-where")
        usd = st.number_input(
            "Dollars a day (empty: no cap)",
            min_value=0.0,
            max_value=holding.MOST_USD,
            value=caps.everywhere,
            step=1.0,
            key="cap-usd",
        )
        if not st.form_submit_button("Set", icon=":material/savings:"):
            return
    with guarded():
        actor = acting()
        with transaction() as session:
            holding.set_cap(session, chosen, usd, actor=actor)
        st.rerun()
