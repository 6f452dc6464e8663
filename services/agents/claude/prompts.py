"""The words for each phase. What people said goes in as data: JSON that cannot close its own marks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.agents.claude.job import JobPicture
from services.agents.protocol import GateRefusal, Plan

LONGEST_TEXT = 4000  # characters of one text of a person
LARGEST = 400_000  # characters of the data; about 150,000 tokens
LONGEST_LOG = 12_000


def planning(prompt: bytes, name: str, files: Sequence[str], *, is_first: bool) -> str:
    """Asks for a plan."""
    what = (
        "There is no detector for this pattern yet; it is to be written."
        if is_first
        else ("People judged this detector's marks; it is to be repaired so that their corrections hold.")
    )
    return (
        f"Plan the work on the pattern {_said(name)}. {what} Read what you need, change nothing, and answer with the "
        f"plan.\n\nFiles of the repository:\n{_listing(files)}\n\n{data(prompt)}"
    )


def implementing(prompt: bytes, name: str, plan: Plan, *, resumed: bool) -> str:
    """Asks for the change. Holds everything, because the conversation may have been lost with its machine."""
    kept = json.dumps({"summary": plan.summary, "steps": list(plan.steps)}, indent=1)
    known = "The data is the one you planned with." if resumed else data(prompt)
    return (
        f"Carry out the plan for the pattern {_said(name)}: change the files, run the tests, and answer with what you "
        f"did. If the work was begun before, go on from what the files hold.\n\nThe plan:\n{_safe(kept)}\n\n{known}"
    )


def refining(prompt: bytes, name: str, refusal: GateRefusal, round_number: int, *, resumed: bool) -> str:
    """Asks to mend what the app refused."""
    refused = {
        "gate": refusal.gate,
        "said": refusal.sentence,
        "broken_places": list(refusal.broken_ids)[:50],
        "log": refusal.log[-LONGEST_LOG:],
    }
    known = "" if resumed else f"\n\n{data(prompt)}"
    return (
        f"The app did not take your change for the pattern {_said(name)} (round {max(round_number, 1)}). Mend its "
        "cause, never the test or the judged place that shows it, and answer with what you did.\n\n"
        f"What the app said:\n{_marked(json.dumps(refused, indent=1))}{known}"
    )


def answering(text: str, asked_by: str, name: str, files: Sequence[str]) -> str:
    """Asks for the answer to a question. The question is data as well: what it asks is answered, and no more."""
    asked = json.dumps({"asked_by": asked_by[:200], "question": text[:LONGEST_TEXT]}, indent=1, ensure_ascii=False)
    return (
        f"Answer the question about the pattern {_said(name)} that stands in the data. Below about/ is what people said: "
        "pattern.json (description, steps, rules, parameters, counts), judgements.jsonl (judged places, a line each), "
        "candles.jsonl (candles around some of them), versions.jsonl and timeline.jsonl; the rest are the "
        f"files of the version that is live.\n\nFiles:\n{_listing(files)}\n\n{_marked(asked)}"
    )


def data(prompt: bytes) -> str:
    """The prompt file between its marks; long texts are cut, and candles left out when it is too large whole."""
    try:
        content = json.loads(prompt)
    except ValueError:
        content = {"text": prompt.decode("utf-8", "replace")}
    content = _cut(_without_picture_data(content), LONGEST_TEXT)
    for attempt in (content, _without_candles(content), _cut(_without_candles(content), 200)):
        text = json.dumps(attempt, indent=1)
        if len(text) <= LARGEST:
            return _marked(text)
    return _marked(json.dumps({"note": "The data was too large and is cut.", "start": text[:LARGEST]}))


def pictures_of(prompt: bytes) -> tuple[JobPicture, ...]:
    """The pictures that a prompt file holds, in their order."""
    try:
        held = json.loads(prompt).get("pictures") or []
    except (ValueError, AttributeError):
        return ()
    return tuple(JobPicture(name=p["name"], media_type=p["media_type"], data=p["data"]) for p in held)


def _without_picture_data(content: Any) -> Any:
    """The pictures are sent as such; the text names them."""
    if not isinstance(content, dict) or "pictures" not in content:
        return content
    named = [{k: v for k, v in picture.items() if k != "data"} for picture in content["pictures"]]
    return content | {"pictures": named}


def _marked(text: str) -> str:
    return f"<data>\n{_safe(text)}\n</data>"


def _safe(text: str) -> str:
    """JSON text in which no mark can be written; the same JSON to whoever reads it as such."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def _said(text: str) -> str:
    return _safe(json.dumps(text[:200]))


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str) and len(value) > longest:
        return f"{value[:longest]}… ({len(value) - longest} more characters left out)"
    if isinstance(value, dict):
        return {key: _cut(of, longest) for key, of in value.items()}
    return [_cut(of, longest) for of in value] if isinstance(value, list) else value


def _without_candles(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_candles(of) for key, of in value.items() if key != "candles"}
    return [_without_candles(of) for of in value] if isinstance(value, list) else value


def _listing(files: Sequence[str]) -> str:
    return "\n".join(f"- {name}" for name in files[:300])


def files_of(worktree: Path) -> list[str]:
    """The repository's files below the worktree, as paths from there, sorted."""
    files = (p.relative_to(worktree) for p in worktree.rglob("*") if p.is_file())
    return sorted(p.as_posix() for p in files if not {".git", "__pycache__"} & set(p.parts))
