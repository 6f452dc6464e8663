"""The agent's own process: reads a job from its input, runs one query, and writes events as lines of JSON.

Events: progress, refused, text, delta, tool, tool_error, usage, retry, alive, stderr, result, error. Nothing here reads
settings or the database; the process sees neither.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from typing import Any, TextIO

from claude_agent_sdk import (
    AssistantMessage,
    ResultMessage,
    StreamEvent,
    SystemMessage,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
    query,
)

from services.agents.claude.job import Job
from services.agents.claude.options import options_for

LONGEST = 8000  # characters of a text in an event
ALIVE_EVERY_S = 1.0
GRACE_S = 30.0  # beyond the deadline that the worker watches
OUT_OF_TIME = 75


class Voice:
    """Writes events. `alive` at most once a second, so that a long stream does not flood the reader."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._alive_at = stream, 0.0

    def emit(self, event: dict[str, Any]) -> None:
        self._stream.write(json.dumps(event, default=str) + "\n")
        self._stream.flush()

    def alive(self) -> None:
        now = time.monotonic()
        if now - self._alive_at >= ALIVE_EVERY_S:
            self._alive_at = now
            self.emit({"type": "alive"})

    def stderr(self, line: str) -> None:
        self.emit({"type": "stderr", "text": line[:LONGEST]})


class Usage:
    """Tokens by message of the API, from the stream, so that a run that is cut off is paid for in the books too."""

    def __init__(self, voice: Voice) -> None:
        self._voice, self._current, self._model = voice, "", ""

    @property
    def message(self) -> str:
        """The id of the message that streams in."""
        return self._current

    def event(self, event: dict[str, Any]) -> None:
        if event.get("type") == "message_start":
            message = event.get("message") or {}
            self._current, self._model = str(message.get("id", "")), str(message.get("model", ""))
            self._say(message.get("usage"))
        elif event.get("type") == "message_delta":
            self._say(event.get("usage"))

    def _say(self, usage: Any) -> None:
        if isinstance(usage, dict) and self._current:
            self._voice.emit({"type": "usage", "message": self._current, "model": self._model, "usage": usage})


def _of_stream(event: dict[str, Any], message: str, voice: Voice) -> None:
    """The text of an answer as it comes, with the message that it belongs to."""
    delta = event.get("delta") or {}
    if event.get("type") == "content_block_delta" and delta.get("type") == "text_delta":
        voice.emit({"type": "delta", "message": message, "text": str(delta.get("text", ""))[:LONGEST]})


def _of_assistant(message: AssistantMessage, voice: Voice) -> None:
    for block in message.content:
        if isinstance(block, TextBlock):
            voice.emit({"type": "text", "text": block.text[:LONGEST]})
        elif isinstance(block, ToolUseBlock):
            given = json.dumps(block.input, default=str)[:LONGEST]
            voice.emit({"type": "tool", "name": block.name, "input": given})


def _of_user(message: UserMessage, voice: Voice) -> None:
    if isinstance(message.content, str):
        return
    for block in message.content:
        if isinstance(block, ToolResultBlock) and block.is_error:
            voice.emit({"type": "tool_error", "text": str(block.content)[:LONGEST]})


def _of_result(message: ResultMessage, voice: Voice) -> None:
    voice.emit(
        {
            "type": "result",
            "subtype": message.subtype,
            "is_error": message.is_error,
            "terminal_reason": message.terminal_reason,
            "stop_reason": message.stop_reason,
            "structured_output": message.structured_output,
            "total_cost_usd": message.total_cost_usd,
            "usage": message.usage,
            "num_turns": message.num_turns,
            "api_error_status": message.api_error_status,
            "text": (message.result or "")[:LONGEST],
            "errors": [str(e)[:LONGEST] for e in message.errors or []],
        }
    )


def _asked(job: Job) -> str | AsyncIterator[dict[str, Any]]:
    return _with_pictures(job) if job.pictures else job.prompt


async def _with_pictures(job: Job) -> AsyncIterator[dict[str, Any]]:
    """One message: the words, then each picture after its name."""
    content: list[dict[str, Any]] = [{"type": "text", "text": job.prompt}]
    for picture in job.pictures:
        source = {"type": "base64", "media_type": picture.media_type, "data": picture.data}
        content += [{"type": "text", "text": picture.name}, {"type": "image", "source": source}]
    yield {
        "type": "user",
        "message": {"role": "user", "content": content},
        "parent_tool_use_id": None,
        "session_id": job.session_id,
    }


async def run(job: Job, voice: Voice) -> None:
    """One query to its end. A failure of the SDK becomes an `error` event."""
    usage, ended = Usage(voice), False
    try:
        async for message in query(prompt=_asked(job), options=options_for(job, voice.emit, voice.stderr)):
            if isinstance(message, StreamEvent):
                usage.event(message.event)
                if job.is_answer:
                    _of_stream(message.event, usage.message, voice)
                voice.alive()
            elif isinstance(message, AssistantMessage):
                _of_assistant(message, voice)
            elif isinstance(message, UserMessage):
                _of_user(message, voice)
            elif isinstance(message, ResultMessage):
                ended = True
                _of_result(message, voice)
            elif isinstance(message, SystemMessage) and "retry" in message.subtype:
                voice.emit({"type": "retry", "data": message.data})
            else:
                voice.alive()
    except Exception as error:  # noqa: BLE001  # the reader on the other side decides what it means
        if not ended:
            voice.emit({"type": "error", "kind": type(error).__name__, "text": str(error)[:LONGEST]})


def main() -> None:
    """Reads the job from the input's end to end, runs it, and leaves."""
    voice = Voice(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # what a library prints must not be taken for an event
    job = Job.model_validate_json(sys.stdin.buffer.read())
    # The worker's own watchdog is quicker, unless the worker is frozen. The namespace ends with this process.
    signal.signal(signal.SIGALRM, lambda *_: os._exit(OUT_OF_TIME))  # the default does nothing to a namespace's first
    signal.setitimer(signal.ITIMER_REAL, job.deadline_s + GRACE_S)
    asyncio.run(run(job, voice))
