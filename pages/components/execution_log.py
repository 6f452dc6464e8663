"""The log of an attempt, from whichever machine writes it, and how much of it a page shows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

import streamlit as st

from pages.components.execution_state import is_live
from services import executions, storage
from services.database.engine import transaction
from services.executions import ExecutionDetail
from services.settings import get_settings

SHOWN: Final = 64_000  # characters of a text that a page draws
_OVERLAP: Final = 400  # characters by which a stored log and the end of it are fitted together


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
    """The log of an attempt: where it is written when that is this machine, else what its worker stored after the last
    phase with what it told the database since. An attempt that has ended has its log stored."""
    attempt = next((a for a in detail.attempts if a["number"] == number), None)
    if attempt is None:
        return Log("")
    if attempt["ended_at"] is not None:
        newest = number == detail.attempts[-1]["number"]
        key = attempt["log_key"] or (detail.log_key if newest else None)  # older runs have one log alone
        return Log(stored(key) if key else "")
    with transaction() as session:
        tail = executions.log_tail(session, detail.row.id, number)
    here = _local(detail.row.id, f"attempt-{number}.txt")
    if here and (not tail or _holds(here, tail)):
        return Log(here, grows=True)
    before = stored(attempt["log_key"]) if attempt["log_key"] else ""
    return _joined(before, tail)


def read_all(detail: ExecutionDetail) -> Log:
    """All attempts in one: where it is written when that is this machine, else as stored after the last phase."""
    live = is_live(detail.row)
    here = _local(detail.row.id, "log.txt") if live else ""
    return Log(here or (stored(detail.log_key) if detail.log_key else ""), whole=bool(here) or not live, grows=live)


def _joined(before: str, tail: str) -> Log:
    """What was stored, gone on with by the end of the log that the database has."""
    place = before.rfind(tail[:_OVERLAP]) if tail else -1
    if place >= 0:
        return Log(before[:place] + tail, grows=True)
    from_start = len(tail.encode()) < executions.TAIL_CHARACTERS
    return Log(tail or before, whole=from_start, grows=True)


def _local(execution_id: uuid.UUID, name: str) -> str:
    file = get_settings().data_dir / "work" / str(execution_id) / name
    try:
        return file.read_bytes().decode("utf-8", "replace")
    except OSError:  # it is written elsewhere, or was just removed because the run ended
        return ""


def _holds(text: str, tail: str) -> bool:
    """Whether a file here is the one that the worker writes: one left by a run that another machine took over isn't."""
    return tail.rstrip("\n").rsplit("\n", 1)[-1] in text


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
