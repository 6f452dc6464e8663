"""All corpora against the gates, as tables: `python -m tests.detectors.corpus [PART ...] [--form F] [--profile P]`.

Parts are leaks, strangers, honest, starter, attacks, tests; all by default. The suite runs a few of each (`test_corpus.py`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from services.detectors.gate.plan import FULL, GATE_VERSION, SMALL
from services.detectors.isolation import isolation
from tests.support.corpus import running, strangers
from tests.support.corpus.leaks import LEAKS
from tests.support.corpus.running import Row

LASTING = ("leaks", "strangers", "honest")  # what takes so long that its results are kept
PROFILES = {"full": FULL, "part": running.PART, "small": SMALL}


def main() -> int:
    """Prints the tables; 1 when anything came out otherwise than it should."""
    parser = argparse.ArgumentParser(prog="python -m tests.detectors.corpus", description=__doc__)
    parts = ("leaks", "strangers", "honest", "starter", "attacks", "tests")
    parser.add_argument("part", nargs="*", choices=parts, help="what to run; all by default")
    parser.add_argument("--form", choices=("bubblewrap", "reduced", "both"), default="both")
    parser.add_argument("--profile", choices=PROFILES, default="full")
    parser.add_argument(
        "--salts", type=int, default=1, help="how often leaks and honest ones run, each with other candles"
    )
    parser.add_argument("--keep", type=Path, help="a file of results, to go on after a cut with what takes long")
    parser.add_argument("--group", help="of the leaks, those of one group alone")
    chosen = parser.parse_args()
    profile = PROFILES[chosen.profile]
    forms = [f for f in ("bubblewrap", "reduced") if chosen.form in (f, "both")]
    if isolation() != "bubblewrap":
        forms = ["reduced"]
    leaks = [leak for leak in LEAKS if chosen.group in (None, leak.group)]
    bad = 0
    kept = _kept(chosen.keep, chosen.profile)
    had = {part: [r for r in kept if _part(r) == part] for part in LASTING}
    done = {part: {(r.name, r.salt) for r in rows} for part, rows in had.items()}
    with tempfile.TemporaryDirectory(prefix="patterndesk-corpus-") as name:
        folder = Path(name)
        runs: dict[str, Callable[[], Iterator[Row]]] = {
            "leaks": lambda: running.run_leaks(folder, profile, chosen.salts, leaks, done["leaks"]),
            "strangers": lambda: strangers.run_strangers(folder, profile, chosen.salts, done=done["strangers"]),
            "honest": lambda: running.run_honest(folder, profile, chosen.salts, done=done["honest"]),
            "starter": lambda: running.run_starter(profile),
        }
        for form in forms:
            runs[f"attacks {form}"] = lambda form=form: running.run_attacks(folder, form)  # type: ignore[misc]
            runs[f"tests {form}"] = lambda form=form: running.run_hostile_tests(folder, form)  # type: ignore[misc]
        for title, run in runs.items():
            if not chosen.part or title.split()[0] in chosen.part:
                keep = chosen.keep if title in LASTING else None
                bad += _table(title, _keeping(had.get(title, []), run(), keep, chosen.profile))
    return 1 if bad else 0


def _part(row: Row) -> str:
    return row.group if row.group in LASTING else "leaks"


def _kept(file: Path | None, profile: str) -> list[Row]:
    """The results of earlier runs with this profile and this version of the gate."""
    if file is None or not file.exists():
        return []
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [Row(**one["row"]) for one in lines if (one["profile"], one["gate"]) == (profile, GATE_VERSION)]


def _keeping(had: list[Row], rows: Iterator[Row], file: Path | None, profile: str) -> Iterator[Row]:
    """The kept results, then the new ones, each written before it is shown."""
    yield from had
    for row in rows:
        if file is not None:
            with file.open("a") as out:
                out.write(json.dumps({"profile": profile, "gate": GATE_VERSION, "row": asdict(row)}) + "\n")
        yield row


def _table(title: str, rows: Iterator[Row]) -> int:
    print(f"\n## {title}\n\n| group | attempt | as it should | what was said | s |\n| --- | --- | --- | --- | --- |")
    count = bad = 0
    longest = 0.0
    for row in rows:
        count, bad, longest = count + 1, bad + (not row.good), max(longest, row.seconds)
        what = " ".join(row.what.split()).replace("|", "/")[:160]
        mark = "yes" if row.good else "**NO**"
        print(f"| {row.group} | {row.name} | {mark} | {what} | {row.seconds:.1f} |", flush=True)
    print(f"\n{title}: {count} attempts, {bad} not as they should, the longest {longest:.1f} s.")
    return bad


if __name__ == "__main__":
    sys.exit(main())
