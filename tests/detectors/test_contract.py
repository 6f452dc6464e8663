"""The contract refuses detectors that know the future, repaint, remember too much or aren't functions."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from services.detectors.contract import check_contract
from services.detectors.sandbox import Limits
from services.errors import Cancelled
from tests.support.bad_detectors import plant, random_walk, starter

CANDLES = random_walk(600, 11)

LEAKS = {
    "future maximum": """
        c = candles["close"]
        if not len(c): return []
        return [detection("mark", 1, i, i) for i in np.flatnonzero(c > 0.95 * c.max())]
        """,
    "centred rolling window": """
        h, n = candles["high"], params["n"]
        return [detection("mark", 1, i, i) for i in range(n, len(h) - n) if h[i] == h[i - n : i + n + 1].max()]
        """,
    "repainted last swing": """
        h, out = candles["high"], []
        for i in range(5, len(h)):
            if h[i] > h[i - 5 : i].max():
                if out and i - out[-1] < 10: out.pop()
                out.append(i)
        return [detection("mark", 1, i, i) for i in out]
        """,
    "confirmed one bar too early": """
        h, n = candles["high"], params["n"]
        return [detection("mark", 1, i, i + n - 1) for i in range(n, len(h) - n) if h[i] == h[i - n : i + n + 1].max()]
        """,
    "the mean of all": """
        c = candles["close"]
        return [detection("mark", 1, i, i) for i in range(1, len(c)) if c[i] > c.mean() >= c[i - 1]]
        """,
    "a price that is filled in later": """
        h, out = candles["high"], []
        for i in range(5, len(h)):
            if h[i] > h[i - 5 : i].max(): out.append(detection("mark", 1, i, i, price=float(h[i : i + 3].max())))
        return out
        """,
    "meta that tells what came later": """
        c = candles["close"]
        return [detection("mark", 1, i, i, meta={"held": bool((c[i:] >= c[i]).all())}) for i in range(5, len(c), 20)]
        """,
    "only after a whole week": """
        n = len(candles) // 5 * 5
        return [detection("mark", 0, i, i) for i in range(4, n, 5) if i < len(candles) - 1]
        """,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return starter(tmp_path_factory.mktemp("contract") / "repository")


@pytest.mark.parametrize("leak", LEAKS)
def test_every_planted_leak_is_refused(root: Path, leak: str) -> None:
    report = check_contract(plant(root, LEAKS[leak]), "planted", CANDLES, {}, cuts=12)
    assert not report.passed
    failed = {check.name for check in report.checks if not check.passed}
    assert "no_look_ahead" in failed, report.checks
    assert report.failure is not None and report.failure.kind == "look_ahead"
    assert report.failure.detail.startswith("Look-ahead: ") and "with all of them" in report.failure.detail


def test_the_sentence_names_the_bar(root: Path) -> None:
    report = check_contract(plant(root, LEAKS["future maximum"]), "planted", CANDLES, {})
    assert report.failure is not None
    assert "candles up to #" in report.failure.detail and "mark +1 at #" in report.failure.detail


def test_an_honest_detector_passes_and_the_report_is_json(root: Path) -> None:
    body = """
        h, n = candles["high"], params["n"]
        return [detection("mark", 1, i, i + n) for i in range(n, len(h) - n) if h[i] == h[i - n : i + n + 1].max()]
        """
    report = check_contract(plant(root, body), "planted", CANDLES, {})
    assert report.passed, report.failure
    assert report.failure is None
    assert json.loads(json.dumps(asdict(report)))["checks"][0]["name"] == "output"


@pytest.mark.parametrize(
    ("body", "name", "says"),
    [
        ("candles['close'] += 1\nreturn []", "input_unmutated", "changes the candles"),
        ("import random\nreturn [detection('mark', 0, 3, 3, price=random.random())]", "same_result", "Not the same"),
        (
            "global N\nN = globals().get('N', 0) + 1\nreturn [detection('mark', 0, 0, 0, meta={'n': N})]",
            "same_result",
            "second time",
        ),
        (
            "return [detection('mark', 0, 0, 0, meta={'n': hash('x') % 1000})] if len(candles) else []",
            "same_result",
            "in another one",
        ),
        ("c = candles['close'][-1]\nreturn []", "small_input", "With 0 candles"),
        ("return [detection('mark', 0, 5, 5)]", "small_input", "outside of its 0 candles"),
        (
            "c = candles['close'].cumsum() // 1\nreturn [detection('mark', 0, i, i) for i in np.where(c % 7 == 1)[0]]",
            "bounded_memory",
            "remembers more than the 80 bars",
        ),
        ("return [detection('mark', 0, i - 30, i) for i in range(30, len(candles))]", "confirmation_lag", "30 bars"),
        ("print('hello')\nreturn []", "output", "printed"),
        ("while True: pass", "time_limit", "took too long"),
        ("return [detection('mark', 0, 0, len(candles))]", "output", "outside of its 600 candles"),
    ],
)
def test_each_rule_has_its_sentence(root: Path, body: str, name: str, says: str) -> None:
    limits = Limits(wall_s=1.0) if name == "time_limit" else None
    report = check_contract(plant(root, body), "planted", CANDLES, {}, limits=limits, cuts=4)
    assert not report.passed
    details = {check.name: check.detail for check in report.checks if not check.passed}
    assert says in details[name]


def test_it_can_be_cancelled(root: Path) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 20

    with pytest.raises(Cancelled):
        check_contract(
            plant(root, "import time; time.sleep(0.2); return []"), "planted", CANDLES, {}, cancelled=cancelled
        )
