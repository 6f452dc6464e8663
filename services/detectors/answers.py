"""What a worker's child left behind, judged outside of the sandbox: how it ended, and its answer within limits.

Sizes and counts are looked at before anything is parsed: a text of brackets takes thirty times its size as objects.
"""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from typing import Any

from services.detectors.frames import Files, read_whole, size_of, tail
from services.errors import DetectorError

MAX_PARTS = 1_500_000  # values, names and brackets in one answer; 40,000 detections have about a million
_MAX_FIRST_LINE = 4096
_TOO_LARGE, _UNCONFINED = 3, 98  # exit codes of runner.py
_SAYINGS = {
    "noise": "The detector printed to its output, which only its result may use",
    "timeout": "The detector took too long",
    "memory": "The detector ran out of memory",
    "crash": "The detector crashed",
    "rubbish": "The detector's output can't be used",
    "missing": "The detector is missing",
    "isolation": "The detector may not run here",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a request that ended well: its JSON as bytes, what it printed, the proofs of its tests.

    `cpu_s` is the processor time that it took, as the kernel counted it.
    """

    body: bytes
    log: str
    proofs: bytes
    cpu_s: float


def clean(text: str) -> str:
    """Text that a database and a screen can take: no zero characters and no lone surrogates."""
    return text.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")


def judge_answer(
    ended: dict[str, Any], files: Files, output_mb: int, wall_s: float, cpu_s: int, *, testing: bool
) -> Answer:
    """The answer of a child, or DetectorError with its kind, one sentence and the log."""
    noise, log = tail(files.output), tail(files.log)
    both = clean(noise + log)
    status, detail, body = _outcome(ended, files, output_mb, wall_s, cpu_s)
    if status == "ok" and noise and not testing:
        status, detail = "noise", f"it printed {noise[:80]!r}"
    if status != "ok":
        kind = status if status in _SAYINGS else "crash"
        raise DetectorError(f"{_SAYINGS[kind]}: {_one_line(detail).rstrip('.')}.", kind=kind, log=both)
    proofs = read_whole(files.proofs) if testing and size_of(files.proofs) <= output_mb << 20 else b""
    return Answer(body, both, proofs, float(ended.get("cpu_s", 0.0)))


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _outcome(ended: dict[str, Any], files: Files, output_mb: int, wall_s: float, cpu_s: int) -> tuple[str, str, bytes]:
    if ended.get("late"):
        return "timeout", f"it was not done after {wall_s:g} s", b""
    code = int(ended["code"])
    if code == -signal.SIGXCPU:
        return "timeout", f"it used more than {cpu_s} s of processor time", b""
    if code == _UNCONFINED:
        return "isolation", "the system call filter could not be set up", b""
    if code in (_TOO_LARGE, -signal.SIGXFSZ) or size_of(files.result) > output_mb << 20:
        return "rubbish", f"it gave out more than {output_mb} MB", b""
    line, _, body = read_whole(files.result).partition(b"\n")
    answer = _first_line(line)
    if code != 0 or answer is None:
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return "crash", f"its process ended with {how} and left no result", b""
    return answer[0], answer[1], body


def _first_line(line: bytes) -> tuple[str, str] | None:
    """The status and detail that the child gave, or None when it is no such line."""
    try:
        answer = json.loads(line) if len(line) <= _MAX_FIRST_LINE else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("status"), str):
        return None
    return answer["status"], str(answer.get("detail", ""))[:500]


def _not_finite(text: str) -> float:
    raise DetectorError(
        f"The detector's output can't be used: it has the number {text}, which is not finite.", kind="rubbish"
    )


def read_value(body: bytes) -> Any:
    """The value of an answer. Detector code shares its process with the runner, so even the form is checked.

    DetectorError of kind rubbish when it has too many parts, is no JSON, or holds NaN or Infinity.
    """
    parts = sum(map(body.count, (b",", b":", b"[", b"{")))
    if parts > MAX_PARTS:
        raise DetectorError(
            f"The detector's output can't be used: it has {parts:,} parts; at most {MAX_PARTS:,} are read.",
            kind="rubbish",
        )
    try:
        return json.loads(body, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        sentence = "The detector's output can't be used: it replaced the runner's answer."
        raise DetectorError(sentence, kind="rubbish") from error
