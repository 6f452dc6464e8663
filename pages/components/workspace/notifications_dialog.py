"""The dialog of a workspace's notices: whom they go to, a test, and what became of the latest ones."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import acting, require_actor
from pages.components.errors import guarded
from pages.components.parts import export_menu
from services import notifications
from services.database.engine import transaction
from services.notifications import AddressOutcome, NoticeRow
from services.people import Actor

EXAMPLES: Final = (
    "mailtos://user:password@example.com?to=team@example.com",
    "slack://TokenA/TokenB/TokenC/#patterns",
)
LEAD: Final = (
    "These addresses get a message when a run or a deploy fails for good, when a review waits, and when the success "
    "rate falls after a deploy."
)
EVENTS: Final = {
    "run_failed": "Failed run",
    "deploy_failed": "Failed deploy",
    "review_waiting": "Review waiting",
    "success_rate_fell": "Success rate fell",
    "approval_voided": "Approval voided",
    "test": "Test",
}
SHOWN: Final = 10
LIVE_S: Final = "2s"


@st.dialog("Notifications", width="medium", icon=":material/notifications:")
def notifications_of(workspace_id: uuid.UUID) -> None:
    """Whom the workspace's notices go to, and the latest of them."""
    body(workspace_id)


def body(workspace_id: uuid.UUID) -> None:
    """What the dialog holds."""
    actor = require_actor()
    with guarded(stop=True), transaction() as session:
        saved = notifications.get_urls(session, workspace_id, actor=actor)
    st.text(LEAD)
    _addresses(workspace_id, saved)
    _latest_part(workspace_id, actor)


def _addresses(workspace_id: uuid.UUID, saved: list[str]) -> None:
    with st.form("notify", border=False):
        text = st.text_area(
            "Addresses, one a line",
            "\n".join(saved),
            height=120,
            key=f"notify-urls-{workspace_id}",
            help=f"Up to {notifications.MOST}, of any service on a network that apprise knows: mail, chat, phones, web "
            "hooks. They hold tokens and passwords: members see them here, and nothing else shows them.",
        )
        if not saved:
            st.caption("Nobody gets messages yet. An address names a service and its password or token, for example:")
            st.code("\n".join(EXAMPLES), language=None, wrap_lines=True)
        with st.container(horizontal=True, gap="small"):
            save_now = st.form_submit_button("Save", type="primary", icon=":material/check:", key="notify-save")
            test_now = st.form_submit_button("Send a test", icon=":material/send:", key="notify-test")
    if save_now or test_now:
        with guarded() as outcome:
            sentence = save(workspace_id, text, acting()) if save_now else send_test(workspace_id, text, acting())
        if outcome.ok:
            st.success(looks.plain(sentence), icon=":material/check:")


def save(workspace_id: uuid.UUID, text: str, actor: Actor) -> str:
    """Keeps the addresses of a text; returns a sentence with their number."""
    with transaction() as session:
        kept = notifications.set_urls(session, workspace_id, text.split("\n"), actor=actor)
    return (
        f"Saved {looks.count(len(kept), 'address', 'addresses')}." if kept else "Saved. Nobody gets messages any more."
    )


def send_test(workspace_id: uuid.UUID, text: str, actor: Actor) -> str:
    """Keeps what was changed in the text, and sends a test to all of it."""
    with transaction() as session:
        notifications.set_urls(session, workspace_id, text.split("\n"), actor=actor)
        notifications.send_test(session, workspace_id, actor=actor)
    return "Saved. A test is on its way; what comes of it shows below."


def _latest_part(workspace_id: uuid.UUID, actor: Actor) -> None:
    """The latest notices; they follow by themselves while one is on its way.

    They look again every two seconds then, because a notice's tries raise no event of the live stream: what comes of
    one is for whoever has this dialog open, and it takes seconds.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Latest notices**", width="stretch")
        export_menu("notifications", {"workspace": str(workspace_id)}, actor, type="tertiary")
    with guarded(stop=True), transaction() as session:
        waiting = any(n.status == "pending" for n in notifications.latest(session, workspace_id, actor=actor))
    st.fragment(_latest, run_every=LIVE_S if waiting else None)(workspace_id, actor)


def _latest(workspace_id: uuid.UUID, actor: Actor) -> None:
    with guarded(stop=True), transaction() as session:
        rows = notifications.latest(session, workspace_id, limit=SHOWN, actor=actor)
    if not rows:
        st.caption("None yet. Save an address and send a test to see one here.")
    for row in rows:
        with st.container(border=True, gap="xxsmall"):
            look = state(row)
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f":{look.color}[{look.icon}] **{looks.plain(row.title)}**", width="stretch")
                st.caption(looks.when(row.created_at), width="content")
            st.caption(looks.plain(facts(row)))
            for number, outcome in enumerate(row.outcomes, start=1):
                st.markdown(line(number, outcome))


def state(row: NoticeRow) -> looks.Look:
    """How a notice stands: one that some address refused so far is being tried again, or reached only the others."""
    if row.status == "pending" and row.tries:
        return looks.NOTICES["retry"]
    sent = sum(outcome.state == "sent" for outcome in row.outcomes)
    if row.status == "failed" and sent:
        return replace(looks.NOTICES["partly"], label=f"Delivered to {sent} of {len(row.outcomes)}")
    return looks.look(looks.NOTICES, row.status)


def facts(row: NoticeRow) -> str:
    """ "Failed run · Sent · 2 tries"."""
    tries = [looks.count(row.tries, "try", "tries")] if row.tries > 1 else []
    return " · ".join([EVENTS.get(row.event, row.event), state(row).label, *tries])


def line(number: int, outcome: AddressOutcome) -> str:
    """What came of one address, as a line of Markdown. The number tells apart those that look the same."""
    look = looks.look(looks.NOTICE_ADDRESSES, outcome.state)
    outcome_text = looks.plain(outcome.said or look.label)
    return f":small[:{look.color}[{look.icon}] :gray[{number}] {looks.plain(outcome.address)} :gray[{outcome_text}]]"
