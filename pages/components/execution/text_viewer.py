"""Long texts of an execution on its screen: shown up to a cap, searched, and whole as a file."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.execution import log as logs
from pages.components.execution.log import Log
from pages.components.execution.read import prompt
from pages.components.runs import component as drawn
from services.prompts import Size

BYTES_A_TOKEN: Final = 3  # of JSON full of numbers; an estimate for people, nothing is reckoned with it


def passage(log: Log, *, label: str, file_name: str, key: str, nothing: str, height: str = "30rem") -> None:
    """A text with a search, what is shown of it said, and the whole as a file."""
    if not log.text:
        st.caption(nothing)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        note = st.container(width="stretch")
        words = st.text_input(
            "Find in it", type="search", placeholder="Find", label_visibility="collapsed", width=160, live=True,
            key=f"{key}-find",
        )  # fmt: skip
        st.download_button(
            "File", log.all, file_name=f"{file_name}.txt", mime="text/plain", icon=":material/download:",
            on_click="ignore", type="tertiary", key=f"{key}-file", help=f"{label}, {looks.size(log.size)}",
        )  # fmt: skip
    words = (words or "").strip()
    lines = logs.matching(log.text, words) if words else None
    shown, cut = logs.end_of(log.text if lines is None else "\n".join(lines))
    with note:
        st.caption(_note(log, lines, cut))
    if lines == []:
        st.caption(f"No line holds “{looks.plain(words)}”.")
        return
    follow = log.grows and lines is None
    drawn.text(shown, label=label, key=key, follow=follow, height=height)


def prompt_view(stored: str, *, name: str, key: str, height: str) -> None:
    """A stored prompt: how much it holds, its two files, and the text as people read it."""
    content, text, size = prompt(stored)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(looks.plain(size_text(size)), width="stretch")
        st.download_button(
            "JSON", content, file_name=f"{name}.json", mime="application/json", icon=":material/download:",
            on_click="ignore", type="tertiary", key=f"{key}-json", help="Exactly the file that is sent",
        )  # fmt: skip
        st.download_button(
            "Text", text, file_name=f"{name}.txt", mime="text/plain", icon=":material/download:", on_click="ignore",
            type="tertiary", key=f"{key}-text", help="The same as people read it, without the candles",
        )  # fmt: skip
    drawn.text(text, label="The prompt", key=key, height=height)


def size_text(size: Size) -> str:
    """ "8 corrections of 2 sessions · 200 candles · 48 kB, about 16k tokens" """
    sessions = f" of {looks.count(size.sessions, 'session')}" if size.sessions else ""
    what = f"{looks.count(size.corrections, 'correction')}{sessions}" if size.corrections else "The description"
    candles = [looks.count(size.candles, "candle")] if size.candles else []
    amount = f"{looks.size(size.size)}, about {looks.tokens(size.size // BYTES_A_TOKEN)} tokens"
    return " · ".join([what, *candles, amount])


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
