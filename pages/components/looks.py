"""How states look (colour, Material symbol, label) and how numbers, times and candles read. No streamlit here."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypedDict

from services import words
from services.timeline import LookJson

MISSING: Final = "–"


@dataclass(frozen=True, slots=True)
class Look:
    """`color` is a name of the theme's palette, `symbol` a Material symbol's name, `label` what people read."""

    color: str
    symbol: str
    label: str

    @property
    def icon(self) -> str:
        """The symbol in the notation that Streamlit's widgets take."""
        return f":material/{self.symbol}:"

    def data(self) -> LookJson:
        """The same for a component of ours."""
        return {"color": self.color, "symbol": self.symbol, "label": self.label}


UNKNOWN: Final = Look("gray", "help", "Unknown")

STATUSES: Final[Mapping[str, Look]] = {
    "soon": Look("gray", "schedule", words.STATUSES["soon"]),
    "implementing": Look("blue", "build", words.STATUSES["implementing"]),
    "beta": Look("orange", "science", words.STATUSES["beta"]),
    "in_review": Look("violet", "rate_review", words.STATUSES["in_review"]),
    "verified": Look("green", "verified", words.STATUSES["verified"]),
}
VERDICTS: Final[Mapping[str, Look]] = {
    "confirmed": Look("green", "check_circle", words.VERDICTS["confirmed"]),
    "false_positive": Look("red", "cancel", words.VERDICTS["false_positive"]),
    "false_negative": Look("orange", "add_location_alt", words.VERDICTS["false_negative"]),
    "adjustment": Look("violet", "moving", words.VERDICTS["adjustment"]),
    "unsure": Look("gray", "help", words.VERDICTS["unsure"]),
    "comment": Look("gray", "chat_bubble", words.VERDICTS["comment"]),
}
EXECUTIONS: Final[Mapping[str, Look]] = {
    "pending": Look("gray", "hourglass_empty", words.EXECUTIONS["pending"]),
    "running": Look("blue", "progress_activity", words.EXECUTIONS["running"]),
    "completed": Look("green", "check_circle", words.EXECUTIONS["completed"]),
    "failed": Look("red", "error", words.EXECUTIONS["failed"]),
    "retry": Look("orange", "replay", words.EXECUTIONS["retry"]),
    "canceled": Look("gray", "block", words.EXECUTIONS["canceled"]),
}
PHASES: Final[Mapping[str, Look]] = {
    "planning": Look("gray", "edit_note", words.PHASES["planning"]),
    "implementing": Look("gray", "code", words.PHASES["implementing"]),
    "testing": Look("gray", "labs", words.PHASES["testing"]),
    "refining": Look("gray", "tune", words.PHASES["refining"]),
    "deploying": Look("gray", "rocket_launch", words.PHASES["deploying"]),
}
PHASE_STATES: Final[Mapping[str, Look]] = {
    "done": Look("green", "check", "Done"),
    "now": Look("blue", "progress_activity", "Running"),
    "failed": Look("red", "close", "Failed"),
    "next": Look("gray", "schedule", "Not started"),
}
SESSIONS: Final[Mapping[str, Look]] = {
    "running": Look("blue", "progress_activity", words.SESSIONS["running"]),
    "active": Look("blue", "edit", words.SESSIONS["active"]),
    "completed": Look("green", "check_circle", words.SESSIONS["completed"]),
    "archived": Look("gray", "inventory_2", words.SESSIONS["archived"]),
    "failed": Look("red", "error", words.SESSIONS["failed"]),
    "submitted_for_review": Look("violet", "rate_review", words.SESSIONS["submitted_for_review"]),
    "implemented": Look("green", "verified", words.SESSIONS["implemented"]),
}
FEEDBACK_STATES: Final[Mapping[str, Look]] = {
    "open": Look("orange", "radio_button_unchecked", words.FEEDBACK_STATES["open"]),
    "sent": Look("blue", "send", words.FEEDBACK_STATES["sent"]),
    "addressed": Look("blue", "build_circle", words.FEEDBACK_STATES["addressed"]),
    "verified": Look("green", "check_circle", words.FEEDBACK_STATES["verified"]),
    "disputed": Look("red", "gavel", words.FEEDBACK_STATES["disputed"]),
    "withdrawn": Look("gray", "undo", words.FEEDBACK_STATES["withdrawn"]),
}
DEPLOYS: Final[Mapping[str, Look]] = {
    "queued": Look("gray", "schedule", words.DEPLOYS["queued"]),
    "building": Look("blue", "progress_activity", words.DEPLOYS["building"]),
    "ready": Look("green", "check_circle", words.DEPLOYS["ready"]),
    "error": Look("red", "error", words.DEPLOYS["error"]),
    "canceled": Look("gray", "block", words.DEPLOYS["canceled"]),
}
NOTICES: Final[Mapping[str, Look]] = {
    "pending": Look("blue", "schedule_send", words.NOTICES["pending"]),
    "retry": Look("orange", "replay", words.NOTICES["retry"]),
    "sent": Look("green", "check_circle", words.NOTICES["sent"]),
    "partly": Look("orange", "error", words.NOTICES["partly"]),
    "failed": Look("red", "error", words.NOTICES["failed"]),
}
NOTICE_ADDRESSES: Final[Mapping[str, Look]] = {
    "waiting": Look("gray", "hourglass_empty", "Waiting"),
    "sent": Look("green", "check", "Sent"),
    "failed": Look("red", "close", "Failed"),
    "removed": Look("gray", "block", "Removed"),
}
REPLAYS: Final[Mapping[str, Look]] = {
    "fixed": Look("green", "check", "Fixed"),
    "broken": Look("red", "close", "Broken"),
    "unchanged": Look("gray", "remove", "Unchanged"),
}
KINDS: Final = words.KINDS

