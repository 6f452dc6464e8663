"""What `patterndesk import-existing` does and prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services import existing
from services.settings import Settings


def move(url: str, *, dry_run: bool, settings: Settings, say: Callable[[str], None]) -> dict[str, Any]:
    """The report by table, as it is printed with --json."""
    report = existing.import_existing(url, dry_run=dry_run, storage_root=settings.storage_root, say=say)
    return {
        "dry_run": report.dry_run,
        "tables": {
            name: {
                "rows": table.rows, "moved": table.moved, "moved_before": table.before, "not_moved": table.failed,
                "problems": [{"id": old, "reason": why} for old, why in table.problems.items()], "note": table.note,
            } for name, table in report.tables.items()
        },
    }  # fmt: skip


def told(report: dict[str, Any]) -> str:
    """The same as lines for a person."""
    word = "would be moved" if report["dry_run"] else "moved"
    lines = []
    for name, table in report["tables"].items():
        if table["note"]:
            lines.append(f"{name}: {table['rows']:,} rows. {table['note']}")
            continue
        before = f", {table['moved_before']:,} were here already" if table["moved_before"] else ""
        failed = f", {table['not_moved']:,} could not be" if table["not_moved"] else ""
        lines.append(f"{name}: {table['moved']:,} of {table['rows']:,} rows {word}{before}{failed}.")
        lines += [f"    {problem['id']}: {problem['reason']}" for problem in table["problems"]]
    return "\n".join(lines)
