"""How much room the data folder's disk has: told before it is full, and by when runs wait."""

from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass
from typing import Final, Literal

from services.settings import Settings

State = Literal["enough", "low", "full"]
_GIB: Final = 1 << 30
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Room:
    """The disk's room in bytes. `low`: people are warned; `full`: runs wait until there is room again."""

    free: int
    total: int
    state: State
    sentence: str


def explains(error: BaseException, settings: Settings) -> bool:
    """Whether a full disk may have caused the error: it, or what lies below it, says so, or the disk is full now."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        below = below.__cause__ or below.__context__
    return look(settings).state == "full"


def look(settings: Settings) -> Room:
    """The disk that the data folder lies on, also before that folder is made."""
    folder = next(path for path in (settings.data_dir, *settings.data_dir.parents) if path.exists())
    usage = shutil.disk_usage(folder)
    free = f"{usage.free / _GIB:.1f} of {usage.total / _GIB:.0f} GiB are free for the data folder"
    if usage.free < settings.disk_full_mb * _MIB:
        return Room(
            usage.free,
            usage.total,
            "full",
            f"The disk is full: only {free}, so runs wait until there is room; 'patterndesk prune' makes some.",
        )
    if usage.free < settings.disk_low_mb * _MIB:
        return Room(
            usage.free,
            usage.total,
            "low",
            f"The disk is nearly full: only {free}; runs will wait once less than {settings.disk_full_mb:,} MB are.",
        )
    return Room(usage.free, usage.total, "enough", f"{free[0].upper()}{free[1:]}.")