# Marks on charts: one hex for both themes.
MARKS: Final[Mapping[str, str]] = {
    "confirmed": "#2E9E68",
    "false_positive": "#DE5B53",
    "false_negative": "#C97F1A",
    "adjustment": "#8E6BDD",
    "unsure": "#7F8C9D",
    "comment": "#7F8C9D",
}
NOT_JUDGED: Final = "#4F74EA"
NEUTRAL: Final = "#7F8C9D"


def look(table: Mapping[str, Look], value: str | None) -> Look:
    """The look of a value; one that the table doesn't hold reads as its own words, in gray."""
    if value is None:
        return UNKNOWN
    known = table.get(str(value))
    return known or Look("gray", "help", str(value).replace("_", " ").capitalize())


def execution_look(status: str, *, canceled: bool = False) -> Look:
    """An execution's look: a canceled one ends `failed` in the database, but reads as canceled."""
    return EXECUTIONS["canceled"] if canceled else look(EXECUTIONS, status)


def mark_color(verdict: str | None) -> str:
    """The colour of a mark on a chart, as hex; None is a mark that nobody judged."""
    return NOT_JUDGED if verdict is None else MARKS.get(verdict, NEUTRAL)


def kind_label(kind: str, direction: int = 0) -> str:
    """`bos`, 1 → "BOS up"; a swing's direction reads as high or low."""
    return words.kind(kind, direction)


def percent(rate: float | None) -> str:
    """0.71 → "71%"; None or NaN → "–"."""
    return MISSING if _missing(rate) else f"{_half_up(100 * rate)}%"  # type: ignore[operator]


def interval(low: float | None, high: float | None) -> str:
    """0.61, 0.79 → "61–79%"."""
    if _missing(low) or _missing(high):
        return MISSING
    return f"{_half_up(100 * low)}–{_half_up(100 * high)}%"  # type: ignore[operator]


def price(value: float | None) -> str:
    """Two decimals from 10 up, more below, so that 1.08345 keeps its pips: 174.9 → "174.90"."""
    if _missing(value):
        return MISSING
    assert value is not None
    return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.5f}".rstrip("0").ljust(4, "0")


def money(dollars: float | None) -> str:
    """0.83 → "$0.83"."""
    return MISSING if _missing(dollars) else f"${dollars:,.2f}"


def tokens(n: int) -> str:
    """950 → "950"; 31,240 → "31k"; 1,240,000 → "1.2M"."""
    if n < 1000:
        return str(n)
    return f"{_half_up(n / 1000)}k" if n < 999_500 else f"{n / 1_000_000:.1f}M"


def size(octets: int) -> str:
    """Bytes as people read them: 84,000 → "84 kB"; 1,240,000 → "1.2 MB"; 191,300,000,000 → "191.3 GB"."""
    if octets < 1000:
        return f"{octets} B"
    if octets < 999_500:
        return f"{_half_up(octets / 1000)} kB"
    return f"{octets / 1_000_000:.1f} MB" if octets < 999_950_000 else f"{octets / 1_000_000_000:.1f} GB"


