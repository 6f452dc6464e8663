"""Time zones by name, city, abbreviation or offset."""

from __future__ import annotations

import re
from datetime import timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from services.errors import InvalidInput

_FIXED: Final = re.compile(r"(?:UTC|GMT)?\s*([+-])\s*(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
# abbreviations that mean one offset wherever they are used
OFFSETS: Final = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "UCT": 0, "EST": -300, "EDT": -240, "CDT": -300, "MST": -420, "MDT": -360,
    "PST": -480, "PDT": -420, "CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120, "EET": 120, "EEST": 180, "MSK": 180,
    "JST": 540, "KST": 540, "HKT": 480, "SGT": 480, "AEST": 600, "AEDT": 660, "WEST": 60, "NZST": 720, "NZDT": 780,
}  # fmt: skip
# what people type for a zone with its summer time
ZONES: Final = {
    "EST": "America/New_York", "EDT": "America/New_York", "ET": "America/New_York", "CT": "America/Chicago",
    "CDT": "America/Chicago", "PT": "America/Los_Angeles", "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles", "MT": "America/Denver", "MDT": "America/Denver", "CET": "Europe/Berlin",
    "CEST": "Europe/Berlin", "MEZ": "Europe/Berlin", "EET": "Europe/Athens", "EEST": "Europe/Athens",
    "MSK": "Europe/Moscow", "JST": "Asia/Tokyo", "HKT": "Asia/Hong_Kong", "SGT": "Asia/Singapore",
    "KST": "Asia/Seoul", "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney", "NZST": "Pacific/Auckland",
}  # fmt: skip
SEVERAL: Final = {
    "CST": ("America/Chicago", "Asia/Shanghai"), "IST": ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin"),
    "BST": ("Europe/London", "Asia/Dhaka"), "AST": ("America/Halifax", "Asia/Riyadh"),
}  # fmt: skip


def zone(text: str) -> tzinfo:
    """A time zone by its name (`America/New_York`, `UTC`), city (`New York`), offset (`+02:00`, `UTC-5`) or an
    abbreviation that means one zone. Raises InvalidInput."""
    name = text.strip()
    fixed = _FIXED.fullmatch(name)
    if fixed and int(fixed[2]) <= 14 and int(fixed[3] or 0) < 60:
        minutes = int(fixed[2]) * 60 + int(fixed[3] or 0)
        return timezone(timedelta(minutes=minutes if fixed[1] == "+" else -minutes))
    if name.upper() in SEVERAL:
        named = " or ".join(SEVERAL[name.upper()])
        raise InvalidInput(f"{name.upper()} is the name of several time zones; say which one: {named}.")
    found = _named(name)
    if found is None:
        raise InvalidInput(f'"{name[:60]}" is no time zone; give a name such as America/New_York or UTC.')
    return ZoneInfo(found)


def _named(name: str) -> str | None:
    if name.upper() in ("UTC", "GMT", "Z"):
        return "UTC"
    if name.upper() in ZONES:
        return ZONES[name.upper()]
    lower = name.lower().replace(" ", "_")
    for key in zone_names():
        if key.lower() == lower or key.lower().rsplit("/", 1)[-1] == lower:
            return key
    return None


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """All zones of the time zone database that are places, sorted, and UTC."""
    old = ("Etc/", "SystemV/", "posix/", "right/")
    places = (z for z in available_timezones() if "/" in z and not z.startswith(old))
    return ("UTC", *sorted(places))


def search(text: str, limit: int = 20) -> list[str]:
    """Zones whose name, city or abbreviation begins with or holds the text; offsets as they are."""
    wanted = text.strip()
    if not wanted:
        return list(zone_names())
    found = list(SEVERAL.get(wanted.upper(), ()))
    if wanted.upper() in ZONES:
        found.append(ZONES[wanted.upper()])
    lower = wanted.lower().replace(" ", "_")
    starts = [z for z in zone_names() if z.lower().rsplit("/", 1)[-1].startswith(lower)]
    holds = [z for z in zone_names() if lower in z.lower()]
    return list(dict.fromkeys([*found, *starts, *holds]))[:limit]


def named_in_cell(label: str) -> int | str | None:
    """A zone that stands in a cell: its offset in minutes, a zone's name, or None for what is none or means several."""
    text = label.strip().strip("[]() ")
    if text.upper() in OFFSETS:
        return OFFSETS[text.upper()]
    fixed = _FIXED.fullmatch(text)
    if fixed and int(fixed[2]) <= 14 and int(fixed[3] or 0) < 60:
        minutes = int(fixed[2]) * 60 + int(fixed[3] or 0)
        return minutes if fixed[1] == "+" else -minutes
    lower = text.lower().replace(" ", "_")
    return next((z for z in zone_names() if z.lower() == lower), None)
