"""Places and scores counted once more with pandas, from the tables alone: nothing of the services is used.

It is the rule as the docs write it, in a third way beside the services and `patterndesk recount`: judgements in the order
of their time found places or join the nearest one; each person's newest vote counts; marks and places are matched one to
one, the nearest first; what is on no place is false where every bar was checked.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, text

TOLERANCE, LEAST_OVERLAP = 1, 0.5

_ITEMS = """
SELECT f.id::text AS id, f.workspace_id::text AS workspace, f.author_id::text AS person, f.session_id::text AS session,
       f.carried_from_id::text AS carried_from, f.made_by, f.verdict, f.state, f.created_at, f.judged_at, f.candle_index,
       f.expected_index, f.expected_low, f.expected_high, f.expected_kind AS kind, f.expected_direction AS direction,
       f.tolerance_bars AS tolerance, c.series_id::text AS series, c.series_offset AS shift, d.key AS mark, d.price,
       coalesce(d.price_low, (f.original->>'price_low')::float8) AS low,
       coalesce(d.price_high, (f.original->>'price_high')::float8) AS high,
       coalesce(jsonb_array_length(d.refs), 0) AS refs, d.slack, s.status
FROM feedback_items f LEFT JOIN candle_datasets c ON c.id = f.dataset_id LEFT JOIN pattern_sessions s ON s.id = f.session_id
LEFT JOIN detections d ON d.id = f.detection_id
"""
_MARKS = """
SELECT d.session_id::text AS session, d.key, d.kind, d.direction, d.anchor_index + c.series_offset AS bar, d.price,
       d.price_low AS low, d.price_high AS high, jsonb_array_length(d.refs) AS refs
FROM detections d JOIN pattern_sessions s ON s.id = d.session_id JOIN candle_datasets c ON c.id = s.dataset_id
WHERE d.anchor_index BETWEEN s.start_index AND s.end_index
"""
_SESSIONS = """
SELECT s.id::text AS session, s.workspace_id::text AS workspace, s.status, c.series_id::text AS series,
       s.start_index + c.series_offset AS first, s.end_index + c.series_offset AS last,
       s.coverage = 'exhaustive' OR EXISTS (SELECT 1 FROM session_coverage p WHERE p.session_id = s.id
                                            AND p.coverage = 'exhaustive') AS whole
FROM pattern_sessions s JOIN candle_datasets c ON c.id = s.dataset_id WHERE s.status IN ('active', 'completed')
"""
_DECISIONS = """
SELECT id::text AS id, workspace_id::text AS workspace, created_at, series_id::text AS series, kind, direction,
       anchor_bar AS bar, price_low AS low, price_high AS high, level, slack, present FROM place_decisions
