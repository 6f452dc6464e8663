"""The grid of workspace cards: one component, so that a thousand cards are one element of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypedDict

from pages.components import looks
from pages.components.assets import Component, asset, component
from pages.components.runs.state import STALLED
from services.timeline import LookJson


class LiveData(TypedDict):
    look: LookJson
    label: str
    progress: int | None


class CardData(TypedDict):
    id: str
    name: str
    status: LookJson
    subtitle: str
    rate: str
    tested_yet: bool
    evidence: str
    unseen: str
    spark: list[float]
    sessions: str
    open: str
    tested: str
    live: LiveData | None


class GridData(TypedDict):
    cards: list[CardData]


_HERE: Final = Path(__file__).parent
_GRID: Component[GridData] = component(
    "workspace_grid",
    GridData,
    html='<div class="root"><div class="grid"></div></div>',
    css=asset("shared.css", _HERE / "grid.css"),
    js=asset("shared.js", "spark.js", _HERE / "grid.js"),
    triggers=("open",),
)


def workspace_grid(cards: Sequence[Mapping[str, Any]], key: str, *, now: datetime | None = None) -> str | None:
    """Draws the cards; returns the id of the workspace that was opened in this run, else None.

    A card: id, name, category, version, status, rate, ci_low, ci_high (0..1 or None), n, note (what is missing to be
    enough), unseen (a line), before (what the last version had), spark (rates), sessions, open_feedback, last_tested_at (datetime or None), live ({phase, progress, status, stalled} or None).
    """
    views = [card_view(card, now or looks.now_here()) for card in cards]
    result = _GRID({"cards": views}, key=key)
    opened = getattr(result, "open", None)
    return opened if opened in {card["id"] for card in views} else None


def card_view(card: Mapping[str, Any], now: datetime) -> CardData:
    """What a card shows, as finished text."""
    status = looks.look(looks.STATUSES, card["status"])
    rate = card["rate"]
    name, evidence = str(card["name"]), _evidence(card)
    live = _live(card.get("live"))
    tested = card.get("last_tested_at")
    open_count = int(card.get("open_feedback") or 0)
    return {
        "id": str(card["id"]),
        "name": name,
        "status": status.data(),
        "subtitle": " · ".join(filter(None, [card.get("category"), _version(card.get("version"))])),
        "rate": looks.percent(rate),
        "tested_yet": rate is not None,
        "evidence": evidence,
        "unseen": f"Unseen: {card['unseen']}" if card.get("unseen") and rate is not None else "",
        "spark": [float(v) for v in card.get("spark") or []],
        "sessions": looks.count(int(card.get("sessions") or 0), "session"),
        "open": f"{open_count:,} open" if open_count else "",
        "tested": f"Tested {looks.ago(tested, now)}" if tested else "Never tested",
        "live": live,
    }


def _evidence(card: Mapping[str, Any]) -> str:
    if card["rate"] is None:
        return (card.get("before") and f"Not judged yet, {card['before']}") or "No judged detections yet"
    parts = [looks.interval(card.get("ci_low"), card.get("ci_high")), f"n {int(card.get('n') or 0):,}"]
    return " · ".join([*parts, str(card["note"])] if card.get("note") else parts)


def _version(version: str | None) -> str:
    return f"v{version}" if version else "no version yet"


def _live(live: Mapping[str, Any] | None) -> LiveData | None:
    if not live:
        return None
    status = str(live.get("status") or "running")
    phase = looks.look(looks.PHASES, live.get("phase")).label if live.get("phase") else "Starting"
    label = {"pending": "Waiting for a worker", "retry": f"Retrying, {phase.lower()}"}.get(status, phase)
    progress = None if status == "pending" else int(live.get("progress") or 0)
    look = looks.look(looks.EXECUTIONS, status)
    if live.get("stalled"):
        look, label = STALLED, f"Stalled, {phase.lower()}"
    return {"look": look.data(), "label": label, "progress": progress}
