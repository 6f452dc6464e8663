"""The log of an attempt, from whichever machine writes it: its end for the page, and the whole as a file."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from pages.components.runs.state import is_live
from services import executions, storage
from services.database.engine import transaction
from services.executions import ExecutionDetail
from services.settings import get_settings

SHOWN: Final = 64_000  # characters of a text that a page draws
HELD: Final = 2_000_000  # bytes of a text that are read to be drawn and searched; a log may come to 50 MB
ALL: Final = 0  # in place of an attempt's number
_OVERLAP: Final = 400  # characters by which a stored log and the end of it are fitted together


@dataclass(frozen=True, slots=True)
class Log:
    """What is known of a log: the end of it, its size in bytes, and how to read it all. `whole` is false while its
    newest part may be on another machine only."""

    text: str
    size: int = 0
    load: Callable[[], str] | None = None
    whole: bool = True
    grows: bool = False

    def all(self) -> str:
        return self.load() if self.load else self.text


def of_text(text: str, *, grows: bool = False, whole: bool = True) -> Log:
    return Log(text, len(text.encode()), whole=whole, grows=grows)


def of_key(key: str | None, *, grows: bool = False, whole: bool = True) -> Log:
    """A stored text. Raises NotFound, Unavailable."""
    if not key:
        return Log("", grows=grows)
    text, size = _held(key)
    return Log(text, size, partial(_stored, key), whole, grows)


def read(detail: ExecutionDetail, number: int) -> Log:
    """The log of an attempt: where it is written when that is this machine, else what its worker stored after the last
    phase with what it told the database since. An attempt that has ended has its log stored. ALL is the whole run's."""
    if number == ALL:
        live = is_live(detail.row)
        here = _local(detail.row.id, "log.txt") if live else None
        return here or of_key(detail.log_key, grows=live, whole=not live)
    attempt = next(a for a in detail.attempts if a.number == number)
    if attempt.ended_at is not None:
        newest = number == detail.attempts[-1].number
        return of_key(attempt.log_key or (detail.log_key if newest else None))  # older runs have one log alone
    with transaction() as session:
        tail = executions.log_tail(session, detail.row.id, number)
    here = _local(detail.row.id, f"attempt-{number}.txt")
    if here and (not tail or _holds(here.text, tail)):
        return here
    return _joined(attempt.log_key, tail)


def _joined(key: str | None, tail: str) -> Log:
    """What was stored, gone on with by the end of the log that the database has."""
    before = of_key(key)
    place = before.text.rfind(tail[:_OVERLAP]) if tail else -1
    if place < 0:
        from_start = len(tail.encode()) < executions.TAIL_CHARACTERS
        return of_text(tail, grows=True, whole=from_start) if tail else Log(
            before.text, before.size, before.load, whole=False, grows=True
        )  # fmt: skip
    text = before.text[:place] + tail
    size = before.size - len(before.text[place:].encode()) + len(tail.encode())
    return Log(text, size, lambda: _all_joined(before, tail), grows=True)


def _all_joined(before: Log, tail: str) -> str:
    text = before.all()
    return text[: text.rfind(tail[:_OVERLAP])] + tail


def _local(execution_id: uuid.UUID, name: str) -> Log | None:
    """A log that is written on this machine; None when it is not, or was just removed because the run ended."""
    file = get_settings().data_dir / "work" / str(execution_id) / name
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            opened.seek(max(0, size - HELD))
            text = opened.read().decode("utf-8", "replace")
    except OSError:
        return None
    return Log(text, size, partial(_local_whole, file, text), grows=True) if text else None


def _local_whole(file: Path, known: str) -> str:
    """All of it; what was known when it has been removed meanwhile."""
    try:
        return file.read_bytes().decode("utf-8", "replace")
    except OSError:
        return known


def _holds(text: str, tail: str) -> bool:
    """Whether a file here is the one that the worker writes: one left by a run that another machine took over isn't."""
    return tail.rstrip("\n").rsplit("\n", 1)[-1] in text


@st.cache_data(max_entries=20, show_spinner=False)
def _held(key: str) -> tuple[str, int]:
    """The end of a stored text and its size. A key names the same bytes for ever."""
    data = storage.get(get_settings().storage_root, key)
    return data[-HELD:].decode("utf-8", "replace"), len(data)


def _stored(key: str) -> str:
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
