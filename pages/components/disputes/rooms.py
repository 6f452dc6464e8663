"""The room of a disputed place, and the workspace's rules in words."""

from __future__ import annotations

import uuid
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.charts import ChartMark, place_chart
from pages.components.done import done
from pages.components.errors import guarded
from pages.components.links import exists
from pages.components.parts import figure
from services import disputes, policies
from services.candles.store import load_frame
from services.database.engine import transaction
from services.disputes import Room, VerdictRow
from services.errors import PatternDeskError
from services.people import Actor
from services.settings import get_settings
from services.workspaces import WorkspaceDetail

AROUND: Final = 40  # candles on each side of the place
HEIGHT: Final = 380
PRESENT: Final = "It is there"
ABSENT: Final = "It is not there"


def draw(workspace_id: uuid.UUID, room: Room, actor: Actor) -> None:
    """Everything of one place: the chart, who said what, what they wrote, and the decision."""
    place = room.place
    if room.kept_for_testing:
        st.caption(":material/lock: This place is kept for testing, so nothing of it goes into a prompt.")
    _chart(room)
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"**Verdicts** :gray[{looks.plain(place.votes)}]")
        for row in room.verdicts:
            _verdict(row)
    with st.container(border=True, gap="xsmall"):
        st.markdown("**Comments**")
        for remark in room.remarks:
            st.markdown(f":small[**{looks.plain(remark.person)}**, {looks.when(remark.at)}]")
            st.text(remark.text)
        if actor.may("judge"):
            _comment(workspace_id, place.id)
    for decision in room.decisions:
        st.success(
            looks.plain(
                f"{decision.person} settled it, {looks.when(decision.at)}: "
                f"{(PRESENT if decision.present else ABSENT).lower()}. Rule: {decision.rule}"
            ),
            icon=":material/gavel:",
        )
    if place.status == "disputed" and actor.may("judge"):
        _settle(workspace_id, place.id, room)
    elif (
        place.status in ("present", "absent")
        and actor.may("pin")
        and st.button(
            "Pin this place", icon=":material/keep:", key="place-pin", help="No replay may break it from then on."
        )
    ):
        with guarded() as outcome, transaction() as session:
            policies.pin(session, workspace_id, place.id, actor=actor)
        if outcome.ok:
            done("The place is pinned.", "gavel")


def _chart(room: Room) -> None:
    if room.storage_path is None or room.index is None:
        return
    try:
        frame = load_frame(get_settings().storage_root, room.storage_path)
    except PatternDeskError as error:
        st.caption(looks.plain(error.sentence))
        return
    candles = frame.iloc[max(0, room.index - AROUND) : room.index + AROUND + 1]
    if candles.empty:
        return
    chart = place_chart(candles, marks_of(room), height=HEIGHT)
    figure(chart, key=f"dispute-chart-{room.place.id}", alt="Candles with everybody's verdict on the place")


def marks_of(room: Room) -> list[ChartMark]:
    """Each verdict as a mark where its person means it, above each other where they mean the same candle."""
    made = []
    for row in room.verdicts:
        moved = row.verdict in ("false_negative", "adjustment") and row.expected is not None
        bar = row.expected if moved else row.bar
        if bar is not None:
            made.append(
                ChartMark(
                    room.place.kind, room.place.direction, bar, bar, bar, row.low, row.high, row.verdict, row.person
                )
            )
    return made


def _verdict(row: VerdictRow) -> None:
    look = looks.look(looks.VERDICTS, row.verdict)
    state = looks.look(looks.FEEDBACK_STATES, row.state).label.lower()
    place = f"#{row.bar}" if row.bar is not None else ""
    moved = f" → #{row.expected}" if row.verdict == "adjustment" and row.expected is not None else ""
    made = " (a documented rule)" if row.made_by == "rule" else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f":{look.color}[{look.icon} **{look.label}**] {looks.plain(f'{row.person}{made} {place}{moved}, {state}')}",
            width="content",
        )
        if row.session_id is not None and exists("session"):
            query = {"id": str(row.session_id), "mark": str(row.detection_id or row.feedback_id)}
            st.page_link("session.py", label=looks.plain(row.session_name or "Session"), query_params=query)
    if row.reason:
        st.text(row.reason)


def _comment(workspace_id: uuid.UUID, place_id: uuid.UUID) -> None:
    with st.form(f"comment-{place_id}", border=False, clear_on_submit=True):
        text = st.text_area("Comment", height=80, max_chars=disputes.MAX_TEXT, key=f"dispute-comment-{place_id}")
        pressed = st.form_submit_button("Comment", icon=":material/chat_bubble:", key="dispute-say")
    if not pressed:
        return
    with guarded() as outcome:
        actor = acting()
        with transaction() as session:
            disputes.comment(session, workspace_id, place_id, text, actor=actor)
    if outcome.ok:
        st.rerun()


def _settle(workspace_id: uuid.UUID, place_id: uuid.UUID, room: Room) -> None:
    with st.form(f"settle-{place_id}", border=True):
        st.markdown("**Settle it**")
        word = st.radio("Decision", [PRESENT, ABSENT], index=None, horizontal=True, key=f"settle-word-{place_id}")
        rule = st.text_area(
            "The rule in words",
            height=90,
            max_chars=disputes.MAX_TEXT,
            key=f"settle-rule-{place_id}",
            help="It joins the workspace's rules, which every prompt sends."
            if not room.kept_for_testing
            else "It stays in this room, because the place is kept for testing.",
        )
        pressed = st.form_submit_button("Settle", type="primary", icon=":material/gavel:", key="settle-yes")
    if not pressed:
        return
    if word is None:
        st.error("Choose whether it is there before it is settled.")
        return
    with guarded() as outcome:
        actor = acting()
        with transaction() as session:
            disputes.settle(session, workspace_id, place_id, present=word == PRESENT, rule=rule, actor=actor)
    if outcome.ok:
        done("The dispute is settled.", "gavel")


def rules(workspace: WorkspaceDetail, actor: Actor) -> None:
    """The workspace's rules, which every prompt sends; people may change them."""
    with st.container(border=True, gap="xsmall"):
        st.markdown("**Rules of this pattern** :gray[every prompt sends them]")
        if not actor.may("edit_rules"):
            st.text(workspace.rules or "None yet.")
            return
        with st.form("rules", border=False):
            text = st.text_area(
                "Rules",
                workspace.rules or "",
                height=140,
                max_chars=disputes.MAX_RULES,
                key=f"rules-{workspace.id}-{hash(workspace.rules)}",
                label_visibility="collapsed",
            )
            pressed = st.form_submit_button("Save the rules", icon=":material/check:", key="rules-save")
        if not pressed:
            return
        with guarded() as outcome:
            person = acting()
            with transaction() as session:
                disputes.set_rules(session, workspace.id, text, actor=person)
        if outcome.ok:
            done("The rules are saved.", "gavel")
