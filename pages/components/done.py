"""What a dialog or a form has just done, said once by the run that follows it."""

from __future__ import annotations

from typing import Final, NoReturn

import streamlit as st

from pages.components import looks

_KEY: Final = "done"


def done(sentence: str, symbol: str) -> NoReturn:
    """Runs the page again, which closes a dialog; the next run says the sentence, because a toast doesn't outlive its run."""
    st.session_state[_KEY] = sentence, symbol
    st.rerun()


def tell() -> None:
    """Says once what the run before has done. `symbol` is the name of a Material symbol."""
    notice: tuple[str, str] | None = st.session_state.pop(_KEY, None)
    if notice is not None:
        st.toast(looks.plain(notice[0]), icon=f":material/{notice[1]}:")
