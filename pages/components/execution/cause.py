"""Where a run failed: the file and line that its reason, its tests or its log name, and the text around it. No streamlit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BEFORE, AFTER = 6, 4  # lines of a log that are shown around the one that names the place
_PATH: Final = r"(?P<file>(?:detectors|tests|params)/[\w./-]+\.py)"
_SYNTAX: Final = re.compile(_PATH + r" has a syntax error in line (?P<line>\d+)")
# pytest names the line that raised with the kind of error; a traceback names the innermost call last.
_RAISED: Final = re.compile(r"^" + _PATH + r":(?P<line>\d+): \w*(?:Error|Exception|Failed|Exit)\b", re.MULTILINE)
_CALLED: Final = re.compile(r'File "(?:[^"\n]*/)?' + _PATH + r'", line (?P<line>\d+)')


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the pattern repository; `syntax` says that the file is no Python there. `excerpt` is what the text in
    which it was found says around it."""

    file: str
    line: int
    syntax: bool
    excerpt: str

    @property
    def words(self) -> str:
        return f"{self.file}, line {self.line}"


def place_of(texts: Sequence[str]) -> Place | None:
    """The first place that one of these texts names, in their order: the reason, the tests' output, the log."""
    for text in texts:
        if found := _SYNTAX.search(text):
            return _place(text, found, syntax=True)
        if found := _RAISED.search(text):
            return _place(text, found, syntax=False)
        if calls := list(_CALLED.finditer(text)):
            return _place(text, calls[-1], syntax="SyntaxError" in text[calls[-1].end() : calls[-1].end() + 400])
    return None


def _place(text: str, found: re.Match[str], *, syntax: bool) -> Place:
    lines = text.splitlines()
    at = text.count("\n", 0, found.start())
    excerpt = lines[max(0, at - BEFORE) : at + AFTER + 1] if len(lines) > 1 else []
    return Place(found["file"], int(found["line"]), syntax, "\n".join(excerpt))


def source_around(source: str, line: int, around: int = 3) -> str:
    """The lines of a file around one, numbered, with an arrow at it."""
    lines = source.splitlines()
    first = max(1, line - around)
    return "\n".join(
        f"{'→' if number == line else ' '} {number:>4}  {text}"
        for number, text in enumerate(lines[first - 1 : line + around], first)
    )
