"""A timeline's entry as JSON, as the browser gets it. `tools.seam` makes the script's types from these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from services.lifecycle import AuthorType


class AuthorJson(TypedDict):
    id: str
    name: str | None
    image: str | None


class SessionJson(TypedDict):
    id: str
    name: str


class FeedbackJson(TypedDict):
    id: str
    verdict: str
    state: str
    kind: str | None
    direction: int | None
    candle_index: int | None
    candle_time: str | None
    price: float | None
    execution_number: int | None


class PhaseJson(TypedDict):
    """What an execution keeps of one of its phases, as far as it is drawn."""

    status: NotRequired[str]
    started_at: NotRequired[str | None]
    completed_at: NotRequired[str | None]


def phase_json(kept: Mapping[str, Any]) -> PhaseJson:
    """What is drawn of a phase, from what the execution keeps of it."""
    phase: PhaseJson = {"started_at": kept.get("started_at"), "completed_at": kept.get("completed_at")}
    if "status" in kept:
        phase["status"] = kept["status"]
    return phase


class LookJson(TypedDict):
    """How a state looks: a colour of the palette, a Material symbol, and what people read."""

    color: str
    symbol: str
    label: str


class PhaseRun(TypedDict):
    """What the phase bar draws. `progress` is 0 to 100; `states` are looks in place of the usual ones."""

    status: str
    phase: str | None
    progress: int | None
    canceled: bool
    live: bool  # whether it has not ended
    phases: dict[str, PhaseJson]
    states: NotRequired[dict[str, LookJson]]


class ExecutionJson(PhaseRun):
    id: str
    number: int
    agent: str | None
    agent_name: str | None
    cost_usd: float
    feedback_count: int
    started_at: str | None
    completed_at: str | None
    look: NotRequired[LookJson]  # its state as people read it, where the reader knows more than the database


class AttachmentJson(TypedDict):
    name: str
    kind: str
    url: str


class EntryBase(TypedDict):
    """An entry without its type and its payload, which depend on each other. Live entries come with the keys of their
    attachments alone; the page's own come with links."""

    id: str
    seq: int
    created_at: str
    author: AuthorJson | None
    author_type: AuthorType
    title: str | None
    content: str | None
    attachments: list[str] | list[AttachmentJson]
    session: SessionJson | None
    feedback: FeedbackJson | None
    execution: ExecutionJson | None
    status: str | None
    progress: int | None
    edited_at: str | None
    deleted_at: str | None


class EntryJson(EntryBase):
    type: str
    data: dict[str, Any]
