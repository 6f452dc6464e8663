"""What grows, by which rule it is bounded, and how much room the disk has."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.components import looks
from pages.components.admin import jobs as job_parts
from pages.components.errors import guarded
from services import disk, pruning
from services.jobs import PruneSpec
from services.lifecycle import JobKind
from services.people import Actor
from services.pruning import Pruned
from services.settings import get_settings


@st.cache_data(ttl=60, show_spinner="Looking at what there is …")
def _look() -> Pruned:
    return pruning.look(get_settings())


def storage(_actor: Actor) -> None:
    room = disk.look(get_settings())
    colour = {"enough": "success", "low": "warning", "full": "error"}[room.state]
    getattr(st, colour)(looks.plain(room.sentence), icon=":material/storage:")
    st.progress(
        1 - room.free / room.total, text=f"{looks.size(room.total - room.free)} of {looks.size(room.total)} used"
    )
    with guarded(stop=True):
        found = _look()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{looks.size(found.size)} in all; the rules would remove {looks.count(found.removable, 'thing')} of "
            f"{looks.size(found.removable_size)}. The schedule 'Tidy up' does so every day."
        )
        st.space("stretch")
        if st.button("Look again", icon=":material/refresh:"):
            _look.clear()
            st.rerun()
        if st.button("Tidy up now", type="primary", icon=":material/cleaning_services:"):
            _look.clear()
            job_parts.ask(PruneSpec())
    st.dataframe(
        pd.DataFrame(
            [
                (p.title, p.count, looks.size(p.size), looks.size(p.removable_size), p.rule, f"{p.setting} = {p.value}")
                for p in found.parts
            ],
            columns=["What", "Things", "Size", "To remove", "Rule", "Setting"],
        ),
        hide_index=True,
        key="growing",
        alt="What grows, with its rule and its size",
        height="content",
    )
    st.markdown("### Tidied up")
    job_parts.live(lambda: job_parts.read(JobKind.PRUNE), lambda rows: job_parts.history(rows, key="prune-history"))
