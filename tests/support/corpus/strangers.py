"""Leaking detectors by somebody who had not read the gate: `by_strangers/`, a file each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Set
from itertools import product
from pathlib import Path
from typing import Final

from services.detectors.contract import check_contract
from services.detectors.gate.plan import Profile
from tests.support.bad_detectors import starter
from tests.support.corpus.running import SALTED, Row

FOLDER: Final = Path(__file__).parent / "by_strangers"
# What passes, because each request is a process of its own that has the candles up to its last one and nothing else: the
# answers are then those of an honest detector, at every length.
HARMLESS: Final[Mapping[str, str]] = {
    "20_engulf_memo": "a default argument ends with its request",
    "28_break_base_peek": "no array behind the candles has later ones",
    "29_cross_remembers": "a function's attribute ends with its request",
    "31_engulf_frame_peek": "nothing that called it has longer candles",
    "47_outside_timer": "its first tenths of a second are those of every request",
    "48_inside_shared_base": "a module's attribute ends with its request",
}
# What passes and should not: nothing here can turn the clock of a process, so a detector that answers by it is refused only
# when its answer changes while the gate runs.
UNSEEN: Final = frozenset({"25_engulf_session_clock"})


def names() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("[0-9]*.py"))


def run_strangers(
    folder: Path,
    profile: Profile,
    salts: int = 1,
    some: list[str] | None = None,
    done: Set[tuple[str, int]] = frozenset(),
) -> Iterator[Row]:
    """Each through the gate, which should refuse it, or let it pass where it is harmless; once for each salt.

    What the candles of the salt refuse, the whole gate refuses; the whole one runs for the others. `done` names files
    and salts to leave out.
    """
    root = starter(folder / "strangers")
    for salt, name in product(range(salts), some or names()):
        if (name, salt) in done:
            continue
        pattern = name.split("_", 1)[1]
        shutil.copy(FOLDER / f"{name}.py", root / "detectors" / f"{pattern}.py")
        report = check_contract(root, pattern, {}, profile=SALTED if salts > 1 else profile, salt=str(salt))
        if report.passed and salts > 1 and not (name in HARMLESS and salt):
            report = check_contract(root, pattern, {}, profile=profile, salt=str(salt))
        failure = report.failure
        refused = failure is not None and failure.kind not in ("timeout", "isolation")
        what = (
            f"{failure.name}: {failure.detail}"
            if failure
            else f"{report.cuts} runs; {HARMLESS.get(name, '**passed**')}"
        )
        good = refused != (name in HARMLESS) or name in UNSEEN
        yield Row("strangers", name, good, what, report.duration_s, salt)
        (root / "detectors" / f"{pattern}.py").unlink()
