"""`python -m benchmarks.board [--keys 500] [--gap 30] [--runs 10] [--case NAME …]`: key runs with their counts.

The case "undisturbed" is run as often as `--runs` says, each other one once. It ends with 1 when a judgement was lost,
came twice, out of order or on another mark than the one on the screen.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Sequence

from playwright.async_api import async_playwright

from benchmarks.board.cases import CASES, Pace
from benchmarks.board.driving import FLAGS, PERSON, Count, Trial, Web, chromium, product
from tests.support.server import Server


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    found = run(keys=options.keys, gap_ms=options.gap, runs=options.runs, cases=options.case or list(CASES))
    return 0 if all(count.ok for _, count in found) else 1


def run(*, keys: int, gap_ms: float, runs: int, cases: Sequence[str]) -> list[tuple[str, Count]]:
    """Runs the cases and prints a line for each run."""
    with product() as (desk, web):
        return asyncio.run(_run(desk, web, keys=keys, gap_ms=gap_ms, runs=runs, cases=cases))


async def _run(
    desk: Server, web: Web, *, keys: int, gap_ms: float, runs: int, cases: Sequence[str]
) -> list[tuple[str, Count]]:
    found: list[tuple[str, Count]] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        context = await browser.new_context(viewport={"width": 1440, "height": 900})
        page = await context.new_page()
        await page.goto(web.url)
        await page.get_by_role("button", name=re.compile(rf"^{PERSON} ")).click(timeout=120_000)
        await page.get_by_text(re.compile(r"^Local mode: pick who you are")).wait_for(state="detached")
        trial = Trial(desk, web, context, marks=keys + 20)
        print(_HEAD, flush=True)
        for case in cases:
            for number in range(runs if case == "undisturbed" else 1):
                count = await CASES[case](trial, Pace(keys, gap_ms / 1000, number))
                found.append((case, count))
                print(_line(case, count), flush=True)
        await browser.close()
    return found


_HEAD = "| case | pressed | kept | lost | twice | wrong | refused | in order | more |\n|---|---|---|---|---|---|---|---|---|"


def _line(case: str, count: Count) -> str:
    more = ", ".join(f"{name} {value}" for name, value in count.facts.items())
    return (
        f"| {case} | {count.pressed} | {count.kept} | {count.lost} | {count.twice} | {count.wrong} | {count.refused} "
        f"| {'yes' if count.in_order else 'NO'} | {more} |"
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.board", description=__doc__)
    parser.add_argument("--keys", type=int, default=500, help="keys of a run")
    parser.add_argument("--gap", type=float, default=30, help="milliseconds between two keys")
    parser.add_argument("--runs", type=int, default=10, help="runs of the undisturbed case")
    parser.add_argument("--case", action="append", choices=list(CASES), help="only this case; may be given again")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
