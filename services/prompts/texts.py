"""A prompt as plain text, for people to read before they send it, and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.prompts.document import NO_SESSION, Prompt, PromptItem, PromptPicture, read
from services.prompts.pictures import tokens


@dataclass(frozen=True, slots=True)
class Size:
    """How much a prompt sends."""

    corrections: int
    sessions: int
    candles: int
    size: int  # bytes of the document without its pictures
    pictures: int = 0
    picture_tokens: int = 0


def measure(data: bytes) -> Size:
    """What a stored prompt holds, counted. Raises DoesNotFit."""
    prompt = read(data)
    items = [item for session in prompt.sessions for item in session.items]
    named = sum(session.session_id != NO_SESSION for session in prompt.sessions)
    shown = sum(len(picture.data) for picture in prompt.pictures)
    return Size(
        len(items),
        named,
        sum(len(item.candles) for item in items),
        len(data) - shown,
        len(prompt.pictures),
        sum(map(tokens, prompt.pictures)),
    )


def readable(prompt: Prompt) -> str:
    """The same prompt as plain text, for people to read before they send it. Reads prompts of older formats too."""
    context = prompt.context
    lines = [
        f"{prompt.task.capitalize()} the detector '{context.pattern_type}' ({context.name}), now v{context.version}.",
        "",
    ]
    lines += _listed("Instructions", prompt.instructions)
    lines += ["Description", context.description or "–", "", "Reasoning", context.reasoning or "–", ""]
    lines += ["Steps", *[f"{n}. {s}" for n, s in enumerate(context.identification_steps, 1)], ""]
    if context.rules:
        lines += ["Rules", context.rules, ""]
    if context.parameters is not None:
        lines += ["Parameters", *[f"  {k} = {v}" for k, v in sorted(context.parameters.items())], ""]
    if prompt.summary:
        lines += [f"Corrections: {_counted(prompt.summary)}"]
        lines += [f"  {kind}: {_counted(counts)}" for kind, counts in prompt.summary_by_detection.items()]
        lines.append("")
    for session in prompt.sessions:
        lines += [f"Session {session.name or '(none)'}", *(line for i in session.items for line in _lines(i)), ""]
    lines += _listed("Pictures", [_picture(picture) for picture in prompt.pictures])
    lines += _listed("Constraints", prompt.constraints)
    lines += _listed("Checklist", prompt.quality_checklist)
    return "\n".join(lines).rstrip("\n")


def _listed(title: str, points: Sequence[str]) -> list[str]:
    return [title, *[f"  - {point}" for point in points], ""] if points else []


def _picture(picture: PromptPicture) -> str:
    what = f"{picture.title}, attached to the {picture.of}" if picture.attached else f"{picture.title}, drawn"
    return f"{picture.name}: {what}, {picture.width} × {picture.height}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {verdict.replace('_', ' ')}" for verdict, n in sorted(counts.items()))


def _lines(item: PromptItem) -> list[str]:
    """An item as text: what was judged, where, what was expected, the candles' span and the person's reason."""
    index = item.candle_index
    place = f"#{index} {item.candle_time}" if index is not None else "(no place)"
    move = f" → #{item.expected_index}" if item.verdict == "adjustment" else ""
    arrow = {1: " up", -1: " down"}.get(item.direction or 0, "")
    candles = item.candles
    around = f"; candles #{candles[0][0]} to #{candles[-1][0]} are sent" if candles else ""
    head = f"  - {item.verdict.replace('_', ' ')}: {item.kind or ''}{arrow} {place}{move}; "
    return [
        f"{head}expected {item.expected}{around}",
        *([f"      “{item.reason[:2000]}”"] if item.reason else []),
        *([f"      pictures: {', '.join(item.pictures)}"] if item.pictures else []),
    ]
