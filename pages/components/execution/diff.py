"""A unified diff as files with their lines. No streamlit here."""

from __future__ import annotations

import re
from typing import Final

from pages.components.execution.wording import TESTS_FOLDER
from pages.components.runs.cells import DiffFile

MOST_LINES: Final = 4000  # of a diff that are drawn
_FILE: Final = re.compile(r"^diff --git a/(.*) b/(.*)$")


def diff_files(text: str) -> list[DiffFile]:
    """A unified diff as files with their lines: kind "@", "+", "-" or " ", and the text."""
    files: list[DiffFile] = []
    body = False
    for line in text.splitlines()[:MOST_LINES]:
        if found := _FILE.match(line):
            files.append(
                {
                    "path": found.group(2),
                    "note": "",
                    "added": 0,
                    "removed": 0,
                    "lines": [],
                    "tests": found.group(2).startswith(TESTS_FOLDER),
                }
            )
            body = False
        elif not files:
            continue
        elif line.startswith("@@"):
            body = True
            files[-1]["lines"].append(("@", line))
        elif body:
            _line(files[-1], line)
        else:
            files[-1]["note"] = files[-1]["note"] or _note(line)
    return files


def _line(file: DiffFile, line: str) -> None:
    kind = line[:1] if line[:1] in "+-" and line else " "
    if kind != " ":
        file["added" if kind == "+" else "removed"] += 1
    file["lines"].append((kind, line[1:] if line[:1] in ("+", "-", " ") else line))


def _note(line: str) -> str:
    for start, note in (("new file", "new"), ("deleted file", "deleted"), ("Binary files", "binary")):
        if line.startswith(start):
            return note
    return ""
