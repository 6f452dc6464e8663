"""What an execution spent on the API: a ledger in its folder, written as the answers stream in.

The SDK reports costs with the result alone, so a process that is killed would have been free. The ledger counts each
message of the API once, by its id, at the list price; a line is written before the next event is handled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "claude-spend.jsonl"  # beside the agent's home, where the agent can't write
# Dollars a million tokens: input, output, cache written (5 minutes, 1 hour), cache read. From the price list in the
# pinned SDK's command line; a test compares the default model's with what it reports.
_PRICES = {
    "claude-fable-5-2": (8.0, 40.0, 10.0, 16.0, 0.2),
    "claude-opus-5-5": (4.0, 20.0, 5.0, 8.0, 0.2),
    "claude-opus-5": (5.0, 25.0, 6.25, 10.0, 0.5),
    "claude-sonnet-5-5": (2.0, 10.0, 2.5, 4.0, 0.1),
    "claude-sonnet-5": (2.0, 10.0, 2.5, 4.0, 0.2),
    "claude-haiku-4-5": (1.0, 5.0, 1.25, 2.0, 0.1),
}
_DEAREST = (15.0, 75.0, 18.75, 30.0, 1.5)  # an unknown model is better counted too dear than free


@dataclass(frozen=True, slots=True)
class Spend:
    """Dollars, and tokens in (cached ones too) and out."""

    cost_usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Spend) -> Spend:
        return Spend(
            self.cost_usd + other.cost_usd,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
        )


def price_of(model: str) -> tuple[float, float, float, float, float]:
    """The list prices of a model; a dated name counts as its family's."""
    known = sorted((name for name in _PRICES if model == name or model.startswith(f"{name}-2")), key=len)
    return _PRICES[known[-1]] if known else _DEAREST


def cost(model: str, usage: Mapping[str, Any]) -> Spend:
    """What one message of the API cost. `usage` is the API's: counts of tokens by kind."""
    fresh, out = _count(usage, "input_tokens"), _count(usage, "output_tokens")
    read, written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
    detail = usage.get("cache_creation")
    hour = min(_count(detail, "ephemeral_1h_input_tokens"), written) if isinstance(detail, Mapping) else 0
    a, b, c5, c60, r = price_of(model)
    dollars = (fresh * a + out * b + (written - hour) * c5 + hour * c60 + read * r) / 1e6
    return Spend(dollars, fresh + read + written, out)


def _count(usage: Mapping[str, Any], key: str) -> int:
    value = usage.get(key)
    return value if isinstance(value, int) and value > 0 else 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the API: the phase it belongs to, its id, and what it has cost so far."""

    phase: str
    message: str
    model: str
    spend: Spend


class Ledger:
    """The execution's messages by phase. Reading skips a last line that a crash cut off."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: dict[str, tuple[str, str, dict[str, Any]]] = {}
        for line in file.read_bytes().splitlines() if file.exists() else []:
            try:
                entry = json.loads(line)
                self._take(entry["phase"], entry["message"], entry["model"], entry["usage"])
            except (ValueError, KeyError, TypeError):
                continue

    def add(self, phase: str, message: str, model: str, usage: Mapping[str, Any]) -> Entry:
        """Counts a message, or replaces what was counted of it before: usage grows while it streams."""
        merged = self._take(phase, message, model, usage)
        line = json.dumps({"phase": phase, "message": message, "model": model, "usage": merged})
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        return Entry(phase, message, model, cost(model, merged))

    def entries(self) -> list[Entry]:
        """All messages, in the order they came."""
        return [
            Entry(phase, message, model, cost(model, usage)) for message, (phase, model, usage) in self._seen.items()
        ]

    def _take(self, phase: str, message: str, model: str, usage: Mapping[str, Any]) -> dict[str, Any]:
        before = self._seen.get(message)
        merged = {**(before[2] if before else {}), **{k: v for k, v in usage.items() if v is not None}}
        self._seen[message] = (phase, model, merged)
        return merged

    def spent(self, phase: str | None = None) -> Spend:
        """The sum of one phase (all its runs), or of the execution."""
        total = Spend()
        for of, model, usage in self._seen.values():
            if phase is None or of == phase:
                total += cost(model, usage)
        return total


def spent_in(folder: Path) -> Spend:
    """What an execution has spent so far; `folder` is the one that its worktree lies in. Safe to ask at any time."""
    return Ledger(folder / FILE).spent()
