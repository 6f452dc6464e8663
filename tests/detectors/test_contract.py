"""The contract refuses detectors that know the future, repaint, remember too much or aren't functions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from services.codec import Codec
from services.detectors.contract import check_contract
from services.detectors.gate import kept
from services.detectors.gate.compare import moved_difference, scaled_difference
from services.detectors.gate.plan import FULL, PROFILES, SMALL, Profile, grid
from services.detectors.gate.report import ContractReport
from services.detectors.gate.series import dense, long, short
from services.detectors.sandbox import Limits
from services.detectors.types import Detection
from services.errors import Cancelled
from tests.support.bad_detectors import plant, random_walk, starter

HONEST = """
    h, n = candles["high"], params["n"]
    return [detection("mark", 1, i, i + n) for i in range(n, len(h) - n) if h[i] == h[i - n : i + n + 1].max()]
    """
TINY = Profile("tiny", dense=120, short=0, long=300, long_cuts=6, own_cuts=20, moved_cuts=6, suffixes=4, series=1)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return starter(tmp_path_factory.mktemp("contract") / "repository")


def failed(report: ContractReport) -> dict[str, str]:
    assert not report.passed
    return {check.name: check.detail for check in report.checks if not check.passed}


def test_the_sentence_names_the_candles_the_bar_and_what_was_said_before(root: Path) -> None:
    body = """
        h, out = candles["high"], []
        for i in range(5, len(h)):
            if h[i] > h[i - 5 : i].max():
                if out and i - out[-1] < 10: out.pop()
                out.append(i)
        return [detection("mark", 1, i, i) for i in out]
        """
    report = check_contract(plant(root, body), "planted", {}, profile=TINY)
    detail = failed(report)["nothing_withdrawn"]
    assert detail.startswith("Look-ahead in ") and "it no longer says mark +1 at #" in detail
    assert report.failure is not None and report.failure.kind == "look_ahead"
    assert report.failure == report.failures[0] and report.failure.bar is not None


def test_an_honest_detector_passes_and_the_report_is_json(root: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = check_contract(
        plant(root, HONEST), "planted", {}, own=random_walk(200, 3), profile=TINY,
        progress=lambda done, planned: seen.append((done, planned)),
    )  # fmt: skip
    assert report.passed, report.failure
    assert report.failures == () and report.cuts == seen[-1][0] > 150
    assert all(done <= planned for done, planned in seen)
    codec = Codec(ContractReport, "report")
    assert codec.from_json(json.loads(json.dumps(codec.to_json(report)))) == report


@pytest.mark.parametrize(
    ("body", "name", "says"),
    [
        ("candles['close'] += 1\nreturn []", "input_unmutated", "changes the candles"),
        ("import random\nreturn [detection('mark', 0, 3, 3, price=random.random())] if len(candles) > 3 else []",
         "same_result", "Not the same"),
        (
            "global N\nN = globals().get('N', 0) + 1\n"
            "return [detection('mark', 0, 0, 0, meta={'n': N})] if len(candles) else []",
            "same_result",
            "second time",
        ),
        (
            "return [detection('mark', 0, 0, 0, meta={'n': hash('x') % 1000})] if len(candles) else []",
            "same_result",
            "in another one",
        ),
        ("c = candles['close'][-1]\nreturn []", "small_input", "With 0 candles"),
        (
            "c = (candles['high'] > candles['open']).cumsum()\n"
            "return [detection('mark', 0, i, i) for i in np.where(c % 7 == 1)[0]]",
            "bounded_memory",
            "remembers more than the 80 bars",
        ),
        ("return [detection('mark', 0, i - 30, i) for i in range(30, len(candles))]", "confirmation_lag", "30 bars"),
        ("print('hello')\nreturn []", "small_input", "printed"),
        ("if len(candles) > 50: print('hello')\nreturn []", "output", "printed"),
        ("while len(candles) > 50: pass\nreturn []", "time_limit", "took too long"),
        pytest.param(
            "import time\nend = time.process_time() + 1\nwhile len(candles) > 50 and time.process_time() < end: pass\nreturn []",
            "time_limit",
            "at most 0.5 s",
            marks=pytest.mark.long,
        ),
        ("return [detection('mark', 0, 0, len(candles))] if len(candles) > 50 else []", "output", "outside of its 120"),
        (
            "c = candles['close']\nreturn [detection('mark', 0, i, i) for i in range(len(c)) if c[i] % 2 > 1]",
            "price_unit",
            "unit of prices matters",
        ),
        (
            "t = candles['time'] // 86400\nreturn [detection('mark', 0, i, i) for i in range(len(t)) if t[i] % 31 == 1]",
            "other_years",
            "year matters",
        ),
    ],
)  # fmt: skip
def test_each_rule_has_its_sentence(root: Path, body: str, name: str, says: str) -> None:
    limits = Limits(wall_s=3.0) if says == "took too long" else None
    size = replace(TINY, longest_s=0.5)
    assert says in failed(check_contract(plant(root, body), "planted", {}, limits=limits, profile=size))[name]


@pytest.mark.long
def test_what_is_declared_is_let_off_visibly_and_still_run_bar_by_bar(root: Path) -> None:
    honest = "c = candles['close']\nreturn [detection('mark', 0, i, i) for i in range(len(c)) if c[i] % 2 > 1]"
    leak = """
        c = candles['close']
        late = int(len(c) and 500 < c[0] < 2000)
        return [detection('mark', 0, i, i) for i in range(len(c) - late) if c[i + late] % 2 > 1]
        """
    for body, passes in ((honest, True), (leak, False)):
        file = plant(root, body) / "detectors" / "planted.py"
        file.write_text(file.read_text().replace("max_age_bars=20)", "max_age_bars=20) | {'absolute_levels': True}"))
        report = check_contract(root, "planted", {}, profile=TINY)
        assert report.passed is passes, report.failure
        if passes:
            assert "absolute prices" in report.exemptions[0]
        else:
            assert "with prices times" in failed(report)["no_look_ahead"]


@pytest.mark.long
def test_parameters_in_prices_grow_with_the_prices(root: Path) -> None:
    body = """
        c, step = candles['close'], params['step']
        return [detection('mark', 1, i, i, price=float(c[i])) for i in range(1, len(c)) if c[i] - c[i - 1] > step]
        """
    file = plant(root, body) / "detectors" / "planted.py"
    one = '[param("n", "int", 3, 1, 20, 1)]'
    text = file.read_text()
    file.write_text(text.replace(one, '[param("step", "float", 0.4, 0.1, 1.0)]'))
    assert "price_unit" in failed(check_contract(root, "planted", {}, profile=TINY))
    file.write_text(text.replace(one, '[param("step", "float", 0.4, 0.1, 1.0) | {"unit": "price"}]'))
    report = check_contract(root, "planted", {}, profile=TINY)
    assert report.passed, report.failure


def test_reports_are_kept_by_code_and_parameters(root: Path, tmp_path: Path) -> None:
    plant(root, HONEST)
    first = check_contract(root, "planted", {}, profile=SMALL, cache=tmp_path)
    again = check_contract(root, "planted", {}, profile=SMALL, cache=tmp_path)
    assert first.passed and not first.cached and again.cached and again.checks == first.checks
    assert not check_contract(root, "planted", {"n": 4}, profile=SMALL, cache=tmp_path).cached
    plant(root, HONEST + "\n# another text")
    assert not check_contract(root, "planted", {}, profile=SMALL, cache=tmp_path).cached
    assert kept.salt(tmp_path) == kept.salt(tmp_path) != ""


def test_the_gates_candles_are_candles_of_many_kinds() -> None:
    series = [*dense(FULL.dense), long(FULL.long), *short(FULL.short, "a salt")]
    spacing, levels = set(), []
    for s in series:
        c = s.candles
        assert (c["high"] >= c["open"]).all() and (c["high"] >= c["close"]).all() and (c["low"] > 0).all()
        assert (c["low"] <= c["open"]).all() and (c["low"] <= c["close"]).all()
        steps = c["time"][1:] - c["time"][:-1]
        assert (steps > 0).all()
        spacing.add(int(steps.min()))
        levels.append(float(c["close"].mean()))
    assert len(spacing) == 8 and max(levels) / min(levels) > 1e5
    assert len(series[0].candles) == 1500 and len(dense(FULL.dense)) == 3
    one, other = short(60, "a")[0].candles, short(60, "b")[0].candles
    assert one["time"][0] != other["time"][0] or one["close"][0] != other["close"][0]


def test_the_cuts_are_fixed_and_in_no_rhythm() -> None:
    cuts = grid(10_000, 300)
    assert cuts == grid(10_000, 300) and 300 <= len(cuts) <= 305
    assert cuts[-5:] == list(range(9995, 10_000))
    assert all(len({c % n for c in cuts}) == n for n in (2, 3, 5, 7))
    assert PROFILES["full"] is FULL


def test_scaled_and_moved_marks_are_compared_by_field() -> None:
    mark = Detection("mark", 1, 3, 1000, 3, 3, 4, price=2.0, meta={"size": 0.123457, "at": 1000})
    twice = Detection("mark", 1, 3, 1000, 3, 3, 4, price=4.0, meta={"size": 0.246914, "at": 1000})
    assert scaled_difference([mark], [twice], 2.0, "a", "b") is None
    assert scaled_difference([mark], [mark], 2.0, "a", "b") == (
        "a the detector says mark +1 at #3 with price 2.0, b 2.0.",
        3,
    )
    later = Detection("mark", 1, 3, 1600, 3, 3, 4, price=2.0, meta={"size": 0.123457, "at": 1600})
    assert moved_difference([mark], [later], 600, "a", "b") is None
    assert moved_difference([mark], [mark], 600, "a", "b") is not None


def test_it_can_be_cancelled(root: Path) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 60

    plant(root, "import time; time.sleep(0.2); return []")
    with pytest.raises(Cancelled):
        check_contract(root, "planted", {}, profile=TINY, cancelled=cancelled)
