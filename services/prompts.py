"""The prompt of an execution: what the agent is told, as data and as text. People's words are data in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from services.feedback import FeedbackRow
from services.workspaces import WorkspaceDetail

CANDLES_AROUND = 12  # on each side of a judged place

CONSTRAINTS = (
    "Closed bars only: a detection's confirmed_index is the first bar at whose close it was knowable.",
    "Edit only this pattern's module, its tests and its parameter file.",
    "Pure and deterministic: no file, network, clock or random source.",
    "Never edit or delete a test to make it pass.",
)
CHECKLIST = (
    "The repository's tests pass.",
    "The detector contract holds: no look-ahead, no repainting, same result twice, bounded memory.",
    "No judged place that was right becomes wrong.",
    "Every correction below is handled, or the answer says why not.",
)

_EXPECTED = {
    "false_positive": "no detection here",
    "false_negative": "a detection here",
    "adjustment": "the detection moved to the expected place",
    "comment": "what the words ask for",
    "confirmed": "this detection stays",
}


def build(
    workspace: WorkspaceDetail,
    items: Sequence[FeedbackRow],
    frames: Mapping[str, pd.DataFrame],
    *,
    params: Mapping[str, Any] | None,
    agent: str,
) -> dict[str, Any]:
    """The prompt as JSON-able data. `frames` holds candles by dataset id, indexed by dataset index."""
    by_session: dict[str, dict[str, Any]] = {}
    for item in items:
        key = str(item.session_id) if item.session_id else "none"
        entry = by_session.setdefault(key, {"session_id": key, "name": item.session_name, "items": []})
        entry["items"].append(_item(item, frames))
    return {
        "format": 1,
        "agent": agent,
        "context": {
            "pattern_type": workspace.pattern_type,
            "name": workspace.name,
            "category": workspace.category,
            "version": workspace.version,
            "description": workspace.description,
            "reasoning": workspace.user_reasoning,
            "identification_steps": workspace.identification_steps,
            "rules": workspace.rules,
            "parameters": dict(params) if params is not None else None,
        },
        "task": "implement" if workspace.deployed_version_id is None else "repair",
        "summary": dict(Counter(i.verdict for i in items)),
        "sessions": list(by_session.values()),
        "constraints": list(CONSTRAINTS),
        "quality_checklist": list(CHECKLIST),
    }


def _item(item: FeedbackRow, frames: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    return {
        "feedback_id": str(item.id),
        "verdict": item.verdict,
        "judged_by": "a documented rule" if item.made_by == "rule" else item.author_name,
        "kind": item.kind,
        "direction": item.direction,
        "candle_index": item.candle_index,
        "candle_time": item.candle_time.isoformat() if item.candle_time else None,
        "expected_index": item.expected_index,
        "expected": _EXPECTED.get(item.verdict, item.verdict),
        "original": item.original,
        "reason": item.reason,
        "candles": _around(item, frames),
    }


def _around(item: FeedbackRow, frames: Mapping[str, pd.DataFrame]) -> list[list[Any]]:
    frame = frames.get(str(item.dataset_id)) if item.dataset_id else None
    if frame is None or item.candle_index is None:
        return []
    low, high = max(0, item.candle_index - CANDLES_AROUND), item.candle_index + CANDLES_AROUND + 1
    part = frame.iloc[low:high]
    return [
        [int(i), t.isoformat(), float(o), float(h), float(lo), float(c)]
        for i, t, o, h, lo, c in zip(
            range(low, low + len(part)), part["time"], part["open"], part["high"], part["low"], part["close"],
            strict=True,
        )
    ]  # fmt: skip


def as_bytes(prompt: Mapping[str, Any]) -> bytes:
    return json.dumps(prompt, indent=1, sort_keys=True).encode()


def readable(prompt: Mapping[str, Any]) -> str:
    """The same prompt as plain text, for people to read before they send it."""
    context = prompt["context"]
    lines = [
        f"{prompt['task'].capitalize()} the detector '{context['pattern_type']}' ({context['name']}), "
        f"now v{context['version']}.",
        "",
        "Description", context["description"] or "–", "",
        "Reasoning", context["reasoning"] or "–", "",
        "Steps", *[f"{n}. {s}" for n, s in enumerate(context["identification_steps"], 1)], "",
    ]  # fmt: skip
    if context["parameters"] is not None:
        lines += ["Parameters", *[f"  {k} = {v}" for k, v in sorted(context["parameters"].items())], ""]
    if prompt["summary"]:
        counted = ", ".join(f"{n} {v.replace('_', ' ')}" for v, n in sorted(prompt["summary"].items()))
        lines += [f"Corrections: {counted}", ""]
    for session in prompt["sessions"]:
        lines.append(f"Session {session['name'] or '(none)'}")
        for item in session["items"]:
            place = (
                f"#{item['candle_index']} {item['candle_time']}" if item["candle_index"] is not None else "(no place)"
            )
            move = f" → #{item['expected_index']}" if item["verdict"] == "adjustment" else ""
            arrow = {1: " up", -1: " down"}.get(item["direction"], "")
            lines.append(
                f"  - {item['verdict'].replace('_', ' ')}: {item['kind'] or ''}{arrow} {place}{move}; "
                f"expected {item['expected']}"
            )
            if item["reason"]:
                lines.append(f"      “{item['reason'][:2000]}”")
        lines.append("")
    lines += [
        "Constraints",
        *[f"  - {c}" for c in prompt["constraints"]],
        "",
        "Checklist",
        *[f"  - {c}" for c in prompt["quality_checklist"]],
    ]
    return "\n".join(lines)