"""
Row = dict[Hashable, Any]


def recounted(connection: Connection) -> pd.DataFrame:
    """tp, fp, fn and unjudged of every active or completed session, by its id."""
    sessions = pd.read_sql(text(_SESSIONS), connection)
    marks = _levels(pd.read_sql(text(_MARKS), connection))
    places = placed(connection)
    rows = [_score(one, places, marks, sessions) for one in sessions.to_dict("records")]
    return pd.DataFrame(rows).set_index("session")


def placed(connection: Connection) -> pd.DataFrame:
    """Every place that judgements make, with its status: present, absent, unsure or disputed."""
    decisions = pd.read_sql(text(_DECISIONS), connection)
    said = _said(pd.read_sql(text(_ITEMS), connection))
    places = pd.DataFrame(
        [place for _, part in said.groupby("workspace") for place in _places(part)],
        columns=["id", "order", "workspace", "series", "kind", "direction", "bar", "low", "high", "level", "slack",
                 "tolerance", "said"],
    )  # fmt: skip
    places["status"] = _statuses(places, decisions)
    return places


def _levels(frame: pd.DataFrame) -> pd.DataFrame:
    """A zone has both its ends; a level is the price of an event that refers to another one."""
    zone = frame["low"].notna() & frame["high"].notna()
    frame = frame.assign(level=frame["price"].where((frame["refs"] > 0) & ~zone))
    return frame.assign(low=frame["low"].where(zone), high=frame["high"].where(zone))


def _said(items: pd.DataFrame) -> pd.DataFrame:
    """What each standing judgement says: half 0 of where the mark is, half 1 of where one belongs."""
    by_id = items.set_index("id")

    def root(one: str) -> str:
        if by_id.at[one, "made_by"] != "carried":  # a copy that its person judged again is a judgement of its own
            return one
        while isinstance(up := by_id.at[one, "carried_from"], str):
            one = up
        return one

    first = items["id"].map(root)
    items = _levels(items).assign(at=first.map(by_id["created_at"]), given=first.map(by_id["judged_at"]))
    points = items["verdict"].isin(["adjustment", "false_negative"])
    stands = (
        (items["state"] != "withdrawn") & (items["verdict"] != "comment") & items["status"].isin(["active", "completed"])
        & items["kind"].notna() & items["direction"].notna() & items["candle_index"].notna()
        & (~points | items["expected_index"].notna())
    )  # fmt: skip
    items, points = items[stands], points[stands]
    here = items[items["verdict"] != "false_negative"]
    votes = here["verdict"].map({"confirmed": "present", "unsure": "unsure"}).fillna("absent")
    here = here.assign(half=0, bar=here["candle_index"] + here["shift"], vote=votes)
    there = items[points]
    zone = there["expected_low"].notna() & there["expected_high"].notna()
    there = there.assign(
        half=1, bar=there["expected_index"] + there["shift"], vote="present", mark=None, level=np.nan, slack=np.nan,
        low=there["expected_low"].where(zone), high=there["expected_high"].where(zone),
    )  # fmt: skip
    return pd.concat([here, there]).sort_values(["at", "id", "half"], kind="stable")


def _apart(places: pd.DataFrame, one: Row) -> pd.Series:
    """How far something is from each place, in bars and half of the zones' mismatch; NaN where it is another event."""
    bars = (places["bar"] - one["bar"]).abs().astype(float)
    fits = bars <= places["tolerance"].fillna(TOLERANCE).astype(float)
    level = places["level"].astype(float)
    if pd.notna(one["level"]):
        slack = places["slack"].astype(float).fillna(one["slack"] if pd.notna(one["slack"]) else np.nan)
        slack = slack.fillna(level.abs() * 1e-3)
        fits &= level.isna() | ((level - one["level"]).abs() <= slack)
    low, high = places["low"].astype(float), places["high"].astype(float)
    no_zone = low.isna() | high.isna()
    if pd.isna(one["low"]) or pd.isna(one["high"]):
        return bars.where(fits & no_zone)
    union = np.maximum(high, one["high"]) - np.minimum(low, one["low"])
    shared = np.maximum(np.minimum(high, one["high"]) - np.maximum(low, one["low"]), 0.0)
    part = (shared / union.where(union > 0)).fillna(1.0)
    costs = bars + (0.5 - part / 2).where(~no_zone, 0.0)
    return costs.where(fits & (no_zone | (part >= LEAST_OVERLAP)))


def _nearest(pairs: list[tuple[Any, ...]]) -> list[tuple[Any, Any]]:
    """One to one, in the order of the pairs, whose last two entries are the sides."""
    left: set[Any] = set()
    right: set[Any] = set()
    chosen = []
    for *_, a, b in sorted(pairs):
        if a not in left and b not in right:
            left.add(a)
            right.add(b)
            chosen.append((a, b))
    return chosen


