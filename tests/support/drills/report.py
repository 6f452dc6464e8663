"""The row that a drill ends with."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Row:
    """One drill: what was done, what was seen, and a sentence for each thing that was not as it must be."""

    name: str
    done: str
    seen: str = ""
    wrong: list[str] = field(default_factory=list)


def table(rows: list[Row]) -> str:
    lines = [
        f"| {row.name} | {row.done} | {row.seen} | {'; '.join(row.wrong) if row.wrong else 'as it must be'} |"
        for row in rows
    ]
    return "\n".join(["| drill | done | seen | result |", "| --- | --- | --- | --- |", *lines])
