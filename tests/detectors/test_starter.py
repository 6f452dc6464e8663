"""The starter repository: its own tests pass, its detectors hold the contract over their whole parameter space."""

from __future__ import annotations

import ast
from dataclasses import replace

import numpy as np
import pytest

from services.detectors.contract import check_contract
from services.detectors.gate.plan import Profile
from services.detectors.gate.series import dense
from services.detectors.repository import STARTER
from services.detectors.repository_tests import run_tests
from services.detectors.sandbox import warm
from tests.support.bad_detectors import random_walk

PATTERNS = ("swings", "bos", "choch", "order_blocks", "fvg", "liquidity_sweeps", "equal_highs_lows")
# The whole gate runs by `python -m tests.detectors.corpus starter`.
PART = Profile("part", dense=200, short=0, long=1200, long_cuts=10, own_cuts=0, moved_cuts=10, suffixes=6, series=1)


def test_the_starters_own_tests_pass() -> None:
    report = run_tests(STARTER)
    assert report.passed, report.output
    assert report.failed == 0 and report.total >= 40


@pytest.mark.parametrize("pattern", ["swings", *(pytest.param(name, marks=pytest.mark.long) for name in PATTERNS[1:])])
def test_defaults_hold_the_contract(pattern: str) -> None:
    report = check_contract(STARTER, pattern, {}, profile=PART)
    assert report.passed, report.failure
    assert report.cuts > 200 and not report.exemptions


@pytest.mark.parametrize(
    "pattern", ["swings", *(pytest.param(name, marks=pytest.mark.long) for name in ("choch", "order_blocks"))]
)
@pytest.mark.parametrize("end", ["low", "high"])
def test_the_ends_of_the_parameter_space_hold_it_too(pattern: str, end: str) -> None:
    with warm(STARTER, pattern) as worker:
        spec = worker.spec()
    params: dict[str, object] = {p.name: getattr(p, end) if p.type != "bool" else end == "high" for p in spec.params}
    params["prominence"] = 0.5  # at 4 ATR hardly anything is left to check
    report = check_contract(STARTER, pattern, params, profile=replace(PART, dense=100))
    assert report.passed, report.failure


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_has_its_definition_and_its_source(pattern: str) -> None:
    text = ast.get_docstring(ast.parse((STARTER / "detectors" / f"{pattern}.py").read_text())) or ""
    assert len(text) > 200 and ("Source" in text or "sources: see `structure`" in text)
    with warm(STARTER, pattern) as worker:
        assert all(p.unit for p in worker.spec().params if p.type != "bool")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_defaults_mark_a_readable_number_of_places(pattern: str) -> None:
    with warm(STARTER, pattern) as worker:
        found = worker.detect(dense(1500)[-1].candles, {}).detections
    first = [d for d in found if d.kind == min((d.kind for d in found), key=len)]
    assert 1500 / 200 <= len(first) <= 1500 / 5
    assert {d.direction for d in first} == {1, -1}


def test_swing_parameters_change_what_bos_finds() -> None:
    candles = random_walk(2000, 5)
    with warm(STARTER, "bos") as worker:
        keys = [{d.key for d in worker.detect(candles, {"left": n}).detections} for n in (2, 12)]
    assert keys[0] != keys[1] and all(keys)


def test_a_break_names_the_swing_that_it_breaks() -> None:
    candles = random_walk(2000, 6)
    with warm(STARTER, "bos") as worker, warm(STARTER, "swings") as other:
        breaks = worker.detect(candles, {}).detections
        swings = {(d.anchor_index, d.direction): d for d in other.detect(candles, {}).detections}
    for d in breaks:
        swing = swings[d.refs[0], d.direction]
        assert swing.confirmed_index < d.anchor_index == d.confirmed_index
        assert d.price == swing.price
        assert (candles["close"][d.anchor_index] - d.price) * d.direction > 0
        between = candles["close"][swing.confirmed_index : d.anchor_index]
        assert np.all((between - d.price) * d.direction <= 0)
