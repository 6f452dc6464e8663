"""What a launch chooses between: agents and deploy targets, with the reason for those that can't be used here."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import streamlit as st

from pages.components import looks
from pages.components.errors import guarded
from services import actions
from services.agents.registry import AgentInfo
from services.deploys.registry import TargetInfo
from services.settings import get_settings

Choices = Sequence[AgentInfo | TargetInfo]


def choose(label: str, rows: Choices, *, key: str, before: str | None = None) -> str:
    """One of those that can be used; `before` is chosen at first where it can."""
    usable = {row.name: row.title for row in rows if row.available}
    first = before if before in usable else next(iter(usable))
    picked: str = st.segmented_control(
        label, list(usable), default=first, required=True, format_func=usable.__getitem__, key=key
    )
    return picked


def not_available(rows: Choices) -> None:
    """A line for each that can't be used here, with why."""
    for row in rows:
        if not row.available:
            why = row.reason or f"{row.title} is not available."
            st.caption(f":material/block: {looks.plain(why)}")


def may_work(agent: str, workspace_id: uuid.UUID) -> bool:
    """Whether the agent can do anything here; says why not. The tuner needs a detector to begin with."""
    hopeless: str | None = None
    with guarded(stop=True):
        hopeless = actions.why_hopeless(workspace_id, agent)
    if hopeless is not None:
        st.warning(looks.plain(hopeless), icon=":material/block:")
    return hopeless is None


def claude_limits() -> str:
    """How far Claude may go by itself: money, turns and time."""
    settings = get_settings()
    deadline, idle = looks.duration(settings.claude_deadline_s), looks.duration(settings.claude_idle_s)
    return looks.plain(
        f"Claude stops by itself at {looks.money(settings.claude_budget_usd)} for the execution, "
        f"{settings.claude_max_turns} turns or {deadline} a phase, or {idle} of silence."
    )
