"""What an answer rests on: the pattern, its judged places, versions and history, without anything kept for testing.

Read in one transaction (`read`), then written out as documents (`documents`), which is slow because of the candles. Of
what is kept for testing neither places nor candles nor numbers get in, and no sentence that names such a candle.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd
from pydantic import JsonValue
from sqlalchemy.orm import Session

from services import datasets, deployments, feedback, labels, prompts, timeline, workspaces
from services.codec import Codec
from services.deployments import VersionRow
from services.feedback import FeedbackRow
from services.labels import VersionRates
from services.lifecycle import FeedbackState, Verdict
from services.lifecycle import MessageType as T
from services.places import LabelSet
from services.prompts import PromptContext, PromptItem
from services.prompts.document import PromptCandle
from services.rules import asks, is_original
from services.timeline import TimelineEntry
from services.workspaces import WorkspaceDetail

MOST_JUDGEMENTS: Final = 300
MOST_WITH_CANDLES: Final = 30
MOST_MESSAGES: Final = 300
LONGEST_WORDS: Final = 1200  # characters of one text of a person
_CANDLE: Final = re.compile(r"(?:(?<![\w#&/])#|\b(?:candle|bar)s?\s+#?)(\d{1,7})(?!\w)", re.IGNORECASE)

# What of each message is told, by its type: people's words, and what became of runs, deploys and versions. What is not
# listed may rest on what is kept for testing: scores, evidence, marks and disputes.
_WORDS: Final[Mapping[T, Callable[[TimelineEntry], str | None]]] = {
    T.PATTERN_DESCRIPTION_SUBMITTED: lambda e: _of(e, "description"),
    T.COMMENT: lambda e: e.content,
    T.CLAUDE_ANSWER: lambda e: e.content,
    T.CLAUDE_STARTED: lambda e: e.title,
    T.CLAUDE_COMPLETED: lambda e: _of(e, "summary") if e.data.get("commit_hash") else "It ended without a deploy.",
    T.CLAUDE_FAILED: lambda e: _of(e, "error"),
    T.DEPLOY_SUCCESS: lambda e: f"v{e.data.get('version')} is live.",
    T.DEPLOY_FAILED: lambda e: _of(e, "error"),
    T.VERSION_UPDATED: lambda e: ", ".join(str(change) for change in e.data.get("changes") or []),
    T.VERSION_ROLLED_BACK: lambda e: _of(e, "reason"),
    T.STATUS_CHANGED: lambda e: f"{e.data.get('previous_status')} → {e.data.get('new_status')}",
    T.USER_APPROVED: lambda e: _of(e, "comment"),
    T.ADMIN_VERIFIED: lambda e: _of(e, "comment"),
    T.REVIEW_RETURNED: lambda e: _of(e, "reason"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the timeline: who, when, what."""

    at: str
    by: str
    type: str
    words: str


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A version of the detector. `rate` is of the places that an agent may know of, of what is live now alone."""

    version: str
    status: str
    commit: str
    made_by: str
    created_at: str
    deployed_at: str | None
    parameters: Mapping[str, JsonValue]
    right: int | None = None
    wrong: int | None = None
    missed: int | None = None
    rate: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class About:
    """The pattern as people described it, and how many judgements of each kind follow."""

    pattern: PromptContext
    judgements: Mapping[str, int]
    judgements_by_detection: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement as prompts tell it, without its candles, and the name of its session."""

    session: str | None
    judgement: PromptItem


