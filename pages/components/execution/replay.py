"""An execution's tables as cells, its diff as lines, its replay as words and as a frame. No streamlit here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NotRequired, TypedDict

import pandas as pd

from pages.components import looks
from pages.components.execution.wording import TESTS_FOLDER
from services.detectors.scoring import Score
from services.executions import ExecutionRow, KeptReplay, ReplayRow


class Cell(TypedDict):
    """A cell of a table: its text `t`, and how it looks. `badge` is the colour of a badge, `color` that of a symbol."""

    t: str
    icon: NotRequired[str]
    color: NotRequired[str]
    badge: NotRequired[str]
    mono: NotRequired[bool]
    muted: NotRequired[bool]
    right: NotRequired[bool]
    long: NotRequired[bool]
    title: NotRequired[str | None]


class DiffFile(TypedDict):
    """A file of a diff; its lines are pairs of a kind ("@", "+", "-" or " ") and a text."""

    path: str
    note: str
    added: int
    removed: int
    lines: list[tuple[str, str]]
    tests: bool


MOST_ROWS: Final = 500  # of a replay that are drawn; broken and fixed ones come first
MOST_LINES: Final = 4000  # of a diff that are drawn
_FILE: Final = re.compile(r"^diff --git a/(.*) b/(.*)$")
REPLAY_COLUMNS: Final = (
    "case_id", "outcome", "verdict", "kind", "direction", "candle_index", "candle_time", "price", "expected_index",
    "before", "after", "before_seen", "after_seen", "session_name",
)  # fmt: skip


def replay_head(replay: KeptReplay) -> list[Cell]:
    before = f"v{replay.baseline_version}" if replay.baseline_version else "Before"
    names = ("Case", "Detection", "Candle", "Date", "Price", "Expected", before, "Candidate", "Result")
    return [{"t": name, "right": name in ("Candle", "Price")} for name in names]


def replay_cells(replay: KeptReplay) -> list[list[Cell]]:
    """A row a case, broken ones first as they come."""
    return [_case(row) for row in replay.rows[:MOST_ROWS]]


def _case(row: ReplayRow) -> list[Cell]:
    index, time = row.candle_index, row.candle_time
    date = looks.candle_label(None, time)
    return [
        {"t": str(row.case_id)[-4:], "mono": True, "title": str(row.case_id)},
        {"t": looks.kind_label(row.kind or "mark", row.direction or 0), "title": row.session_name},
        {"t": looks.MISSING if index is None else str(index), "right": True},
        {"t": date},
        {"t": looks.price(row.price), "right": True},
        {"t": _expected(row)},
        _seen(row.before, row.before_seen),
        _seen(row.after, row.after_seen),
        _result(str(row.outcome)),
    ]


def _expected(row: ReplayRow) -> str:
    label = looks.look(looks.VERDICTS, row.verdict).label
    if row.verdict != "adjustment" or row.expected_index is None or row.candle_index is None:
        return label
    return f"{label} {int(row.expected_index) - int(row.candle_index):+d}".replace("-", "−")


def _seen(passed: bool | None, word: str | None) -> Cell:
    if passed is None:
        return {"t": looks.MISSING, "muted": True}
    return {"t": word or "", "icon": "check" if passed else "close", "color": "green" if passed else "red"}


def _result(outcome: str) -> Cell:
    look = looks.look(looks.REPLAYS, outcome)
    return {"t": look.label, "muted": True} if look.color == "gray" else {"t": look.label, "badge": look.color}


def replay_counts(replay: KeptReplay) -> dict[str, int]:
    """Fixed, broken and unchanged cases, hold-out ones too."""
    outcomes = [r.outcome for r in replay.results]
    return {name: outcomes.count(name) for name in ("fixed", "broken", "unchanged")}


def broken_cases(replay: KeptReplay) -> tuple[int, int]:
    """How many broken cases the rows show, and how many they leave out."""
    shown = sum(1 for row in replay.rows if row.outcome == "broken")
    return shown, replay_counts(replay)["broken"] - shown


def replay_note(replay: KeptReplay) -> str:
    """Which versions, how many cases, and what that proves."""
    before = f"v{replay.baseline_version}" if replay.baseline_version else "no version before"
    total = looks.count(len(replay.results), "judged case")
    return f"{before} → candidate v{replay.candidate_version} · {total}"


def split_lines(replay: KeptReplay) -> list[tuple[str, str]]:
    """Before → after of the tune and the hold-out sessions, each with n and interval."""
    splits = replay.splits
    pairs = [("Tune sessions", splits.before_tune, splits.tune)]
    pairs.append(("Hold-out sessions", splits.before_holdout, splits.holdout))
    return [(title, _before_after(before, after)) for title, before, after in pairs if after is not None]


def _before_after(before: Score | None, after: Score) -> str:
    old = f"{looks.percent(before.rate)} → " if before is not None else ""
    small = " · provisional" if after.n and after.provisional else ""
    interval = looks.interval(after.ci_low, after.ci_high)
    return f"{old}{looks.percent(after.rate)} · {interval} · n {after.n:,}{small}"


def hidden_holdout(replay: KeptReplay) -> int:
    """How many cases are told as a whole only."""
    return len(replay.results) - len(replay.rows)


def replay_frame(replay: KeptReplay) -> pd.DataFrame:
    """All rows of the table, for the CSV."""
    rows = [[getattr(row, name) for name in REPLAY_COLUMNS] for row in replay.rows]
    return pd.DataFrame(rows, columns=list(REPLAY_COLUMNS))


def diff_files(text: str) -> list[DiffFile]:
    """A unified diff as files with their lines: kind "@", "+", "-" or " ", and the text."""
    files: list[DiffFile] = []
    body = False
    for line in text.splitlines()[:MOST_LINES]:
        if found := _FILE.match(line):
            files.append(
                {
                    "path": found.group(2),
                    "note": "",
                    "added": 0,
                    "removed": 0,
                    "lines": [],
                    "tests": found.group(2).startswith(TESTS_FOLDER),
                }
            )
            body = False
        elif not files:
            continue
        elif line.startswith("@@"):
            body = True
            files[-1]["lines"].append(("@", line))
        elif body:
            _line(files[-1], line)
        else:
            files[-1]["note"] = files[-1]["note"] or _note(line)
    return files


def _line(file: DiffFile, line: str) -> None:
    kind = line[:1] if line[:1] in "+-" and line else " "
    if kind != " ":
        file["added" if kind == "+" else "removed"] += 1
    file["lines"].append((kind, line[1:] if line[:1] in ("+", "-", " ") else line))


def _note(line: str) -> str:
    for start, note in (("new file", "new"), ("deleted file", "deleted"), ("Binary files", "binary")):
        if line.startswith(start):
            return note
    return ""


def execution_frame(rows: Sequence[ExecutionRow]) -> pd.DataFrame:
    """The list with everything its rows hold, for the CSV."""
    columns = (
        "workspace_name", "pattern_type", "number", "status", "canceled", "phase", "progress", "agent",
        "feedback_count", "retry_count", "retry_at", "waits_for_plan", "triggered_at", "started_at", "completed_at", "errored_at",
        "triggered_by_name", "deploy_target", "deploy_status", "commit_hash", "cost_usd", "input_tokens",
        "output_tokens", "error", "id",
    )  # fmt: skip
    return pd.DataFrame([[getattr(row, c) for c in columns] for row in rows], columns=list(columns))
