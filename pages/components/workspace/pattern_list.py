"""The patterns by category at the left of a workspace: one component, whatever their number."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypedDict

from pages.components import looks, rates
from pages.components.assets import Component, asset, component
from pages.components.runs.state import STALLED, is_silent
from services.rules import is_live
from services.workspaces import WorkspaceRow


class PatternItem(TypedDict):
    id: str
    name: str
    symbol: str
    color: str
    rate: str
    unread: str
    spoken: str


class PatternGroup(TypedDict):
    name: str
    items: list[PatternItem]


class PatternListData(TypedDict):
    groups: list[PatternGroup]
    selected: str
    none: str


_HERE: Final = Path(__file__).parent
_LIST: Component[PatternListData] = component(
    "pattern_list",
    PatternListData,
    html='<div class="root"><nav aria-label="Patterns"></nav></div>',
    css=asset("shared.css", _HERE / "pattern_list.css"),
    js=asset("shared.js", _HERE / "pattern_list.js"),
    triggers=("open",),
)


def pattern_list(
    rows: Sequence[WorkspaceRow], *, selected: uuid.UUID | None, unread: Mapping[uuid.UUID, int], key: str
) -> uuid.UUID | None:
    """Draws rows (ordered by category) and returns the id of the one that was clicked in this run."""
    data: PatternListData = {
        "groups": groups(rows, unread),
        "selected": str(selected),
        "none": "No pattern fits the search.",
    }
    opened = getattr(_LIST(data, key=key), "open", None)
    return next((row.id for row in rows if str(row.id) == opened), None)


def groups(rows: Sequence[WorkspaceRow], unread: Mapping[uuid.UUID, int] = MappingProxyType({})) -> list[PatternGroup]:
    """The rows by category; a live execution shows in place of the status. `unread` counts new messages."""
    return [
        {"name": category, "items": [_item(row, unread.get(row.id, 0)) for row in members]}
        for category, members in groupby(rows, key=lambda row: row.category)
    ]


def _item(row: WorkspaceRow, new: int) -> PatternItem:
    status = looks.look(looks.STATUSES, row.status)
    live = is_live(row.execution_status)
    drawn_look = looks.look(looks.EXECUTIONS, row.execution_status) if live else status
    if is_silent(row.execution_heartbeat_at, datetime.now(UTC)):
        drawn_look = STALLED
    spoken = [row.name, status.label]
    if live:
        spoken.append(f"execution {row.execution_number} is {'stalled' if drawn_look is STALLED else 'live'}")
    if row.success_rate is not None:
        spoken += [looks.percent(row.success_rate), rates.evidence(row.rates.all, row.policy.judged)]
    if new:
        spoken.append(f"{new:,} new")
    return {
        "id": str(row.id),
        "name": row.name,
        "unread": f"{new} new" if 0 < new < 100 else "99+ new" if new else "",
        "symbol": drawn_look.symbol,
        "color": drawn_look.color,
        "rate": looks.percent(row.success_rate),
        "spoken": ", ".join(spoken),
    }
