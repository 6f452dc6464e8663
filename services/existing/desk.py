"""What the moved tables share: the desk that knows the new ids, and the rows that several tables make or look for."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.candles import store
from services.errors import InvalidInput
from services.existing import reading as read
from services.existing.candles import read_old_candles
from services.existing.source import Row
from services.lifecycle import (
    AuthorType,
    MessageType,
    Role,
    VersionStatus,
    WorkspaceStatus,
)
from services.models import (
    CandleDataset,
    Detection,
    DetectorVersion,
    PatternSession,
    PatternWorkspace,
    User,
    WorkspaceMessage,
    new_id,
)

DEFAULT_CATEGORY: Final = "price_action"
_FALLBACK_EMAIL: Final = "existing-system@patterndesk.local"


@dataclass
class Known:
    """What was looked up or made for earlier rows, so that a later one need not ask. Given up when a batch is taken back."""

    nobody: uuid.UUID | None = None  # who stands for people that the existing system no longer has
    versions: dict[tuple[uuid.UUID, str], uuid.UUID] = field(default_factory=dict)  # by workspace and name
    keys: dict[uuid.UUID, set[str]] = field(default_factory=dict)  # of detections, by session


@dataclass
class Desk:
    """What the functions share: the target, where files go (None: nowhere, for a dry run), and the ids known so far."""

    session: Session
    storage_root: str | None
    ids: dict[tuple[str, str], uuid.UUID] = field(default_factory=dict)
    known: Known = field(default_factory=Known)
    rows: dict[uuid.UUID, int] = field(default_factory=dict)  # candles by dataset
    homes: dict[uuid.UUID, PatternWorkspace] = field(default_factory=dict)  # locked in this transaction
    held: list[object] = field(default_factory=list)  # rows that the session would forget otherwise

    def fetch(self, rows: Sequence[Row]) -> None:
        """Reads the sessions and detections that these rows refer to, all at once."""
        for table, column, model in (
            ("PatternSession", "sessionId", PatternSession),
            ("PatternDetection", "detectionId", Detection),
        ):
            ids = {new_id for row in rows if (new_id := self.id_of(table, row[column])) is not None}
            if ids:
                self.held += self.session.scalars(select(model).where(model.id.in_(ids))).all()

    def home(self, workspace_id: uuid.UUID) -> PatternWorkspace:
        """The workspace, locked, for the next number of its timeline or of its executions."""
        home = self.homes.get(workspace_id)
        if home is None:
            home = self.session.get_one(PatternWorkspace, workspace_id, with_for_update=True)
            self.homes[workspace_id] = home
        return home

    def id_of(self, table: str, old: object) -> uuid.UUID | None:
        return self.ids.get((table, str(old))) if old else None

    def person(self, old: object) -> uuid.UUID:
        """The person, or the one who stands for people that the existing system no longer has."""
        known = self.id_of("User", old) or self.known.nobody
        if known is not None:
            return known
        user = self.session.scalar(select(User).where(User.email == _FALLBACK_EMAIL))
        if user is None:
            user = User(email=_FALLBACK_EMAIL, name="Existing system", role=Role.VIEWER, is_active=False)
            self.session.add(user)
            self.session.flush()
        self.known.nobody = user.id
        return user.id


def added(desk: Desk, made: Any) -> uuid.UUID:
    """Written at once, for rows that others refer to."""
    made.id = new_id()
    desk.session.add(made)
    desk.session.flush()
    return uuid.UUID(str(made.id))


def entered(desk: Desk, made: Any) -> uuid.UUID:
    """Written with the rest of its batch: a table of many rows takes no answer of the database for each."""
    made.id = new_id()
    desk.session.add(made)
    return uuid.UUID(str(made.id))


def time_of(value: object) -> datetime:
    return value if isinstance(value, datetime) else datetime.now(UTC)


def address(value: object) -> str | None:
    address = read.text(value, most=2000)
    return address if address.startswith(("https://", "http://")) else None


def rules_of(row: Row) -> str | None:
    parts = []
    for name, title in (("rules", "Rules"), ("constraints", "Constraints"), ("commonMistakes", "Common mistakes")):
        lines = read.steps(row[name])
        if lines:
            parts.append(f"{title}:\n" + "\n".join(f"- {line}" for line in lines))
    return "\n\n".join(parts) or None


def workspace_of(desk: Desk, pattern: object) -> uuid.UUID | None:
    return desk.session.scalar(
        select(PatternWorkspace.id).where(PatternWorkspace.pattern_type == read.pattern_type(pattern))
    )


def workspace_for(desk: Desk, row: Row) -> uuid.UUID:
    """The workspace of a session from before workspaces: that of its pattern, made when there is none."""
    known = workspace_of(desk, row["patternType"])
    if known is not None:
        return known
    pattern = read.pattern_type(row["patternType"])
    made = PatternWorkspace(
        pattern_type=pattern,
        name=read.text(row["patternType"], most=120).replace("_", " ").title() or "Unnamed",
        category=DEFAULT_CATEGORY,
        status=WorkspaceStatus.SOON,
        created_at=time_of(row["createdAt"]),
        created_by_id=desk.person(row["createdById"]),
    )
    return added(desk, made)


def dataset_of(desk: Desk, row: Row) -> tuple[uuid.UUID | None, list[Any] | None]:
    """The dataset of the session's candles, or the list as it was when it can't be one."""
    candles = row["candleData"]
    if isinstance(candles, dict):  # some releases kept them under a name
        candles = next((value for value in candles.values() if isinstance(value, list)), None)
    if not isinstance(candles, list) or not candles:
        return None, None
    try:
        imported = read_old_candles(candles)
    except InvalidInput:
        return None, candles
    known = desk.session.scalar(select(CandleDataset).where(CandleDataset.content_sha256 == imported.content_sha256))
    if known is None:
        times = imported.frame["time"]
        known = CandleDataset(
            id=new_id(),
            name=f"{read.text(row['symbol'], most=60)} {read.text(row['timeframe'], most=20)}",
            symbol=read.text(row["symbol"], most=60) or "?",
            timeframe=read.text(row["timeframe"], most=20) or "?",
            rows=len(imported.frame),
            start_at=times.iloc[0].to_pydatetime(),
            end_at=times.iloc[-1].to_pydatetime(),
            source_format=imported.source_format,
            source_sha256=imported.source_sha256,
            content_sha256=imported.content_sha256,
            price_adjustment=imported.price_adjustment,
            storage_path=store.save_parquet(desk.storage_root, imported) if desk.storage_root else "dry-run",
            quality=imported.quality.as_json(),
            uploaded_by_id=desk.person(row["createdById"]),
            created_at=time_of(row["createdAt"]),
        )
        desk.session.add(known)
        desk.session.flush()
    desk.rows[known.id] = known.rows
    return known.id, None


def session_of(desk: Desk, row: Row) -> PatternSession:
    session_id = desk.id_of("PatternSession", row["sessionId"])
    session = desk.session.get(PatternSession, session_id) if session_id else None
    if session is None:
        raise InvalidInput("Its session was not moved.")
    return session


def bar_of(desk: Desk, session: PatternSession, index: object) -> int:
    """A place in the session's candles. Raises InvalidInput for one outside."""
    if not isinstance(index, int) or index < 0 or (session.dataset_id is not None and index > session.end_index):
        raise InvalidInput(f"Candle {index} lies outside the session's candles.")
    return index


