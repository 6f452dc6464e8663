"""Errors that are expected: each carries one sentence for the person who meets it.

Anything else that is raised is a bug; the edges log it under a reference id (`services.logs.new_reference`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

LONGEST = 1000  # characters of a sentence


class PatternDeskError(Exception):
    """An expected error. `str(error)` is a clear sentence for the person; nothing half-done stays behind it."""

    exit_code = 2  # the caller's fault; the command line exits with it
    failure: str | None = None  # what it is to a run that meets it: a key of services.worker.decisions.RULES
    retry_after_s: float | None = None  # when the other side asked for a pause

    def __init__(self, sentence: str = "", *, failure: str | None = None, retry_after_s: float | None = None) -> None:
        shown = sentence.encode("utf-8", "replace").decode()  # it may quote what can't be sent to a screen, or fills it
        super().__init__(shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…")
        self.failure = failure or type(self).failure
        self.retry_after_s = retry_after_s

    @property
    def sentence(self) -> str:
        return str(self)


class NotFound(PatternDeskError):
    """What was asked for does not exist."""


class NotAllowed(PatternDeskError):
    """The person's role does not cover this."""


class InvalidInput(PatternDeskError):
    """Something the person gave cannot be used; the sentence says what and where."""


class Conflict(PatternDeskError):
    """The state does not allow it now (a second workspace, a second live execution, a lost race).

    `link` is a screen address that shows what stands in the way, or None.
    """

    def __init__(self, sentence: str, *, link: str | None = None) -> None:
        super().__init__(sentence)
        self.link = link


class TooMany(PatternDeskError):
    """A limit was reached; `retry_after_s` says when to try again."""


class IllegalTransition(Conflict):
    """A status change that the transition table does not hold."""


class GuardFailed(Conflict):
    """The transition exists, but one of its guards does not hold; the sentence names the guard."""


class StaleEpoch(Conflict):
    """A worker that lost its run tried to write; the writer must stop."""


class DetectorError(PatternDeskError):
    """A detector could not be run or broke its contract. `kind` is one of noise, timeout, memory, crash, rubbish,
    look_ahead, missing, isolation."""

    failure = "detector"

    def __init__(self, sentence: str, *, kind: str, log: str = "") -> None:
        super().__init__(sentence)
        self.kind = kind
        self.log = log


class Cancelled(PatternDeskError):
    """The person cancelled while it ran; the processes it had started are gone when this is raised."""


class RepositoryError(PatternDeskError):
    """The pattern repository is missing, dirty or refuses a commit or push."""

    failure = "git"


class Unavailable(PatternDeskError):
    """A part that we run or need is not there (database down, old schema, port in use, folder not writable)."""

    exit_code = 1
    failure = "engine.unavailable"


def until(seconds: float) -> str:
    """The time in so many seconds, as a sentence tells it."""
    at = datetime.now(UTC) + timedelta(seconds=min(seconds, 86_400 * 3650))
    return f"{at:%H:%M} UTC" if seconds < 43_200 else f"{at:%-d %B %Y, %H:%M} UTC"
