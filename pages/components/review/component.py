"""What the review draws by its own component: the queue, the sessions behind a rate, a detector's change."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, NotRequired, TypedDict

from pages.components import looks, rates
from pages.components.assets import Component, asset, component
from services.review import QueueRow
from services.sessions import SessionRow


class BadgeData(TypedDict):
    color: str
    symbol: NotRequired[str | None]
    text: str


class QueueCard(TypedDict):
    id: str
    name: str
    version: str
    by: str
    when: str
    badges: list[BadgeData]
    spoken: str


class QueueData(TypedDict):
    kind: Literal["queue"]
    cards: list[QueueCard]
    selected: str


class SessionLine(TypedDict):
    id: str
    name: str
    reviewer: str
    counts: str
    rate: str


class SessionsData(TypedDict):
    kind: Literal["sessions"]
    head: list[str]
    rows: list[SessionLine]
    more: str


class BadgesData(TypedDict):
    kind: Literal["badges"]
    items: list[BadgeData]


class ChangedFileData(TypedDict):
    path: str
    added: str
    removed: str
    lines: list[tuple[str, str]]


class ChangeData(TypedDict):
    kind: Literal["change"]
    files: list[ChangedFileData]


ReviewData = QueueData | SessionsData | BadgesData | ChangeData
_HERE: Final = Path(__file__).parent
_REVIEW: Component[ReviewData] = component(
    "review",
    ReviewData,
    css=asset("shared.css", _HERE / "component.css"),
    js=asset("shared.js", _HERE / "component.js"),
    triggers=("open",),
)
SHOWN_SESSIONS: Final = 8
MAX_LINES: Final = 2000  # of a diff, so that a rewritten module doesn't freeze the page


def queue_list(rows: Sequence[QueueRow], *, selected: uuid.UUID | None, key: str) -> uuid.UUID | None:
    """Draws the queue's cards; returns the workspace of the one that was clicked in this run."""
    now = looks.now_here()
    data: QueueData = {"kind": "queue", "cards": [queue_card(row, now) for row in rows], "selected": str(selected)}
    opened = getattr(_REVIEW(data, key=key), "open", None)
    return next((row.workspace_id for row in rows if str(row.workspace_id) == opened), None)


def session_table(rows: Sequence[SessionRow], *, key: str) -> uuid.UUID | None:
    """Draws completed sessions, the newest first; returns the one that was clicked in this run."""
    drawn = rows[:SHOWN_SESSIONS]
    left = len(rows) - len(drawn)
    data: SessionsData = {
        "kind": "sessions",
        "head": ["Session", "Reviewer", "Right / wrong / missed", "Rate"],
        "rows": [session_line(row) for row in drawn],
        "more": f"and {looks.count(left, 'older session')}" if left else "",
    }
    opened = getattr(_REVIEW(data, key=key), "open", None)
    return next((row.id for row in drawn if str(row.id) == opened), None)


def badges(items: Sequence[tuple[str, str | None, str]], *, key: str) -> None:
    """A line of (colour, symbol, text)."""
    drawn: list[BadgeData] = [{"color": color, "symbol": symbol, "text": text} for color, symbol, text in items]
    _REVIEW({"kind": "badges", "items": drawn}, key=key)


def change_view(files: Sequence[ChangedFile], *, key: str) -> None:
    """Draws the changed files one below the other, added and removed lines tinted."""
    shown: list[ChangedFileData] = [
        {"path": file.path, "added": file.added, "removed": file.removed, "lines": file.lines} for file in files
    ]
    data: ChangeData = {"kind": "change", "files": shown}
    _REVIEW(data, key=key)


def queue_card(row: QueueRow, now: datetime) -> QueueCard:
    """A card as finished text, the unseen rate first: green when its 95% interval lies above one half."""
    decided = row.verified_at is not None
    name = (row.verified_by_name if decided else row.approved_by_name) or "somebody"
    verb = "Verified" if decided else "Approved"
    unseen, total = row.rates.unseen, row.rates.all
    low = unseen.ci_low
    color = "gray" if unseen.rate is None else "green" if low is not None and low > 0.5 else "orange"
    few = rates.shortage(unseen, row.policy.unseen)
    rate: BadgeData = {
        "color": color,
        "text": f"unseen {looks.percent(unseen.rate)}, n {unseen.n:,}" + (f", {few.partition(',')[0]}" if few else ""),
    }
    broken: BadgeData = {"color": "orange" if row.broken else "gray", "text": f"{row.broken or 0:,} broken"}
    n: BadgeData = {"color": "gray", "text": f"all {looks.percent(total.rate)}, n {total.n:,}"}
    badges_of_card = [rate, n] if row.broken is None else [rate, n, broken]
    return {
        "id": str(row.workspace_id),
        "name": row.name,
        "version": f"v{row.version}",
        "by": f"{verb} by {name}",
        "when": looks.ago(row.verified_at if decided else row.approved_at, now),
        "badges": badges_of_card,
        "spoken": ", ".join(
            [row.name, f"v{row.version}", f"{verb.lower()} by {name}", *(b["text"] for b in badges_of_card)]
        ),
    }


def session_line(row: SessionRow) -> SessionLine:
    """A row of the table as finished text."""
    return {
        "id": str(row.id),
        "name": row.name,
        "reviewer": row.created_by_name,
        "counts": f"{row.tp:,} / {row.fp:,} / {row.fn:,}",
        "rate": looks.percent(row.success_rate),
    }


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file of a diff. `lines` are (kind, text): add, cut, at (a hunk's head), or empty for what stayed."""

    path: str
    added: str
    removed: str
    lines: list[tuple[str, str]]


def changed_files(diff: str) -> list[ChangedFile]:
    """The files of a unified diff as git writes it; the heads of files are left out."""
    parts: list[tuple[str, list[str]]] = []
    for line in diff.splitlines():
        if line.startswith("diff --git "):
            parts.append((line.rsplit(" b/", 1)[-1], []))
        elif parts:
            parts[-1][1].append(line)
    return [_file(path, lines) for path, lines in parts]


def whole_file(path: str, text: str) -> ChangedFile:
    """A file that has nothing to be compared with."""
    return ChangedFile(path, "", "", _limited([("", line) for line in text.splitlines()]))


def _file(path: str, lines: Iterable[str]) -> ChangedFile:
    kinds = {"+": "add", "-": "cut", "@": "at", " ": "", "\\": "at"}
    body: list[tuple[str, str]] = []
    inside = False
    for line in lines:
        inside = inside or line.startswith("@@")
        if inside or line.startswith("Binary"):
            body.append((kinds.get(line[:1], ""), line))
    added, removed = (sum(kind == wanted for kind, _ in body) for wanted in ("add", "cut"))
    return ChangedFile(path, f"+{added}", f"−{removed}", _limited(body))


def _limited(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if len(lines) <= MAX_LINES:
        return lines
    return [*lines[:MAX_LINES], ("at", f"(cut: {len(lines) - MAX_LINES} more lines)")]
