"""The log of a remote deploy: our own lines and the target's, in the form that the local deploy writes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from services.logs import redact

CAP = 400_000  # characters that are kept; the end is what matters
_LEFT_OUT = "[the beginning was left out]\n"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
_SHOWN = {"command", "stdout", "stderr", "fatal", "exit"}


@dataclass(frozen=True, slots=True)
class BuildEvent:
    """One event of a build at the target. `at` in ms since 1970; None and "" where the target does not say."""

    kind: str
    text: str | None
    at: int | None
    id: str


class BuildLog:
    """Grows line by line. `started` is the deploy's creation in ms since 1970; each line begins with the seconds since then."""

    def __init__(self, started: int) -> None:
        self.text = ""
        self.last: int | None = None  # time of the latest event, ms since 1970
        self._started = started
        self._seen: set[str] = set()

    def line(self, text: str, at: int | None = None) -> None:
        at = int(time.time() * 1000) if at is None else at
        clock = datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M:%S")
        after = f"{max(at - self._started, 0) / 1000:6.2f}"[:6]
        self.text += f"{clock} +{after}s {redact(_ESCAPES.sub('', text)).rstrip()}\n"
        if len(self.text) > CAP:
            self.text = _LEFT_OUT + self.text[-(CAP * 3 // 4) :].split("\n", 1)[-1]

    def once(self, text: str) -> None:
        """A line that is written a single time, however often the state is looked at."""
        if text not in self._seen:
            self._seen.add(text)
            self.line(text)

    def add(self, events: Iterable[BuildEvent]) -> None:
        """The events that have a text and are not there yet."""
        for event in events:
            at = int(time.time() * 1000) if event.at is None else event.at
            key = f"event:{event.id or (at, event.text)}"
            if event.text is None or event.kind not in _SHOWN or key in self._seen:
                continue
            self._seen.add(key)
            self.last = max(self.last or 0, at)
            for part in event.text.rstrip().splitlines():
                self.line(f"$ {part}" if event.kind == "command" else part, at)
