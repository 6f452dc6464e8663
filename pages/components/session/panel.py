"""What stands below the board: the success rate, and what a retest lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from pages.components import drawn, looks
from services.labels import SessionScore
from services.lifecycle import SessionStatus
from services.sessions import SessionDetail

COUNTED: Final = ("confirmed", "false_positive", "adjustment", "false_negative", "unsure")


def score_card(detail: SessionDetail, verdicts: Mapping[str, int], score: SessionScore) -> None:
    """The success rate with its interval and n: the frozen one of a completed session, else as it stands now."""
    shown = {verdict: verdicts.get(verdict, 0) for verdict in COUNTED}
    now = score.rate
    frozen = detail.status == SessionStatus.COMPLETED
    with st.container(border=True, gap="small"):
        if frozen:
            n = detail.tp + detail.fp + detail.fn
            values = (detail.success_rate, detail.ci_low, detail.ci_high, n)
            drawn.rate_card("Score at completion", *values, key="session-score", counts=shown)
            if (now.tp, now.fp, now.fn) != (detail.tp, detail.fp, detail.fn):
                st.caption(f"Counted now, it is {now.words}.")
            _precision(detail)
        else:
            drawn.rate_card("So far", now.rate, now.ci_low, now.ci_high, now.n, key="session-score", counts=shown)
            if now.rate is not None:
                st.caption(f"{now.words}.")


def masked_card() -> None:
    """In place of a score that others' verdicts are in."""
    with st.container(border=True, gap="small"):
        st.markdown("**Blind review**")
        st.caption("Others have judged here. The score shows once you have judged every mark.")


def labels_card(verdicts: Mapping[str, int]) -> None:
    """What a session without a detector holds: places, and no rate, for nothing was detected."""
    with st.container(border=True, gap="small"):
        st.markdown(f"**{looks.count(verdicts.get('false_negative', 0), 'marked place')}**")
        st.caption("No detector ran here, so there is no score. The places go to the agent with the first launch.")


def _precision(detail: SessionDetail) -> None:
    found = [("Precision", looks.percent(detail.precision))]
    if detail.recall is not None:
        found.append(("Recall", looks.percent(detail.recall)))
    drawn.facts(found, key="session-precision")


def gone_card(gone: Sequence[Mapping[str, Any]], *, may_judge: bool) -> tuple[str, Mapping[str, Any]] | None:
    """Marks that were right before and that this version no longer has. Returns what was pressed: missed or fine."""
    pressed = None
    with st.container(border=True, gap="small"):
        st.markdown(f"**{looks.count(len(gone), 'mark')} gone since the last version**")
        st.caption("They were judged right. Say of each whether it is missed now.")
        with st.container(height=220 if len(gone) > 4 else "content", border=False, gap="xsmall"):
            for item in gone:
                key = str(item["feedback_id"])
                label = looks.kind_label(str(item["kind"]), int(item["direction"]))
                with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                    where = looks.candle_label(item["candle_index"], item["candle_time"])
                    st.caption(f"{label} \\#{item['candle_index']}", width="stretch", help=looks.plain(where))
                    if st.button("Missed", key=f"gone-missed-{key}", disabled=not may_judge):
                        pressed = ("missed", item)
                    if st.button("Fine", key=f"gone-fine-{key}", type="tertiary", disabled=not may_judge):
                        pressed = ("fine", item)
    return pressed
