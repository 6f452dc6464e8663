"""Logs: JSON lines in the data folder, readable lines on the console, and never a secret in either.

An unexpected error is logged under a reference id, which is all that the person sees of it.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import math
import os
import re
import secrets
import sys
import time
import traceback
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import Counter

from services.errors import Unavailable

UNEXPECTED_ERRORS = Counter("patterndesk_unexpected_errors_total", "Errors logged under a reference id")

CHATTY = ("alembic", "dbos", "httpx")  # a hundred lines at a first start, and one for each look at a deploy
REDACTED = "[redacted]"
MAX_BYTES = 20 * 1024 * 1024
BACKUPS = 5
TELL_S = 60.0  # between two words about a log that can't be written
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_HANDLER = "patterndesk"  # the names of our handlers, by which a second call finds them
_SHORTEST_SECRET = 6  # shorter values would blank out ordinary words
_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|api_?key|authorization|cookie|credential)")
_SECRET_PATTERNS = (
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+(@)"), rf"\1{REDACTED}\2"),  # the password of a URL
    (re.compile(r"(?i)([?&](?:token|password|code|state|key)=)[^&\s\"']+"), rf"\1{REDACTED}"),
    (re.compile(r"(?i)\b(password|secret|token|api_?key)(\s*[=:]\s*)[\"']?[^\s\"',;)&}]+"), rf"\1\2{REDACTED}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {REDACTED}"),
    (re.compile(r"\bsk-[A-Za-z0-9_-]{12,}"), REDACTED),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}"), REDACTED),
)
_known_secrets: set[str] = set()


def add_secret(value: str | None) -> None:
    """From now on the value never appears in a log line."""
    if value and len(value) >= _SHORTEST_SECRET:
        _known_secrets.add(value)


def redact(text: str) -> str:
    """The text without known secrets, keys, bearer tokens and the passwords of URLs."""
    for secret in sorted(_known_secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    for pattern, replacement in _SECRET_PATTERNS:
        text = pattern.sub(replacement, text)
    return text


class _File(logging.handlers.RotatingFileHandler):
    """A file that a full disk costs lines, and the console one sentence a minute instead of a traceback a line."""

    _told_at = -math.inf

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the library's name
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif time.monotonic() - self._told_at >= TELL_S:
            self._told_at = time.monotonic()
            with contextlib.suppress(OSError, ValueError):  # the console may be gone as well
                print(f"The log {self.baseFilename} can't be written: {error.strerror}.", file=sys.stderr)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what was not written by now is lost
            super().close()


def configure(process: str, data_dir: Path, *, level: int = logging.INFO) -> Path:
    """Send every log record of this process to `<data_dir>/logs/<process>.jsonl` (rotated by size) and to stderr.

    Returns the file's path. Raises Unavailable when the folder can't be written. A second call replaces the first.
    """
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) or name.upper().endswith("_KEY"):
            add_secret(value)
    path = data_dir / "logs" / f"{process}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _File(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8")
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise Unavailable(f"The log file {path} cannot be written: {why}.") from error
    console = logging.StreamHandler(sys.stderr)
    file.setFormatter(_formatter(structlog.processors.JSONRenderer(default=str)))
    colors = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    plain = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
    console.setFormatter(_formatter(plain))
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if (handler.name or "").startswith(_HANDLER)]:
        root.removeHandler(old)
        old.close()
    file.name, console.name = f"{_HANDLER}.file", f"{_HANDLER}.console"
    root.addHandler(file)
    root.addHandler(console)
    root.setLevel(level)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.setLogRecordFactory(_redacted_record)
    structlog.configure(
        processors=[*_shared_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return path


def adopt(*prefixes: str) -> None:
    """Route the existing loggers whose names begin so through ours: libraries that install handlers of their own."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name.split(".")[0] in prefixes:
            logger.handlers.clear()
            logger.propagate = True


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that takes an event and key-value pairs: `get_logger(__name__).info("started", port=8501)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def new_reference() -> str:
    """Eight characters of Crockford's base 32 (40 random bits): short enough to read aloud."""
    return "".join(secrets.choice(_CROCKFORD) for _ in range(8))


def log_unexpected(error: BaseException, **context: object) -> str:
    """Log the error with its traceback and context under a new reference id, and return the id. Never raises."""
    reference = new_reference()
    UNEXPECTED_ERRORS.inc()
    try:
        get_logger("patterndesk.unexpected").error("unexpected error", exc_info=error, reference=reference, **context)
    except Exception:  # noqa: BLE001  # an error about an error must not hide the reference
        print(f"unexpected error {reference}: {type(error).__name__}", file=sys.stderr)
    return reference


def _shared_processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _redact_event,
    ]


def _formatter(renderer: Any) -> structlog.stdlib.ProcessorFormatter:
    meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_shared_processors(), processors=[meta, renderer])


def _redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in list(event):
        if not key.startswith("_"):
            event[key] = _redacted_value(key, event[key])
    return event


def _redacted_value(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_NAME.search(key):
        return REDACTED
    if isinstance(value, Mapping):
        return {name: _redacted_value(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted_value(key, inner) for inner in value]
    return redact(str(value))


def _redacted_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """Every record is cleaned where it is made, so that a library's own handler can't print a secret either."""
    record = logging.LogRecord(*args, **kwargs)
    if isinstance(record.msg, dict):  # ours: cleaned by its processors
        return record
    try:
        record.msg, record.args = redact(record.getMessage()), ()
    except Exception:  # noqa: BLE001  # a line whose arguments don't fit is still a line
        record.msg, record.args = redact(str(record.msg)), ()
    if record.exc_info and record.exc_info[0]:
        record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
    return record