def version_of(desk: Desk, session: PatternSession) -> uuid.UUID:
    """What the old detector was called; its code is not in the pattern repository, so it can't be run."""
    name = read.version(session.pattern_version)
    place = (session.workspace_id, name)
    if place not in desk.known.versions:
        desk.known.versions[place] = _version(desk, session, name)
    return desk.known.versions[place]


def keys_of(desk: Desk, session: PatternSession) -> set[str]:
    """The keys of the detections that the session has."""
    if session.id not in desk.known.keys:
        desk.known.keys[session.id] = set(
            desk.session.scalars(select(Detection.key).where(Detection.session_id == session.id))
        )
    return desk.known.keys[session.id]


def _version(desk: Desk, session: PatternSession, name: str) -> uuid.UUID:
    known = desk.session.scalar(
        select(DetectorVersion.id).where(
            DetectorVersion.workspace_id == session.workspace_id,
            DetectorVersion.version == name,
            DetectorVersion.commit_hash == "",
        )
    )
    if known is not None:
        return known
    made = DetectorVersion(
        workspace_id=session.workspace_id,
        version=name,
        build_label="existing system",
        commit_hash="",
        module_path="",
        code_sha256="",
        params=session.pattern_settings or {},
        param_schema=[],
        origin="manual",
        status=VersionStatus.RETIRED,
        created_at=session.created_at,
        retired_at=session.created_at,
    )
    return added(desk, made)


def with_new_ids(
    desk: Desk, data: dict[str, Any], session_id: uuid.UUID | None, execution_id: uuid.UUID | None
) -> dict[str, Any]:
    named = {"session_id": session_id, "execution_id": execution_id}
    known = data | {name: value for name, value in named.items() if name in data and value is not None}
    if "feedback_id" in known and (item := desk.id_of("PatternCorrection", known["feedback_id"])):
        known["feedback_id"] = item
    return known


def add_message(
    desk: Desk,
    workspace_id: uuid.UUID,
    kind: MessageType,
    row: Row,
    data: dict[str, Any],
    *,
    author: uuid.UUID | None,
    author_type: AuthorType,
    title: str | None = None,
    content: str | None = None,
    session_id: uuid.UUID | None = None,
    execution_id: uuid.UUID | None = None,
    attachments: list[str] | None = None,
    status: str | None = None,
    progress: int | None = None,
    edited_at: datetime | None = None,
) -> uuid.UUID:
    home = desk.home(workspace_id)
    home.message_seq += 1
    made = WorkspaceMessage(
        workspace_id=workspace_id,
        seq=home.message_seq,
        type=kind,
        created_at=time_of(row["createdAt"]),
        author_id=author,
        author_type=author_type,
        title=title,
        content=content,
        data=data,
        attachments=attachments or [],
        session_id=session_id,
        execution_id=execution_id,
        status=status,
        progress=progress,
        edited_at=edited_at,
    )
    return entered(desk, made)
