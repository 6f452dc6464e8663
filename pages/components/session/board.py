"""The bar with which marks are judged, by mouse, finger or keyboard."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages.components import looks

BACK: Final = "back"
SKIP: Final = "skip"
UNDO: Final = "undo"
VERDICT_KEYS: Final = {"confirmed": "1", "false_positive": "2", "adjustment": "3", "unsure": "4"}


def judging_bar(*, key: str, disabled: bool = False) -> tuple[str | None, str]:
    """Back K, the four verdicts 1 to 4, Skip J, and a reason. Returns (what was pressed or None, the reason).

    What was pressed is BACK, SKIP or a verdict. The keys work anywhere on the page but in text fields. Put it into
    `st.bottom`, so that phones have it at hand. The reason empties once a verdict took it.
    """
    pressed: str | None = None
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if st.button("Back", key=f"{key}-back", type="tertiary", icon=":material/chevron_left:", shortcut="K"):
            pressed = BACK
        for verdict, shortcut in VERDICT_KEYS.items():
            look = looks.VERDICTS[verdict]
            label = f":{look.color}[{look.icon}] {look.label}"
            if st.button(label, key=f"{key}-{verdict}", shortcut=shortcut, disabled=disabled):
                pressed = verdict
        if st.button("Skip", key=f"{key}-skip", type="tertiary", icon=":material/chevron_right:", shortcut="J"):
            pressed = SKIP
        reason = _reason(key, taken=pressed in VERDICT_KEYS, disabled=disabled)
    return pressed, reason


def undo_button(*, key: str, disabled: bool = False) -> bool:
    """Takes the last verdict back; Z."""
    return st.button(
        "Undo", key=f"{key}-undo", type="tertiary", icon=":material/undo:", shortcut="Z", disabled=disabled
    )


def _reason(key: str, *, taken: bool, disabled: bool) -> str:
    name, round_name = f"{key}-reason", f"{key}-reason-round"
    turn = st.session_state.get(round_name, 0)
    text = str(st.session_state.get(f"{name}-{turn}", ""))
    if taken:  # a new widget, because a value can't be changed once its widget stands
        turn += 1
        st.session_state[round_name] = turn
    shown = st.text_input(
        "Reason",
        key=f"{name}-{turn}",
        placeholder="Reason (optional), saved with the verdict",
        label_visibility="collapsed",
        disabled=disabled,
        max_chars=2000,
    )
    return (text if taken else shown).strip()