def count(n: int, one: str, many: str | None = None) -> str:
    """1, "session" → "1 session"; 3 → "3 sessions"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def candle_label(index: int | None, time: datetime | None) -> str:
    """312, 2013-06-17 → "#312 · 17 Jun 2013"; an intraday bar carries its time."""
    parts = [] if index is None else [f"#{index}"]
    if time is not None:
        day = f"{time.day} {time:%b %Y}"
        parts.append(day if (time.hour, time.minute) == (0, 0) else f"{day} {time:%H:%M}")
    return " · ".join(parts) or MISSING


def duration(seconds: float | None) -> str:
    """401 → "6 min 41 s"; 51 → "51 s"; 7500 → "2 h 5 min"; 0.4 → "under 1 s"."""
    if _missing(seconds):
        return MISSING
    assert seconds is not None
    if 0 < seconds < 1:
        return "under 1 s"
    total = max(0, round(seconds))
    if total >= 86400:
        return _two(total // 86400, "d", total % 86400 // 3600, "h")
    if total >= 3600:
        return _two(total // 3600, "h", total % 3600 // 60, "min")
    if total >= 60:
        return _two(total // 60, "min", total % 60, "s")
    return f"{total} s"


def clock(seconds: float | None) -> str:
    """151 → "2:31"; 3725 → "1:02:05"."""
    if _missing(seconds):
        return MISSING
    assert seconds is not None
    total = max(0, round(seconds))
    hours, minutes = divmod(total // 60, 60)
    return f"{hours}:{minutes:02}:{total % 60:02}" if hours else f"{minutes}:{total % 60:02}"


_reader: list[Callable[[], datetime]] = [lambda: datetime.now(UTC)]


def read_at(now: Callable[[], datetime]) -> None:
    """Says what time it is for whoever reads, in their zone; screens do, so that no time is told in another zone."""
    _reader[0] = now


def now_here() -> datetime:
    """The time now in the reader's zone."""
    return _reader[0]()


def zone_name() -> str:
    """The reader's time zone by its name: "Europe/Berlin"."""
    return str(now_here().tzinfo)


def zone_help() -> str:
    """What a table's heading says on hover of its times, whose cells have no hover: "Times of Europe/Berlin, UTC+01:00"."""
    offset = f"{now_here():%z}"
    return f"Times of {zone_name()}, UTC{offset[:3]}:{offset[3:5]}" if offset else "Times of UTC"


def utc(at: datetime | None) -> str:
    """The same moment for everybody, to show on hover: "2026-02-03 10:42 UTC"."""
    return MISSING if at is None else f"{at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def when(at: datetime | None, now: datetime | None = None) -> str:
    """Seen from `now`, in its time zone (the reader's by default): "14 min ago", "today 10:42", "yesterday 9:05", "3 Feb"."""
    if at is None:
        return MISSING
    now = now or now_here()
    at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(now.tzinfo)
    age = now - at
    if timedelta(0) <= age < timedelta(minutes=1):
        return "just now"
    if timedelta(0) <= age < timedelta(hours=1):
        return f"{int(age.total_seconds() // 60)} min ago"
    if at.date() == now.date():
        return f"today {at:%H:%M}"
    if at.date() == now.date() - timedelta(days=1):
        return f"yesterday {at:%H:%M}"
    return day(at) if at.year == now.year else f"{day(at)} {at.year}"


def ago(at: datetime | None, now: datetime | None = None) -> str:
    """The short form for cards: "14 min ago", "2 h ago", "yesterday", "6 d ago", then the date."""
    if at is None:
        return MISSING
    now = now or now_here()
    at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(now.tzinfo)
    seconds = (now - at).total_seconds()
    if 3600 <= seconds < 86400 and at.date() == now.date():
        return f"{int(seconds // 3600)} h ago"
    days = (now.date() - at.date()).days
    if seconds >= 3600 and days == 1:
        return "yesterday"
    return f"{days} d ago" if 1 < days < 14 else when(at, now)


def day(at: datetime | None) -> str:
    """2026-02-03 → "3 Feb"."""
    return MISSING if at is None else f"{at.day} {at:%b}"


def plain(text: str) -> str:
    """What a person typed, escaped so that Streamlit's Markdown shows it as typed: no links, images or colours."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!~|<>$:&^=@])", r"\\\1", " ".join(text.split()))


def _missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _half_up(value: float) -> int:
    return math.floor(value + 0.5)


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big} {big_unit}" + (f" {small} {small_unit}" if small else "")


class LooksData(TypedDict):
    """How each state looks, by the name of the state."""

    statuses: dict[str, LookJson]
    verdicts: dict[str, LookJson]
    states: dict[str, LookJson]
    executions: dict[str, LookJson]
    phases: dict[str, LookJson]
    phase_states: dict[str, LookJson]
    deploys: dict[str, LookJson]
    kinds: dict[str, str]


def _as_data(table: Mapping[str, Look]) -> dict[str, LookJson]:
    return {name: look.data() for name, look in table.items()}


# The looks that our own components draw by.
FOR_COMPONENTS: Final[LooksData] = {
    "statuses": _as_data(STATUSES),
    "verdicts": _as_data(VERDICTS),
    "states": _as_data(FEEDBACK_STATES),
    "executions": _as_data(EXECUTIONS),
    "phases": _as_data(PHASES),
    "phase_states": _as_data(PHASE_STATES),
    "deploys": _as_data(DEPLOYS),
    "kinds": dict(KINDS),
}
