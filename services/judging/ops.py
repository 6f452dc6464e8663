"""What a board sends, read from JSON: judgements in the order of their keys."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from services.errors import InvalidInput
from services.lifecycle import JudgementAction, Severity, Verdict

MAX_BATCH: Final = 200
MAX_REASON: Final = 2000  # characters that the board's field takes
MAX_FILES: Final = 10  # of one judgement


@dataclass(frozen=True, slots=True)
class Op:
    """One judgement. `base` is the person's own op on the mark that the board had in sight, `seen` the newest position
    it knew of; `of` is the op that an undo takes back. `problem` says why it can't be read, and refuses it alone."""

    id: uuid.UUID
    client: uuid.UUID
    seq: int
    action: JudgementAction
    mark: uuid.UUID | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    attachments: tuple[str, ...] = ()
    severity: Severity | None = None
    index: int | None = None
    kind: str = ""
    direction: int = 0
    base: uuid.UUID | None = None
    seen: int = 0
    of: uuid.UUID | None = None
    problem: str | None = None


def read_ops(body: object) -> list[Op]:
    """The ops of a request's body. Raises InvalidInput when the batch is none, or an op has no id or number."""
    rows = body.get("ops") if isinstance(body, Mapping) else None
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise InvalidInput("A batch of judgements holds a list of them under `ops`.")
    if len(rows) > MAX_BATCH:
        raise InvalidInput(f"A batch holds up to {MAX_BATCH} judgements; this one has {len(rows):,}.")
    return [_read(row) for row in rows]


def _read(row: object) -> Op:
    if not isinstance(row, Mapping):
        raise InvalidInput("A judgement is an object.")
    op_id, client, seq = _uuid(row, "id"), _uuid(row, "client"), row.get("seq")
    if op_id is None or client is None or not isinstance(seq, int) or isinstance(seq, bool) or not 0 < seq < 2**31:
        raise InvalidInput("A judgement has an id, a client and a number `seq` from 1 on.")
    try:
        return _whole(row, op_id, client, seq)
    except InvalidInput as error:
        return Op(op_id, client, seq, JudgementAction.LOST, problem=error.sentence)


def _whole(row: Mapping[str, Any], op_id: uuid.UUID, client: uuid.UUID, seq: int) -> Op:
    verdict = row.get("verdict")
    if verdict is not None and not _is_one_of(verdict, Verdict):
        raise InvalidInput(f"`verdict` can't be {str(verdict)[:40]!r}.")
    if not _is_one_of(row.get("do"), JudgementAction):
        raise InvalidInput(f"`do` can't be {str(row.get('do'))[:40]!r}.")
    severity = row.get("severity")
    if severity is not None and not _is_one_of(severity, Severity):
        raise InvalidInput(f"`severity` can't be {str(severity)[:40]!r}.")
    return Op(
        op_id,
        client,
        seq,
        JudgementAction(row["do"]),
        severity=Severity(severity) if severity else None,
        mark=_uuid(row, "mark"),
        verdict=Verdict(verdict) if verdict else None,
        reason=_text(row, "reason"),
        attachments=_keys(row),
        index=_number(row, "index"),
        kind=(_text(row, "kind") or "")[:60],
        direction=_number(row, "direction") or 0,
        base=_uuid(row, "base"),
        seen=_number(row, "seen") or 0,
        of=_uuid(row, "of"),
    )


def _is_one_of(value: object, words: type[StrEnum]) -> bool:
    """Whether it is one of the words; a list or an object, which no set can be asked for, is none."""
    return isinstance(value, str) and value in set(words)


def _uuid(row: Mapping[str, Any], field: str) -> uuid.UUID | None:
    value = row.get(field)
    if value is None:
        return None
    try:
        return uuid.UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise InvalidInput(f"`{field}` is no id.") from None


def _number(row: Mapping[str, Any], field: str) -> int | None:
    value = row.get(field)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 2**62:
        raise InvalidInput(f"`{field}` is no whole number.")
    return value


def _text(row: Mapping[str, Any], field: str) -> str | None:
    value = row.get(field)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"`{field}` is no text.")
    return value[:MAX_REASON] if value else None


def _keys(row: Mapping[str, Any]) -> tuple[str, ...]:
    keys = row.get("attachments") or []
    if not isinstance(keys, Sequence) or isinstance(keys, str) or not all(isinstance(key, str) for key in keys):
        raise InvalidInput("`attachments` is no list of files.")
    if len(keys) > MAX_FILES:
        raise InvalidInput(f"A judgement has up to {MAX_FILES} files; this one has {len(keys)}.")
    return tuple(dict.fromkeys(keys))
