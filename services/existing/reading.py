"""What the existing system's words and values mean here. Pure functions; each says what it could not take as it stood."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from typing import Any, Final

from services.lifecycle import (
    DeployStatus,
    ExecutionPhase,
    ExecutionStatus,
    FeedbackState,
    Role,
    SessionStatus,
    Verdict,
    WorkspaceStatus,
)
from services.texts import cleaned

_VERDICTS: Final = {
    "false_positive": Verdict.FALSE_POSITIVE, "wrong": Verdict.FALSE_POSITIVE, "invalid": Verdict.FALSE_POSITIVE,
    "remove": Verdict.FALSE_POSITIVE, "delete": Verdict.FALSE_POSITIVE,
    "false_negative": Verdict.FALSE_NEGATIVE, "missed": Verdict.FALSE_NEGATIVE, "missing": Verdict.FALSE_NEGATIVE,
    "add": Verdict.FALSE_NEGATIVE,
    "adjustment": Verdict.ADJUSTMENT, "move": Verdict.ADJUSTMENT, "moved": Verdict.ADJUSTMENT,
    "reposition": Verdict.ADJUSTMENT, "wrong_position": Verdict.ADJUSTMENT,
    "confirmed": Verdict.CONFIRMED, "confirm": Verdict.CONFIRMED, "correct": Verdict.CONFIRMED,
    "unsure": Verdict.UNSURE,
}  # fmt: skip
_STATES: Final = {
    "resolved": FeedbackState.ADDRESSED, "implemented": FeedbackState.ADDRESSED, "accepted": FeedbackState.ADDRESSED,
    "addressed": FeedbackState.ADDRESSED, "verified": FeedbackState.VERIFIED, "rejected": FeedbackState.WITHDRAWN,
    "withdrawn": FeedbackState.WITHDRAWN, "closed": FeedbackState.WITHDRAWN, "disputed": FeedbackState.DISPUTED,
}  # fmt: skip
_UP: Final = ("bull", "long", "buy", "up", "low", "support", "hl", "ll")
_DOWN: Final = ("bear", "short", "sell", "down", "high", "resistance", "hh", "lh")


def text(value: object, *, most: int = 100_000) -> str:
    """The value as text that the database takes: no NUL, no half characters, blanks at the ends gone, at most `most`."""
    raw = "" if value is None else str(value)
    return cleaned(raw.encode("utf-8", "replace").decode())[:most]


def number(value: object) -> float | None:
    """A finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def role(value: object) -> Role:
    word = text(value).lower()
    if "admin" in word or word == "owner":
        return Role.ADMIN
    return Role.MEMBER if word in ("user", "member", "trader", "editor", "developer") else Role.VIEWER


def pattern_type(value: object) -> str:
    """A pattern's type in the form that a workspace's may have: small letters, digits, underscores."""
    raw = text(value)
    plain = unicodedata.normalize("NFKD", raw).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    mark = hashlib.sha256(raw.encode()).hexdigest()[:8]
    if not name:
        return f"pattern_{mark}" if raw else "unnamed"
    if not name[0].isalpha() or len(name) == 1:
        name = f"pattern_{name}"
    return name if len(name) <= 63 else f"{name[:54]}_{mark}"


def workspace_status(value: object) -> WorkspaceStatus:
    word = text(value).lower()
    return WorkspaceStatus(word) if word in set(WorkspaceStatus) else WorkspaceStatus.SOON


def session_status(value: object) -> SessionStatus:
    word = text(value).lower()
    if word == SessionStatus.RUNNING:
        return SessionStatus.ACTIVE
    return SessionStatus(word) if word in set(SessionStatus) else SessionStatus.ARCHIVED


def verdict(value: object) -> Verdict:
    return _VERDICTS.get(text(value).lower().replace("-", "_").replace(" ", "_"), Verdict.COMMENT)


def feedback_state(value: object) -> FeedbackState:
    return _STATES.get(text(value).lower(), FeedbackState.OPEN)


def direction(*values: object) -> int:
    """+1 up, -1 down, 0 where no word says: `bullish`, `HL`, `swing_low`. The first value that says decides."""
    for value in values:
        words = re.split(r"[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", text(value)).lower())
        for word in words:
            if word in _UP or word.startswith(("bull", "support")):
                return 1
            if word in _DOWN or word.startswith(("bear", "resist")):
                return -1
    return 0


def kind(value: object) -> str:
    word = re.sub(r"[^a-z0-9]+", "_", text(value).lower()).strip("_")
    return word[:60] or "mark"


def execution_status(value: object) -> tuple[ExecutionStatus, bool]:
    """The status, and whether the run had not ended: nothing here can go on with it, so it counts as failed."""
    word = text(value).lower()
    if word == "completed":
        return ExecutionStatus.COMPLETED, False
    return ExecutionStatus.FAILED, word in ("pending", "running", "retry", "queued")


def phase(value: object) -> str | None:
    word = text(value).lower()
    return word if word in set(ExecutionPhase) else None


def deploy_status(value: object) -> str | None:
    word = text(value).lower()
    word = {"success": "ready", "failed": "error", "cancelled": "canceled"}.get(word, word)
    return word if word in set(DeployStatus) else None


def version(value: object) -> str:
    match = re.fullmatch(r"v?(\d{1,6}\.\d{1,6}\.\d{1,6})", text(value))
    return match[1] if match else "0.0.0"


def steps(value: object) -> list[str] | None:
    """The steps by which people identify a pattern: a list of texts, or of objects that carry one."""
    if not isinstance(value, list):
        return [text(value)] if isinstance(value, str) and text(value) else None
    found = [
        text(next((v for v in s.values() if isinstance(v, str)), "")) if isinstance(s, dict) else text(s) for s in value
    ]
    return [step for step in found if step] or None


def words(value: object) -> list[str]:
    return [text(part) for part in value if text(part)] if isinstance(value, list) else []


def snake(name: str) -> str:
    """`sessionId` as `session_id`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def payload(data: object) -> dict[str, Any]:
    """A message's data with the names of its fields in our form."""
    return {snake(str(key)): value for key, value in data.items()} if isinstance(data, dict) else {}
