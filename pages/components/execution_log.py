"""The log of an attempt, from whichever machine writes it, and how much of it a page shows."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import streamlit as st

from services import executions, storage
from services.database.engine import transaction
from services.executions import ExecutionDetail
from services.settings import get_settings

SHOWN: Final = 64_000  # characters of a text that a page draws


@dataclass(frozen=True, slots=True)
class Log:
    """What is known of a log. `whole` is false when its beginning is on another machine until the attempt ends."""

    text: str
    whole: bool = True
    grows: bool = False

    @property
    def size(self) -> int:
        return len(self.text.encode())


def read(detail: ExecutionDetail, number: int) -> Log:
    """The log of an attempt: where it is written when that is this machine, else as its worker tells it to the
    database, and what was stored once it has ended."""
    attempt = next((a for a in detail.attempts if a["number"] == number), None)
    if attempt is None:
        return Log("")
    newest = number == detail.attempts[-1]["number"]
    if attempt["ended_at"] is not None:
        key = attempt["log_key"] or (detail.log_key if newest else None)
        return Log(stored(key) if key else "")
    with transaction() as session:
        tail = executions.log_tail(session, detail.row.id, number)
    here = _local(detail.row.id)
    if here and (not tail or _holds(here, tail)):
        return Log(here, grows=True)
    if tail:
        return Log(tail, whole=len(tail.encode()) < SHOWN - 4_000, grows=True)
    return Log(stored(detail.log_key) if detail.log_key else "", grows=True)


def _local(execution_id: uuid.UUID) -> str:
    file = Path(get_settings().data_dir) / "work" / str(execution_id) / "log.txt"
    try:
        return file.read_bytes().decode("utf-8", "replace")
    except OSError:  # it is written elsewhere, or was just removed because the run ended
        return ""


def _holds(text: str, tail: str) -> bool:
    """Whether a file here is the one that the worker writes: one left by a run that another machine took over isn't."""
    last = tail.rstrip("\n").rsplit("\n", 1)[-1]
    return last in text


@st.cache_data(max_entries=40, show_spinner=False)
def stored(key: str) -> str:
    """A stored text. A key names the same bytes for ever. Raises NotFound, Unavailable."""
    return storage.get(get_settings().storage_root, key).decode("utf-8", "replace")


def matching(text: str, words: str) -> list[str]:
    """The lines that hold these words, whatever their case."""
    wanted = words.casefold()
    return [line for line in text.splitlines() if wanted in line.casefold()]


def end_of(text: str) -> tuple[str, bool]:
    """What a page shows of a text, from the beginning of a line on, and whether something is left out before it."""
    if len(text) <= SHOWN:
        return text, False
    kept = text[-SHOWN:]
    return kept[kept.find("\n") + 1 :], True


def attempt_label(attempt: Mapping[str, Any], newest: int) -> str:
    """ "Attempt 3", and which one is the newest."""
    return f"Attempt {attempt['number']}" + (" (newest)" if attempt["number"] == newest else "")
