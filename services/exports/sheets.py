"""The reports as people read them: the columns of the screen's table, in its words, for a spreadsheet.

Each column is an expression over the report's own columns. Text is quoted and defused like everywhere; numbers stay
numbers, with the person's decimal sign, and times are written in the person's zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, LiteralString, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services import words
from services.errors import InvalidInput
from services.places.rates import FEW_DESIGN_EFFECT, wilson_sql
from services.rules import AGENT_NAMES

SEPARATORS: Final[Mapping[str, str]] = {"comma": ",", "semicolon": ";", "tab": "\t"}
BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Sheet:
    """How a file for people is written. `zone` is a name of the time zone database, `internal` puts the report's own
    columns beside those of the table."""

    separator: str = "comma"
    decimal_comma: bool = False
    internal: bool = False
    zone: str = "UTC"

    @property
    def delimiter(self) -> str:
        """Raises InvalidInput for a separator that is none."""
        if self.separator not in SEPARATORS:
            raise InvalidInput(f"'{self.separator[:20]}' is no separator; there are {', '.join(SEPARATORS)}.")
        return SEPARATORS[self.separator]


def _named(column: LiteralString, table: Mapping[str, str]) -> LiteralString:
    """A value as the word that people read for it."""
    cases = " ".join(f"WHEN '{value}' THEN '{word}'" for value, word in table.items())
    return f"CASE {column} {cases} ELSE {column} END"  # the tables are constants of ours


def _at(column: LiteralString) -> LiteralString:
    return f"to_char({column} AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:MI:SS')"


def _candle(index: LiteralString) -> LiteralString:
    return f"'#' || {index}"


_KIND: Final[LiteralString] = (
    f"CASE WHEN kind = 'swing' AND direction = 1 THEN 'Swing high' WHEN kind = 'swing' AND direction = -1 "
    f"THEN 'Swing low' ELSE {_named('kind', words.KINDS)} || CASE WHEN kind LIKE 'swing%%' THEN '' "
    "WHEN direction = 1 THEN ' up' WHEN direction = -1 THEN ' down' ELSE '' END END"
)


def _bound(stored: LiteralString, side: Literal["low", "high"]) -> LiteralString:
    """A stored bound of the rate's interval. Where only counts are known (of sessions from the existing system), the
    Wilson bound of their effective n, as `services.places.rates.rate_of` has it for few blocks."""
    computed = wilson_sql("(tp::float8 / n)", f"(n / {FEW_DESIGN_EFFECT})", side)
    return f"coalesce({_number(stored)}, CASE WHEN n > 0 THEN {computed} END)"


def _number(stored: LiteralString) -> LiteralString:
    """A number out of JSON; NULL where it holds null."""
    return f"({stored} #>> '{{}}')::float8"


_DOING: Final[LiteralString] = f"lower({_named('execution_phase', words.PHASES)})"
# heading of the table, expression over the report
SHEETS: Final[Mapping[str, tuple[tuple[str, LiteralString], ...]]] = {
    "workspaces": (
        ("Pattern", "name"),
        ("Category", "category"),
        ("Status", _named("status", words.STATUSES)),
        ("Version", "nullif(version, '0.0.0')"),
        ("Success", "success_rate"),
        ("Interval from", _bound("ci_low", "low")),
        ("Interval to", _bound("ci_high", "high")),
        ("n", "n"),
        ("Enough judged", "CASE WHEN n >= coalesce(judged_asked_for, %(least_judged)s) THEN 'yes' ELSE 'no' END"),
        ("Unseen success", _number("unseen_rate")),
        ("Unseen interval from", _number("unseen_ci_low")),
        ("Unseen interval to", _number("unseen_ci_high")),
        ("Unseen n", "coalesce((unseen_n #>> '{}')::int, 0)"),
        ("Trend", "trend"),
        (
            "Execution",
            f"CASE execution WHEN 'waiting' THEN 'Waiting' WHEN 'stalled' THEN 'Stalled, ' || {_DOING} "
            f"WHEN 'retrying' THEN 'Retrying, ' || {_DOING} "
            f"WHEN 'running' THEN {_named('execution_phase', words.PHASES)} END",
        ),
        ("Progress", "execution_progress"),
        ("Sessions", "session_count"),
        ("Open", "open_corrections"),
        ("Tested", _at("last_tested_at")),
    ),
    "attempts": (
        ("Attempt", "number"),
        ("Started", _at("started_at")),
        ("Took (seconds)", "greatest(0, round(extract(epoch FROM coalesce(ended_at, now()) - started_at)))::int"),
        ("Outcome", _named("state", words.ATTEMPTS)),
        ("Ended in", _named("phase", words.PHASES)),
        ("Why", "reason"),
        ("Commit", "left(commit_hash, 7)"),
        ("Cost", "CASE WHEN agent = 'claude' OR cost_usd <> 0 THEN cost_usd END"),
    ),
    "executions": (
        ("Execution", "number"),
        ("Pattern", "workspace"),
        ("Status", f"CASE WHEN canceled THEN 'Canceled' ELSE {_named('status', words.EXECUTIONS)} END"),
        ("Ended in", f"CASE WHEN status = 'failed' THEN {_named('phase', words.PHASES)} END"),
        ("Corrections", "feedback_count"),
        ("Agent", _named("agent", AGENT_NAMES)),
        ("Started", _at("coalesce(started_at, triggered_at)")),
        ("Took (seconds)", "round(extract(epoch FROM coalesce(completed_at, errored_at) - started_at))::int"),
        ("Retries", "retry_count"),
        ("Deploy", _named("deploy_status", words.DEPLOYS)),
        ("Commit", "left(commit_hash, 7)"),
        ("By", "triggered_by"),
        ("Cost", "CASE WHEN agent = 'claude' OR cost_usd <> 0 THEN cost_usd END"),
        ("Why", "error"),
    ),
    "sessions": (
        ("Session", "name"),
        ("Pattern", "workspace"),
        ("Version", "version"),
        ("Status", _named("status", words.SESSIONS)),
        ("Success", "success_rate"),
        ("Interval from", "ci_low"),
        ("Interval to", "ci_high"),
        ("n", "n"),
        ("Window", "symbol || ' ' || timeframe || ' #' || start_index || '–#' || end_index"),
        ("Candles", "end_index - start_index + 1"),
        (
            "Notes",
            "nullif(concat_ws(', ', CASE WHEN split = 'holdout' THEN 'hold-out' END, "
            "CASE WHEN coverage = 'exhaustive' THEN 'fully checked' END), '')",
        ),
        ("By", "created_by"),
        ("Made", _at("created_at")),
    ),
    "corrections": (
        ("Pattern", "workspace"),
        ("Verdict", _named("verdict", words.VERDICTS)),
        ("State", _named("state", words.FEEDBACK_STATES)),
        ("Execution", "execution_number"),
        ("Fixed in", "resolved_version"),
        ("What", _KIND),
        ("Where", f"{_candle('candle_index')}"),
        ("Candle (UTC)", "to_char(candle_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"),
        ("Candles", "symbol || ' ' || timeframe"),
        ("Reason", "reason"),
        ("Session", "session"),
        ("By", "author"),
        ("Given", _at("created_at")),
    ),
    "marks": (
        ("What", _KIND),
        ("Where", _candle("anchor_index")),
        ("Candle (UTC)", "to_char(anchor_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"),
        ("Price", "price"),
        ("Verdict", _named("verdict", words.VERDICTS)),
        ("State", _named("state", words.FEEDBACK_STATES)),
        ("By", "reviewer"),
        ("Reason", "reason"),
        ("Judged", _at("judged_at")),
    ),
    "people": (
        ("Name", "name"),
        ("E-mail", "email"),
        ("Role", "initcap(role)"),
        ("Access", "CASE WHEN is_active THEN 'yes' ELSE 'shut out' END"),
        ("Since", _at("created_at")),
        ("Seen last", _at("last_seen_at")),
    ),
    "audit": (
        ("When", _at("created_at")),
        ("Who", "coalesce(actor, 'the app')"),
        ("What", "replace(action, '_', ' ')"),
        ("On", "replace(object_type, '_', ' ')"),
        ("Before", "before"),
        ("After", "after"),
        ("Id", "object_id"),
    ),
    "notifications": (
        ("When", _at("created_at")),
        ("Pattern", "workspace"),
        ("Event", "replace(event, '_', ' ')"),
        ("Title", "title"),
        ("Text", "body"),
        ("State", _named("status", words.NOTICES)),
        ("Tries", "tries"),
        ("Sent", _at("sent_at")),
    ),
    "timeline": (
        ("When", _at("created_at")),
        ("What", "replace(type, '_', ' ')"),
        ("By", "coalesce(author, CASE author_type WHEN 'claude' THEN 'Claude' ELSE 'the app' END)"),
        ("Title", "title"),
        ("Text", "content"),
        ("Session", "session"),
        ("Verdict", _named("feedback_verdict", words.VERDICTS)),
        ("Candle", _candle("feedback_candle_index")),
        ("Execution", "execution_number"),
    ),
}


def columns_of(report: str) -> tuple[tuple[str, LiteralString], ...] | None:
    """The columns of a report's sheet; None when it has none of its own and is written as it is."""
    return SHEETS.get(report)


def read_sheet(given: Mapping[str, object]) -> Sheet:
    """A sheet out of a link. Raises InvalidInput for what it can't be."""
    sheet = Sheet(
        separator=str(given.get("separator", "comma")),
        decimal_comma=bool(given.get("decimal_comma")),
        internal=bool(given.get("internal")),
        zone=str(given.get("zone") or "UTC"),
    )
    try:
        ZoneInfo(sheet.zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidInput(f"'{sheet.zone[:40]}' is no time zone.") from None
    return sheet if sheet.delimiter else Sheet()


def words_of(sheet: Sheet) -> dict[str, object]:
    """The same for a link."""
    return cast(
        "dict[str, object]",
        {
            "separator": sheet.separator,
            "decimal_comma": sheet.decimal_comma,
            "internal": sheet.internal,
            "zone": sheet.zone,
        },
    )
