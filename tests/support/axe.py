"""Accessibility faults by axe-core, which npm brings with the other checkers of the browser's side."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pytest
from playwright.sync_api import Page

from tests.support.node import CHECKERS

GRAVE: Final = ("serious", "critical")
_RUN: Final = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] })
  return violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, nodes: nodes.map(({ target, html }) => [target.flat(2).join(" "), html]) }))
}"""


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that is broken, how bad that is, and where first."""

    rule: str
    impact: str
    help: str
    where: str
    html: str
    count: int


@cache
def _source() -> str:
    file = CHECKERS / "axe-core" / "axe.min.js"
    if not file.exists():
        if os.environ.get("PATTERNDESK_REQUIRE_NODE"):
            pytest.fail("axe-core is missing; `make check` installs it.")
        pytest.skip("axe-core is missing, so accessibility was not checked; `make check` installs it.")
    return file.read_text(encoding="utf-8")


def faults(page: Page) -> list[Fault]:
    """What is seriously or critically wrong with the page as it is now, in shadow roots too."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_source())
    found: list[dict[str, Any]] = page.evaluate(_RUN)
    return [
        Fault(one["id"], one["impact"], one["help"], one["nodes"][0][0], one["nodes"][0][1][:300], len(one["nodes"]))
        for one in found
        if one["impact"] in GRAVE
    ]
