"""The prompt's document: the file that an agent gets, and its form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from services.codec import Codec

FORMAT = 3  # 1 had no instructions and no summary by detection, 2 no pictures
NO_SESSION = "none"  # under which items stand that belong to no session
PromptCandle = tuple[int, str, float, float, float, float]  # index, time (ISO, UTC), open, high, low, close


@dataclass(frozen=True, slots=True)
class PromptContext:
    """The pattern as people described it, and the parameters of the version that runs now."""

    pattern_type: str
    name: str
    version: str
    category: str | None = None
    description: str | None = None
    reasoning: str | None = None
    identification_steps: tuple[str, ...] = ()
    rules: str | None = None
    parameters: Mapping[str, JsonValue] | None = None
    pictures: tuple[str, ...] = ()  # names of those in the prompt


@dataclass(frozen=True, slots=True)
class PromptItem:
    """One correction or comment: where it is, what was there, what is expected, and the candles around it."""

    feedback_id: str
    verdict: str
    judged_by: str | None = None
    kind: str | None = None
    direction: int | None = None
    candle_index: int | None = None
    candle_time: str | None = None
    expected_index: int | None = None
    expected: str = ""
    original: Mapping[str, JsonValue] | None = None
    reason: str | None = None
    candles: tuple[PromptCandle, ...] = ()
    pictures: tuple[str, ...] = ()  # names of those in the prompt


@dataclass(frozen=True, slots=True)
class PromptPicture:
    """A picture that goes along. `of` is description, comment or correction, `attached` False where it is a drawn chart
    of the place; `data` is base64, and width and height are its pixels."""

    name: str
    title: str
    of: str
    media_type: str
    width: int
    height: int
    data: str
    feedback_id: str | None = None
    attached: bool = True


@dataclass(frozen=True, slots=True)
class PromptSession:
    """The items of one session."""

    session_id: str
    name: str | None = None
    items: tuple[PromptItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that an agent gets to read. People's words are data in it."""

    task: str
    context: PromptContext
    format: int = 1
    agent: str = ""
    instructions: tuple[str, ...] = ()
    summary: Mapping[str, int] = field(default_factory=dict)
    summary_by_detection: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sessions: tuple[PromptSession, ...] = ()
    constraints: tuple[str, ...] = ()
    quality_checklist: tuple[str, ...] = ()
    pictures: tuple[PromptPicture, ...] = ()


_PROMPT = Codec(Prompt, "prompt")


def as_bytes(prompt: Prompt) -> bytes:
    """The file. Raises DoesNotFit."""
    return json.dumps(_PROMPT.to_json(prompt), indent=1, sort_keys=True).encode()


def read(data: bytes) -> Prompt:
    """A stored prompt, of this format or an older one. Raises DoesNotFit."""
    return _PROMPT.from_text(data)
