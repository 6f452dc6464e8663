"""`python -m benchmarks [--quick] [--lines 1,3,4]`: makes a database, measures, writes results.json and README.md."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Sequence

from benchmarks import appending, memory, report, sessions, starting, timeline_page, workspace_list
from benchmarks.database import facts, fresh_database
from benchmarks.dataset import add_workspaces, fill
from benchmarks.measuring import Result

LINES = (1, 3, 4, 8, 12)
OF_ROWS = {1, 3, 4}  # measured on a database that is full


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    began = time.monotonic()
    os.environ.setdefault("GATE_PROFILE", "small")  # how long the whole contract takes is the corpus's table
    found = {"quick": options.quick, "machine": report.machine(), "versions": report.versions()}
    rows, results = {}, []
    with fresh_database() as url:
        if OF_ROWS & set(options.lines):
            _say(began, f"filling the database{' at a hundredth' if options.quick else ''}")
            rows = fill(url, scale=0.01 if options.quick else 1.0)
            results += _measure(url, options.lines, options.quick, began)
        server = facts(url)
    for line in sorted(set(options.lines) - OF_ROWS):
        with fresh_database() as url:
            results += _measure_worker(url, line, options.quick, began)
    report.save(results, {**found, "server": server, "rows": rows, "seconds": round(time.monotonic() - began, 1)})
    print(report.table(results))
    return 0


def _measure(url: str, lines: Sequence[int], quick: bool, began: float) -> list[Result]:
    results: list[Result] = []
    gc.freeze()  # what the imports left behind is no part of any measure
    if 1 in lines:
        _say(began, "line 1: timeline pages")
        results += timeline_page.run(url, n=200 if quick else 500, deep=1_000 if quick else 100_000)
    if 3 in lines:
        _say(began, "line 3: the list of workspaces")
        results += workspace_list.run(url, n=200)
        add_workspaces(url, upto=1_000)
        results += workspace_list.run(url, n=200)
    if 4 in lines:
        _say(began, "line 4: appending")
        results += appending.run(url, commits=200 if quick else 2_400, rounds=3 if quick else 12)
    return results


def _measure_worker(url: str, line: int, quick: bool, began: float) -> list[Result]:
    if line == 8:
        _say(began, "line 8: the start of a run")
        return starting.run(url, n=20 if quick else 150)
    _say(began, "line 12: the worker's memory")
    seconds = 3.0 if quick else 15.0
    results = memory.run(url, seconds=seconds)
    _say(began, "line 12: the app's memory")
    with fresh_database() as other:
        return results + sessions.run(other, seconds=seconds)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the rows, in about a minute")
    parser.add_argument("--lines", type=_lines, default=LINES, help="which lines, e.g. 1,3 (default: all)")
    return parser.parse_args(arguments)


def _lines(text: str) -> tuple[int, ...]:
    lines = tuple(int(part) for part in text.split(","))
    if unknown := set(lines) - set(LINES):
        raise argparse.ArgumentTypeError(f"there are the lines {LINES}, not {sorted(unknown)}")
    return lines


def _say(began: float, what: str) -> None:
    print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