@dataclass(frozen=True, slots=True)
class Around:
    """The candles around a judged place: index, time, open, high, low, close."""

    feedback_id: str
    candles: tuple[PromptCandle, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """What was read of a pattern. `held` are the candles that are kept for testing, as indexes by dataset, and `hidden`
    those numbers that mean no other candle; `drawn` the judgements that come with candles, whose files `paths` has by
    dataset."""

    workspace: WorkspaceDetail
    version: VersionRow | None
    judgements: tuple[FeedbackRow, ...]
    drawn: frozenset[str]
    paths: Mapping[str, str]
    held: Mapping[str, frozenset[int]]
    hidden: frozenset[int]
    versions: tuple[KnownVersion, ...]
    messages: tuple[Said, ...]

    @property
    def commit(self) -> str | None:
        return self.version.commit_hash if self.version else None


_ABOUT: Final = Codec(About, "pattern")
_JUDGED: Final = Codec(Judged, "judgement")
_AROUND: Final = Codec(Around, "candles")
_VERSION: Final = Codec(KnownVersion, "version")
_SAID: Final = Codec(Said, "message")


def read(session: Session, workspace_id: uuid.UUID) -> Material:
    """Reads what an agent may know of a workspace, as it stands now."""
    known = labels.keep(session, workspace_id)
    detail = workspaces.get(session, workspace_id)
    held = {key: frozenset(bars) for key, bars in labels.held_bars(session, workspace_id).items()}
    hidden = _hidden(known, held)
    versions = deployments.list_versions(session, workspace_id)
    live = next((v for v in versions if v.id == detail.deployed_version_id), None)
    rates = labels.version_rates(session, workspace_id, live.id, labels=known.only("tune")) if live else None
    rows = [f for f in feedback.list_feedback(session, workspace_id, asking_only=False) if _may_be_told(f, hidden)]
    kept = tuple(rows[-MOST_JUDGEMENTS:])
    # Where it can't be told which candles are kept for testing, since some can't be read, none are given.
    drawn = [f for f in kept if asks(f.verdict) and f.dataset_id and known.bars is not None][-MOST_WITH_CANDLES:]
    messages = timeline.page(session, workspace_id, limit=MOST_MESSAGES)
    return Material(
        workspace=detail,
        version=live,
        judgements=kept,
        drawn=frozenset(str(f.id) for f in drawn),
        paths={str(f.dataset_id): datasets.get(session, f.dataset_id).storage_path for f in drawn if f.dataset_id},
        held=held,
        hidden=hidden,
        versions=tuple(_version(v, rates if live and v.id == live.id else None) for v in versions),
        messages=tuple(said for entry in messages if (said := _said(entry, hidden)) is not None),
    )


def documents(material: Material, load: Callable[[str], pd.DataFrame]) -> dict[str, str]:
    """The material as files by name. `load` reads candles by their storage path.

    A line of a list is one thing, for the tool that reads files leaves out what a line has beyond 2,000 characters.
    """
    frames = {
        dataset: load(path).drop(index=sorted(material.held.get(dataset, ())), errors="ignore")
        for dataset, path in material.paths.items()
    }
    params = material.version.params if material.version else None
    built = prompts.build(material.workspace, material.judgements, frames, params=params, agent="claude")
    about = About(built.context, built.summary, built.summary_by_detection)
    items = [(session.name, item) for session in built.sessions for item in session.items]
    around = [Around(i.feedback_id, i.candles) for _, i in items if i.candles and i.feedback_id in material.drawn]
    return {
        "about/pattern.json": json.dumps(_ABOUT.to_json(about), indent=1),
        "about/judgements.jsonl": _lines(_JUDGED, (_judged(name, item) for name, item in items)),
        "about/candles.jsonl": _lines(_AROUND, around),
        "about/versions.jsonl": _lines(_VERSION, material.versions),
        "about/timeline.jsonl": _lines(_SAID, material.messages),
    }


def _judged(session: str | None, item: PromptItem) -> Judged:
    reason = item.reason[:LONGEST_WORDS] if item.reason else None
    return Judged(session, replace(item, reason=reason, candles=(), original=None))


def _lines(codec: Codec[Any], values: Iterable[object]) -> str:
    return "".join(f"{codec.to_text(value)}\n" for value in values)


def held_candle(text: str, material: Material) -> int | None:
    """A candle that a text names by its number although it is kept for testing; None when there is none."""
    return _hidden_in(text, material.hidden)


def _hidden(known: LabelSet, held: Mapping[str, frozenset[int]]) -> frozenset[int]:
    """Numbers of candles that are kept for testing. One that is another candle's number too says nothing of it."""
    shown = set[int]()
    for window in known.windows:
        shown |= set(range(window.start, window.end + 1)) - held.get(window.dataset_id, frozenset())
    return frozenset().union(*held.values()) - shown


def _may_be_told(row: FeedbackRow, hidden: frozenset[int]) -> bool:
    """Judgements on places that an agent may know of, and comments that belong to no place."""
    if row.state == FeedbackState.WITHDRAWN or not is_original(row.made_by):
        return False
    if row.reason and _hidden_in(row.reason, hidden) is not None:
        return False
    return row.split == "tune" or (row.split is None and row.verdict == Verdict.COMMENT and row.candle_index is None)


def _hidden_in(text: str, hidden: frozenset[int]) -> int | None:
    """The first candle that a text names, as #number or in words, and that is kept for testing."""
    named = (int(match[1]) for match in _CANDLE.finditer(text))
    return next((number for number in named if number in hidden), None)


def _of(entry: TimelineEntry, field: str) -> str | None:
    value = entry.data.get(field)
    return str(value) if value else None


def _said(entry: TimelineEntry, hidden: frozenset[int]) -> Said | None:
    tell = _WORDS.get(T(entry.type))
    words = tell(entry) if tell is not None and entry.deleted_at is None else None
    if not words or _hidden_in(words, hidden) is not None:
        return None
    by = entry.author["name"] if entry.author and entry.author["name"] else str(entry.author_type)
    return Said(entry.created_at.isoformat(), by, entry.type, words[:LONGEST_WORDS])


def _version(row: VersionRow, rates: VersionRates | None) -> KnownVersion:
    rate = rates.all if rates and rates.all.n else None
    interval = (rate.ci_low, rate.ci_high) if rate and rate.ci_low is not None and rate.ci_high is not None else None
    return KnownVersion(
        version=row.name,
        status=str(row.status),
        commit=row.commit_hash,
        made_by=row.origin,
        created_at=row.created_at.isoformat(),
        deployed_at=row.deployed_at.isoformat() if row.deployed_at else None,
        parameters=dict(row.params),
        right=rate.tp if rate else None,
        wrong=rate.fp if rate else None,
        missed=rate.fn if rate else None,
        rate=rate.rate if rate else None,
        interval=interval,
    )
