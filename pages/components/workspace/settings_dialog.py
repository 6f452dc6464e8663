"""A workspace's policies: what an approval takes, what a replay lets pass, and what is kept for testing."""

from __future__ import annotations

import uuid
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import acting, require_actor
from pages.components.errors import guarded
from services import policies
from services.database.engine import transaction
from services.people import Actor
from services.places import ApprovalPolicy
from services.policies import BlockRow, PinRow, Settings

REPLAY: Final = {"": "By the status: strict once verified", "strict": "Strict: nothing may break", "net": "Net: three fixed for each broken one"}  # fmt: skip


@st.dialog("Policies", width="medium", icon=":material/policy:")
def settings(workspace_id: uuid.UUID) -> None:
    """Everybody reads them; admins change them, members pin and take pins away."""
    actor = require_actor()
    with guarded(stop=True), transaction() as session:
        known = policies.read(session, workspace_id)
        pinned = policies.pins(session, workspace_id)
        blocks = policies.blocks(session, workspace_id)
    may = actor.may("set_policy")
    if not may:
        st.caption(":material/visibility: An admin changes policies.")
    _approval(workspace_id, known, may=may)
    _replay(workspace_id, known, may=may)
    _holdout(workspace_id, known, blocks, actor)
    _pins(workspace_id, pinned, actor)


def _approval(workspace_id: uuid.UUID, known: Settings, *, may: bool) -> None:
    policy = known.approval
    with st.form("approval-policy", border=True):
        st.markdown("**What an approval takes**")
        with st.container(horizontal=True, gap="small"):
            judged = st.number_input(
                "Judged places", 1, policies.MOST_JUDGED, policy.judged, key="policy-judged", disabled=not may
            )
            unseen = st.number_input(
                "Of them unseen", 0, policies.MOST_JUDGED, policy.unseen, key="policy-unseen", disabled=not may
            )
        low = st.number_input(
            "Least lower bound of the rate, in per cent (0 for none)",
            0,
            99,
            round(100 * (policy.lower_bound or 0)),
            key="policy-bound",
            disabled=not may,
        )
        settled = st.checkbox("Every dispute is settled", policy.settled, key="policy-settled", disabled=not may)
        pressed = st.form_submit_button("Save", icon=":material/check:", key="policy-save", disabled=not may)
    if not pressed:
        return
    wanted = ApprovalPolicy(int(judged), int(unseen), low / 100 if low else None, bool(settled))
    with guarded() as outcome:
        actor = acting()
        with transaction() as session:
            policies.set_approval_policy(session, workspace_id, wanted, actor=actor)
    if outcome.ok:
        st.rerun()


def _replay(workspace_id: uuid.UUID, known: Settings, *, may: bool) -> None:
    with st.form("replay-policy", border=True):
        st.markdown("**What a replay lets pass**")
        names = list(REPLAY)
        chosen = st.selectbox(
            "Policy",
            names,
            names.index(known.replay or ""),
            format_func=REPLAY.__getitem__,
            key="policy-replay",
            disabled=not may,
        )
        pressed = st.form_submit_button("Save", icon=":material/check:", key="replay-save", disabled=not may)
    if not pressed:
        return
    with guarded() as outcome:
        actor = acting()
        with transaction() as session:
            policies.set_replay_policy(session, workspace_id, chosen or None, actor=actor)
    if outcome.ok:
        st.rerun()


def _holdout(workspace_id: uuid.UUID, known: Settings, blocks: list[BlockRow], actor: Actor) -> None:
    may = actor.may("set_policy")
    with st.container(border=True, gap="xsmall"):
        st.markdown("**Kept for testing**")
        if known.share_is_fixed:
            st.caption(f"{known.holdout_share:.0%} of the candles; fixed since the first execution.")
        else:
            _share(workspace_id, known, may=may)
        for row in blocks:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                what = "released" if row.released else looks.count(row.places, "judged place")
                st.text(f"{row.symbol} {row.timeframe}, {row.first:%Y-%m-%d} to {row.last:%Y-%m-%d}: {what}")
        free = [row for row in blocks if not row.released]
        if free and actor.may("release_block"):
            _release(workspace_id, free)


def _share(workspace_id: uuid.UUID, known: Settings, *, may: bool) -> None:
    with st.form("holdout-share", border=False):
        share = st.slider(
            "Share in per cent", 0, 50, round(100 * known.holdout_share), key="policy-share", disabled=not may
        )
        pressed = st.form_submit_button("Save", icon=":material/check:", key="share-save", disabled=not may)
    if not pressed:
        return
    with guarded() as outcome:
        actor = acting()
        with transaction() as session:
            policies.set_holdout_share(session, workspace_id, share / 100, actor=actor)
    if outcome.ok:
        st.rerun()


def _release(workspace_id: uuid.UUID, free: list[BlockRow]) -> None:
    with st.form("release-block", border=False):
        row = st.selectbox(
            "Release a block",
            free,
            index=None,
            key="release-block",
            format_func=lambda r: f"{r.symbol} {r.timeframe}, {r.first:%Y-%m-%d} to {r.last:%Y-%m-%d}",
            help="Its places go to agents from then on, and count as seen for ever.",
        )
        reason = st.text_input("Reason", key="release-reason")
        pressed = st.form_submit_button("Release", icon=":material/lock_open:", key="release-yes")
    if not pressed or row is None:
        return
    with guarded() as outcome:
        actor = acting()
        with transaction() as session:
            policies.release_block(session, workspace_id, row.series_id, row.block, reason=reason, actor=actor)
    if outcome.ok:
        st.rerun()


def _pins(workspace_id: uuid.UUID, pinned: list[PinRow], actor: Actor) -> None:
    with st.container(border=True, gap="xsmall"):
        st.markdown("**Pinned places** :gray[no replay may break them]")
        if not pinned:
            st.caption("None. A place is pinned on the page of versions, or in its room among the disputes.")
        for row in pinned:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.text(f"{looks.kind_label(row.kind, row.direction)} at bar {row.bar}, by {row.person}")
                if actor.may("pin") and st.button("Unpin", icon=":material/keep_off:", key=f"unpin-{row.id}"):
                    with guarded() as outcome, transaction() as session:
                        policies.unpin(session, workspace_id, row.id, actor=actor)
                    if outcome.ok:
                        st.rerun(scope="fragment")
