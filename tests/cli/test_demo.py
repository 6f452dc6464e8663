"""What the demo promises, looked at without running it: what its rule leaves to learn, and what its candles hold."""

from __future__ import annotations

import csv
import importlib
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import pytest

from services.candles.demo import demo_files
from services.cli.demo_loop import picture, rule_of
from services.cli.demo_rule import SIZES, near, rule_marks
from services.cli.demo_stories import STORIES, Part, Story
from services.detectors.types import CANDLE_DTYPE, Candles

TUNED = [story for story in STORIES if story.fresh]


@lru_cache
def candles(symbol: str) -> Candles:
    file = next(f for f in demo_files() if f.symbol == symbol)
    with file.path.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    made = np.zeros(len(rows), dtype=CANDLE_DTYPE)
    for i, row in enumerate(rows):
        day = datetime.fromisoformat(row["time"]).replace(tzinfo=UTC)
        made[i] = (int(day.timestamp()), *(float(row[n]) for n in ("open", "high", "low", "close", "volume")))
    return made


def rate(story: Story, parts: tuple[Part, ...], sizes: dict[str, float | bool]) -> tuple[float, int]:
    """The share of right marks among right, wrong and missed ones with these sizes, and how many those are."""
    module = importlib.import_module(f"services.detectors.starter.detectors.{story.pattern_type}")
    params = {p["name"]: p["default"] for p in module.SPEC["params"]} | sizes
    right = wrong = missed = 0
    for part in parts:
        end = part.first + part.bars - 1
        rule = rule_of(story.pattern_type, candles(part.symbol), part.first, end)
        marks = {
            (d["kind"], d["anchor_index"], d["direction"])
            for d in module.detect(candles(part.symbol)[: end + 40], params)
            if part.first <= d["anchor_index"] <= end and d["confirmed_index"] <= end
        }
        hits = {m for m in (near(rule, *mark) for mark in marks) if m is not None}
        right, wrong = right + len(hits), wrong + sum(near(rule, *mark) is None for mark in marks)
        missed += len(rule) - len(hits)
    return right / (right + wrong + missed), right + wrong + missed


def test_there_are_seven_patterns_and_something_to_do_for_everybody() -> None:
    assert {s.pattern_type for s in STORIES} == set(SIZES) and len(STORIES) == 7
    assert {s.decision for s in STORIES} == {"beta", "in_review", "verified"}
    for what in ("trouble", "disputed", "pictured", "open_end"):
        assert sum(getattr(s, what) for s in STORIES) == 1, what
    assert len(TUNED) == 6


@pytest.mark.parametrize("story", TUNED, ids=lambda s: s.pattern_type)
def test_a_tuned_pattern_has_something_to_learn_and_is_mostly_right_then(story: Story) -> None:
    before, _ = rate(story, story.judged, {})
    after, _ = rate(story, story.judged, SIZES[story.pattern_type])
    assert before < 0.75 <= after, (before, after)
    fresh, count = rate(story, story.fresh[:1], SIZES[story.pattern_type])
    assert fresh >= 0.7 and count >= 15, (fresh, count)


def test_one_pattern_is_plainly_not_good_yet() -> None:
    (story,) = [s for s in STORIES if not s.fresh]
    found, count = rate(story, story.judged, {})
    assert found < 0.5 and count >= 40


def test_the_rule_looks_at_what_came_after_and_at_nothing_else() -> None:
    """Later candles decide whether a mark counts; candles that are far away change nothing."""
    whole = rule_marks("swings", candles("IBM")[:900])
    part = rule_marks("swings", candles("IBM")[:700])
    assert [m for m in whole if m.index < 600] == [m for m in part if m.index < 600]


def test_the_picture_is_an_image_of_the_candles() -> None:
    assert picture(candles("IBM")[:60]).startswith(b"\x89PNG")
