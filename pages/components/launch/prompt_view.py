"""A stored prompt on a screen: before it is sent, and afterwards."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.runs import component
from services import prompts, storage
from services.prompts import Size
from services.settings import get_settings

BYTES_A_TOKEN: Final = 3  # of JSON full of numbers; an estimate for people, no limit depends on it


def prompt_view(stored: str, *, name: str, key: str, height: str) -> None:
    """A stored prompt: how much it holds, its two files, and the text as people read it."""
    content, text, size = prompt(stored)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(looks.plain(size_text(size)), width="stretch")
        st.download_button(
            "JSON",
            content,
            file_name=f"{name}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
            key=f"{key}-json",
            help="Exactly the file that is sent",
        )
        st.download_button(
            "Text",
            text,
            file_name=f"{name}.txt",
            mime="text/plain",
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
            key=f"{key}-text",
            help="The same as people read it, without the candles",
        )
    component.text(text, label="The prompt", key=key, height=height)


def size_text(size: Size) -> str:
    """ "8 corrections of 2 sessions · 200 candles · 48 kB, about 16k tokens" """
    sessions = f" of {looks.count(size.sessions, 'session')}" if size.sessions else ""
    what = f"{looks.count(size.corrections, 'correction')}{sessions}" if size.corrections else "The description"
    candles = [looks.count(size.candles, "candle")] if size.candles else []
    pictures = [looks.count(size.pictures, "picture")] if size.pictures else []
    tokens = size.size // BYTES_A_TOKEN + size.picture_tokens
    return " · ".join([what, *candles, *pictures, f"{looks.size(size.size)}, about {looks.tokens(tokens)} tokens"])


@st.cache_data(max_entries=100, show_spinner=False)
def prompt(key: str) -> tuple[bytes, str, Size]:
    """The stored prompt as it was sent, as text, and how much it holds. A key names the same bytes for ever."""
    data = storage.get(get_settings().storage_root, key)
    return data, prompts.readable(prompts.read(data)), prompts.measure(data)
