"""A long text of an execution on its screen: its end up to a limit, a search in it, and the whole as a file."""

from __future__ import annotations

import streamlit as st

from pages.components import looks
from pages.components.execution import logs
from pages.components.execution.logs import Log
from pages.components.runs import component


def passage(log: Log, *, label: str, file_name: str, key: str, nothing: str, height: str = "30rem") -> None:
    """A text with a search, a note on how much of it shows, and the whole as a file."""
    if not log.text:
        st.caption(nothing)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        note = st.container(width="stretch")
        words = st.text_input(
            "Find in it",
            type="search",
            placeholder="Find",
            label_visibility="collapsed",
            width=160,
            live=True,
            key=f"{key}-find",
        )
        st.download_button(
            "File",
            log.all,
            file_name=f"{file_name}.txt",
            mime="text/plain",
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
            key=f"{key}-file",
            help=f"{label}, {looks.size(log.size)}",
        )
    words = (words or "").strip()
    lines = logs.matching(log.text, words) if words else None
    end, cut = logs.end_of(log.text if lines is None else "\n".join(lines))
    with note:
        st.caption(_note(log, lines, cut))
    if lines == []:
        st.caption(f"No line holds “{looks.plain(words)}”.")
        return
    follow = log.grows and lines is None
    component.text(end, label=label, key=key, follow=follow, height=height)


def _note(log: Log, lines: list[str] | None, cut: bool) -> str:
    """How much is shown: "The end of 240 kB, as it grows. Times are UTC." """
    if lines is not None:
        of = f"{looks.count(len(lines), 'line')} of {len(log.text.splitlines()):,}"
        left_out = " in the last 2 MB" if log.size > logs.HELD else ""
        return f"{of}{left_out}{', the last of them' if cut else ''}"
    grows = ", as it grows" if log.grows else ""
    if not log.whole:
        return f"The last {looks.size(log.size)} that reached this machine; the whole follows. Times are UTC."
    what = f"The end of {looks.size(log.size)}" if cut else f"All {looks.size(log.size)}"
    return f"{what}{grows}. Times are UTC."
