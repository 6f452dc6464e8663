"""What a run found: `results.json`, and the table in `README.md` between its two marks."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.measuring import Result

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
PRISMA = (
    "Prisma on PostgreSQL, as tried elsewhere and not measured in this run: one durable commit of a message with its "
    "state change, 670-790 a second with one writer and 1,330-1,735 a second with eight."
)


def machine() -> dict[str, Any]:
    """What the figures were made on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def versions() -> dict[str, str]:
    """What was measured, and with what."""
    parts = {name: version(name) for name in ("sqlalchemy", "psycopg", "pydantic")}
    return {"python": platform.python_version(), **parts, "libpq": str(psycopg.pq.version_pretty(psycopg.pq.version())),
            "commit": _commit()}  # fmt: skip


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # no Linux
    return platform.processor() or platform.machine()


def _commit() -> str:
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def save(results: Sequence[Result], facts: dict[str, Any]) -> None:
    """Writes both files. `facts`: quick, rows, machine, versions, server, seconds."""
    whole = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
        "results": [result.as_json() for result in results],
        "for_information": PRISMA,
    }
    (HERE / "results.json").write_text(json.dumps(whole, indent=2) + "\n")
    readme = HERE / "README.md"
    text = readme.read_text()
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n{_section(results, whole)}\n{END}{after}")


def _section(results: Sequence[Result], whole: dict[str, Any]) -> str:
    m, v, server = whole["machine"], whole["versions"], whole["server"]
    rows = ", ".join(f"{count:,} {table}" for table, count in whole["rows"].items())
    load = " / ".join(str(value) for value in m["load_average"])
    scale = "**A quick run, at a hundredth of the rows.** " if whole["quick"] else ""
    return f"""
{scale}{whole["at"]}, commit {v["commit"]}, {whole["seconds"]:.0f} s in all.

- Machine: {m["cpu"]}, {m["cores"]} cores, {m["memory_gb"]} GB, {m["system"]}; load average at the start {load}.
- Versions: Python {v["python"]}, SQLAlchemy {v["sqlalchemy"]}, psycopg {v["psycopg"]}, libpq {v["libpq"]}, PostgreSQL {server["version"]}.
- Server: {", ".join(f"{name} {value}" for name, value in server.items() if name != "version")}.
- Rows: {rows}.

{table(results)}

For information: {PRISMA}
"""


def table(results: Sequence[Result]) -> str:
    """A Markdown table; times, rates and amounts as min / median / p95."""
    lines = ["| line | what | n | ours | compared with | theirs | ratio | reach | met |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for r in results:
        met = "" if r.met is None else "yes" if r.met else "**no**"
        lines.append(f"| {r.line} | {r.name} | {r.ours.n:,} | {r.ours} | {r.compared_with} | {r.other} | {r.ratio:.2f} "
                     f"| {r.reach} | {met} |")  # fmt: skip
    return "\n".join(lines)
