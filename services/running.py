"""What `patterndesk up` looks after in a data folder, told to other processes by a small file beside the data.

The file is only as true as its writer is alive: whoever holds the lock `up.lock` is the one that runs.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

from services.errors import Conflict

STATE: Final = "running.json"
LOCK: Final = "up.lock"


class Part(BaseModel):
    """One process: whether it runs, and a sentence for when it does not."""

    up: bool
    sentence: str = ""


class Running(BaseModel):
    """The state that `up` wrote last. `address` is where people open the app; "" when `up` serves no screens."""

    pid: int
    address: str
    parts: dict[str, Part]

    @property
    def down(self) -> dict[str, str]:
        """The sentences of what does not run."""
        return {name: part.sentence for name, part in self.parts.items() if not part.up}


def private_files() -> None:
    """From now on what this process and its children make can be read by their own account alone."""
    os.umask(0o077)


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Holds the data folder's lock. Raises Conflict, saying where it runs, when another `up` holds it."""
    descriptor = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = read(data_dir, locked=True)
            where = f" at {other.address}" if other and other.address else ""
            who = f" (process {other.pid})" if other else ""
            raise Conflict(f"Pattern Desk runs already on the data folder {data_dir}{where}{who}.") from None
        (data_dir / STATE).unlink(missing_ok=True)
        yield
        (data_dir / STATE).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def write(data_dir: Path, state: Running) -> None:
    """Replaces the state in one step, so that a reader never meets half of it."""
    draft = data_dir / f".{STATE}.{os.getpid()}"
    draft.write_text(state.model_dump_json())
    draft.replace(data_dir / STATE)


def read(data_dir: Path, *, locked: bool | None = None) -> Running | None:
    """What `up` said last, None when no `up` runs on this folder."""
    try:
        text = (data_dir / STATE).read_text()
        if not (is_locked(data_dir) if locked is None else locked):
            return None
        return Running.model_validate_json(text)
    except (OSError, ValidationError):
        return None


def is_locked(data_dir: Path) -> bool:
    """Whether an `up` runs on the folder."""
    try:
        descriptor = os.open(data_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