def _places(said: pd.DataFrame) -> list[Row]:
    """The places of one workspace, in the order of their founding."""
    made: list[Row] = []
    for (_, judgement), halves in said.groupby(["at", "id"], sort=True):
        statements = halves.to_dict("records")
        near = pd.DataFrame(made)
        pairs = []
        for number, one in enumerate(statements):
            if not made:
                break
            same = near[
                (near["series"] == one["series"])
                & (near["kind"] == one["kind"])
                & (near["direction"] == one["direction"])
            ]
            for index, cost in _apart(same, one).dropna().items():
                if _may_join(made[int(str(index))], one):
                    pairs.append((cost, int(str(index)), number))
        joined = {number: index for index, number in _nearest(pairs)}
        for number, one in enumerate(statements):
            if number in joined:
                made[joined[number]]["said"].append(one)
                continue
            names = ("workspace", "series", "kind", "direction", "bar", "low", "high", "level", "slack", "tolerance")
            made.append(
                {"id": f"{judgement}{'+' * number}", "order": len(made), "said": [one], **{n: one[n] for n in names}}
            )
    return made


def _may_join(place: Row, one: Row) -> bool:
    for other in place["said"]:
        if other["session"] != one["session"]:
            continue
        if other["person"] == one["person"]:
            return False
        if isinstance(other["mark"], str) and isinstance(one["mark"], str) and other["mark"] != one["mark"]:
            return False
    return True


def _statuses(places: pd.DataFrame, decisions: pd.DataFrame) -> list[str]:
    found = []
    for place in places.to_dict("records"):
        newest = {s["person"]: s["vote"] for s in sorted(place["said"], key=lambda s: (s["given"], s["id"]))}
        votes = pd.Series(list(newest.values())).value_counts()
        present, absent = int(votes.get("present", 0)), int(votes.get("absent", 0))
        if present == absent:
            found.append("disputed" if present else "unsure")
        else:
            found.append("present" if present > absent else "absent")
    founded = [p["said"][0]["at"] for p in places.to_dict("records")]
    ids = places["id"].tolist()
    for decision in decisions.sort_values(["created_at", "id"]).to_dict("records"):
        same = np.logical_and.reduce([places[n] == decision[n] for n in ("workspace", "series", "kind", "direction")])
        costs = _apart(places[same], decision).dropna()
        if len(costs):
            at = [int(str(i)) for i in costs.index]
            nearest = min(zip(costs, [founded[i] for i in at], [ids[i] for i in at], at, strict=True))[3]
            found[nearest] = "present" if decision["present"] else "absent"
    return found


def _score(one: Row, places: pd.DataFrame, marks: pd.DataFrame, sessions: pd.DataFrame) -> Row:
    """The counts of one session on all places of the workspace that lie in its window."""
    its = (
        marks[marks["session"] == one["session"]]
        .drop_duplicates("key")
        .sort_values(["bar", "kind", "direction", "key"])
    )
    here = (places["workspace"] == one["workspace"]) & (places["series"] == one["series"])
    inside = places[here & places["bar"].between(one["first"], one["last"])].sort_values(["bar", "id"])
    inside, its = inside.reset_index(drop=True), its.reset_index(drop=True)
    pairs = []
    for m, mark in enumerate(its.assign(slack=np.nan).to_dict("records")):
        same = inside[(inside["kind"] == mark["kind"]) & (inside["direction"] == mark["direction"])]
        for p, cost in _apart(same, mark).dropna().items():
            pairs.append((cost, inside.at[p, "status"] != "present", int(str(p)), m))
    found = dict(_nearest(pairs))
    status = inside["status"] if len(inside) else pd.Series(dtype=str)
    hit = pd.Series([p in found for p in range(len(inside))], dtype=bool)
    whole = sessions[
        (sessions["workspace"] == one["workspace"]) & (sessions["series"] == one["series"]) & sessions["whole"]
        & ((sessions["status"] == "completed") | (sessions["session"] == one["session"]))
    ]  # fmt: skip
    loose = its[~its.index.isin(found.values())]
    checked = [bool(((whole["first"] <= bar) & (bar <= whole["last"])).any()) for bar in loose["bar"]]
    return {
        "session": one["session"], "tp": int(((status == "present") & hit).sum()),
        "fp": int(((status == "absent") & hit).sum()) + sum(checked),
        "fn": int(((status == "present") & ~hit).sum()), "unjudged": len(checked) - sum(checked),
    }  # fmt: skip
