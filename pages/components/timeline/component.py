"""The workspace's timeline: a list that scrolls inside itself and follows the live stream in the browser."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypedDict

from pages.components import looks
from pages.components.assets import Component, asset, component
from pages.components.looks import LooksData
from services.timeline import EntryJson

HTML: Final = """
<div class="root">
  <div class="scroller" role="log" aria-label="Timeline" tabindex="0">
    <div class="older" hidden><button type="button" class="pill">Show older</button></div>
    <div class="rows"></div>
    <div class="newer" hidden><button type="button" class="pill">Show newer</button> <button type="button" class="pill">To the newest</button></div>
    <div class="offline" hidden>The live connection broke off; trying again.</div>
  </div>
  <button type="button" class="pill new" hidden><span class="icon" aria-hidden="true">arrow_downward</span><span></span></button>
</div>
"""
_HERE: Final = Path(__file__).parent
CSS: Final = asset("shared.css", "phases.css", _HERE / "component.css")
JS: Final = asset(
    "shared.js",
    "timeline_text.js",
    "timeline_rows.js",
    "timeline_execution.js",
    "live.js",
    _HERE / "component.js",
)
# What a person did comes before what the browser asks for by itself.
TRIGGERS: Final = (
    "open",
    "number",
    "show",
    "edit",
    "delete",
    "again",
    "older",
    "newer",
    "newest",
    "renew",
    "read",
    "refresh",
)


class EmptyData(TypedDict):
    title: str
    text: str


class TimelineData(TypedDict):
    """`focus` is the message to bring in sight, `read_to` the seq up to which the viewer had read before this visit,
    `marked` how far they have read by now, as it is kept (None where the list does not show all messages to the newest),
    `may_ask` whether they may ask the agent again."""

    workspace: str
    focus: str | None
    can_load_newer: bool
    read_to: int | None
    marked: int | None
    entries: list[EntryJson]
    live_url: str | None
    can_load_older: bool
    viewer: str
    may_ask: bool
    scope: str
    kinds: list[str] | None
    last_seq: int | None
    empty: EmptyData
    height: str
    looks: LooksData


_TIMELINE: Component[TimelineData] = component("timeline", TimelineData, html=HTML, css=CSS, js=JS, triggers=TRIGGERS)
OPENABLE: Final = frozenset({"execution", "session", "feedback"})
NOTHING_YET: Final = (
    "Nothing has happened here yet",
    "Describe the pattern, then launch the first execution. All that follows shows up here.",
)


@dataclass(frozen=True, slots=True)
class TimelineAction:
    """What to do: `name` is one of TRIGGERS; `open` carries kind and id, `show`, `edit`, `delete` and `again` the message's id,
    `number` the number that somebody wrote as #number, `read` and `refresh` the seq up to which messages were in sight, and
    the kind `returned` when the tab had been in the background before."""

    name: str
    kind: str | None = None
    id: str | None = None
    number: int | None = None


def timeline(
    entries: Sequence[EntryJson],
    *,
    live_url: str | None,
    can_load_older: bool,
    viewer_id: str,
    key: str,
    scope: str = "",
    kinds: Collection[str] | None = None,
    last_seq: int | None = None,
    empty: tuple[str, str] = NOTHING_YET,
    height: str = "calc(100dvh - 306px)",
    workspace_id: uuid.UUID | None = None,
    focus: uuid.UUID | None = None,
    can_load_newer: bool = False,
    read_to: int | None = None,
    marked: int | None = None,
    may_ask: bool = False,
) -> TimelineAction | None:
    """Draws entries (oldest first, as `TimelineEntry.as_json()` shapes them) and returns what was asked for, if anything.

    `scope` names the filter and the search: when it changes, the list starts anew at its end. `kinds` are the message
    types that the filter lets through, so that live ones obey it too; pass `live_url=None` while searching. `last_seq`
    is the workspace's newest seq when the filter hides it. On `renew`, mint a new `live_url`; on `refresh`, rerun what
    stands beside the timeline. What was in sight comes as `read` or with `refresh`; only a tab that is visible sends it. Call it inside a fragment: live events rerun the fragment, at most once a second.
    """
    data: TimelineData = {
        "workspace": str(workspace_id or ""),
        "focus": str(focus) if focus else None,
        "can_load_newer": can_load_newer,
        "read_to": read_to,
        "marked": marked,
        "entries": list(entries),
        "live_url": live_url,
        "can_load_older": can_load_older,
        "viewer": viewer_id,
        "may_ask": may_ask,
        "scope": scope,
        "kinds": None if kinds is None else sorted(kinds),
        "last_seq": last_seq,
        "empty": {"title": empty[0], "text": empty[1]},
        "height": height,
        "looks": looks.FOR_COMPONENTS,
    }
    return action(_TIMELINE(data, key=key))


def say_state(entries: Sequence[EntryJson], execution_id: uuid.UUID, look: looks.Look) -> None:
    """Puts the state of a live execution, as people read it, on its entries: the database only knows that it runs."""
    for entry in entries:
        run = entry.get("execution")
        if run and run["id"] == str(execution_id):
            run["look"] = look.data()


def action(result: Any) -> TimelineAction | None:
    """The most important trigger of this run; what a browser sends is checked, never trusted."""
    for name in TRIGGERS:
        value = getattr(result, name, None)
        if value is None:
            continue
        if name in ("read", "refresh"):
            seq = value.get("seq") if isinstance(value, Mapping) else None
            returned = "returned" if isinstance(value, Mapping) and value.get("returned") is True else None
            known = isinstance(seq, int) and not isinstance(seq, bool) and 0 < seq < 1 << 62
            return TimelineAction(name, returned, number=seq if known else None)
        if name in ("older", "newer", "newest", "renew"):
            return TimelineAction(name)
        if name == "number":
            if isinstance(value, int) and 0 <= value < 10_000_000:
                return TimelineAction(name, number=value)
            continue
        kind = value.get("kind") if name == "open" and isinstance(value, Mapping) else None
        found = _uuid(value.get("id") if isinstance(value, Mapping) else value)
        if found is not None and (name != "open" or kind in OPENABLE):
            return TimelineAction(name, kind, found)
    return None


def _uuid(value: object) -> str | None:
    try:
        return str(uuid.UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None
