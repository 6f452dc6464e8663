"""An execution's replay as cells, as words and as a frame. No streamlit here."""

from __future__ import annotations

from typing import Final

from pages.components import looks, rates
from pages.components.runs.cells import Cell
from services import words
from services.executions import KeptReplay, ReplayRow
from services.places import Rate
from services.rules import PROVISIONAL_BELOW

MOST_ROWS: Final = 500  # of a replay that are drawn; broken and fixed ones come first


def replay_head(replay: KeptReplay) -> list[Cell]:
    before = f"v{replay.baseline_version}" if replay.baseline_version else "Before"
    names = ("Judgement", "Mark", "Candle", "Date", "Price", "Expected", before, "Candidate", "Result")
    return [{"t": name, "right": name in ("Candle", "Price")} for name in names]


def replay_cells(replay: KeptReplay) -> list[list[Cell]]:
    """A row a judgement, broken ones first as they come."""
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
        {"t": words.expected(row.verdict, row.candle_index, row.expected_index)},
        _seen(row.before, row.before_seen),
        _seen(row.after, row.after_seen),
        _result(str(row.outcome)),
    ]


def _seen(passed: bool | None, word: str | None) -> Cell:
    if passed is None:
        return {"t": looks.MISSING, "muted": True}
    return {"t": word or "", "icon": "check" if passed else "close", "color": "green" if passed else "red"}


def _result(outcome: str) -> Cell:
    look = looks.look(looks.REPLAYS, outcome)
    return {"t": look.label, "muted": True} if look.color == "gray" else {"t": look.label, "badge": look.color}


def replay_counts(replay: KeptReplay) -> dict[str, int]:
    """Fixed, broken and unchanged judgements, hold-out ones too; several may be of one place."""
    outcomes = [r.outcome for r in replay.results]
    return {name: outcomes.count(name) for name in ("fixed", "broken", "unchanged")}


def broken_cases(replay: KeptReplay) -> tuple[int, int]:
    """How many broken judgements the rows show, and how many they leave out."""
    drawn = sum(1 for row in replay.rows if row.outcome == "broken")
    return drawn, replay_counts(replay)["broken"] - drawn


def replay_note(replay: KeptReplay) -> str:
    """Which versions, of how many judgements."""
    before = f"v{replay.baseline_version}" if replay.baseline_version else "no version before"
    total = looks.count(len(replay.results), "judgement")
    return f"{before} → candidate v{replay.candidate_version} · {total}"


def split_lines(replay: KeptReplay) -> list[tuple[str, str]]:
    """Before → after of the tune and the hold-out sessions, each with n and interval."""
    splits = replay.splits
    pairs = [("Seen places", splits.before_tune, splits.tune)]
    pairs.append(("Unseen places, kept for testing", splits.before_holdout, splits.holdout))
    return [(title, _before_after(before, after)) for title, before, after in pairs if after is not None]


def _before_after(before: Rate | None, after: Rate) -> str:
    old = f"{looks.percent(before.rate)} → " if before is not None else ""
    return f"{old}{rates.line(after, PROVISIONAL_BELOW)}"


def hidden_holdout(replay: KeptReplay) -> int:
    """How many judgements of places kept for testing are only counted, never shown one by one."""
    return len(replay.results) - len(replay.rows)
