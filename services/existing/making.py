"""One function a table: the rows here that a row of the existing system becomes. Raises InvalidInput for what can't be moved."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.candles import store
from services.errors import InvalidInput
from services.existing import reading as read
from services.existing.candles import read_old_candles
from services.existing.source import Row
from services.lifecycle import (
    AuthorType,
    FeedbackState,
    MessageStatus,
    MessageType,
    Role,
    SessionStatus,
    Verdict,
    VersionStatus,
    WorkspaceStatus,
)
from services.models import (
    CandleDataset,
    ClaudeExecution,
    Detection,
    DetectorVersion,
    FeedbackItem,
    ImplementationSession,
    PatternSession,
    PatternWorkspace,
    User,
    WorkspaceMessage,
    new_id,
)
from services.timeline.payloads import validated

DEFAULT_CATEGORY: Final = "price_action"
_DONE: Final = (SessionStatus.COMPLETED, SessionStatus.SUBMITTED_FOR_REVIEW, SessionStatus.IMPLEMENTED)
_FALLBACK_EMAIL: Final = "existing-system@patterndesk.local"


@dataclass
class Desk:
    """What the functions share: the target, where files go (None: nowhere, for a dry run), and the ids known so far."""

    session: Session
    storage_root: str | None
    ids: dict[tuple[str, str], uuid.UUID] = field(default_factory=dict)
    rows: dict[uuid.UUID, int] = field(default_factory=dict)  # candles by dataset

    def id_of(self, table: str, old: object) -> uuid.UUID | None:
        return self.ids.get((table, str(old))) if old else None

    def person(self, old: object) -> uuid.UUID:
        """The person, or the one who stands for people that the existing system no longer has."""
        known = self.id_of("User", old)
        if known is not None:
            return known
        user = self.session.scalar(select(User).where(User.email == _FALLBACK_EMAIL))
        if user is None:
            user = User(email=_FALLBACK_EMAIL, name="Existing system", role=Role.VIEWER, is_active=False)
            self.session.add(user)
            self.session.flush()
        return user.id


def user(desk: Desk, row: Row) -> uuid.UUID:
    """Joined with somebody who is here already by the e-mail address; their role here stays."""
    email = read.text(row["email"]).lower()
    if "@" not in email or len(email) > 254:
        raise InvalidInput("The person has no e-mail address.")
    known = desk.session.scalar(select(User).where(func.lower(User.email) == email))
    if known is not None:
        return known.id
    name = read.text(row["name"] or row["username"] or email, most=120)
    made = User(
        email=email,
        name=name,
        image=_url(row["image"]),
        role=read.role(row["role"]),
        created_at=_time(row["createdAt"]),
    )
    return _added(desk, made)


def workspace(desk: Desk, row: Row) -> uuid.UUID:
    """Joined with the workspace of the same pattern, which stays as it is. An approval under way does not come along,
    because what it rested on does not; it is asked for anew."""
    known = _workspace_of(desk, row["patternType"])
    if known is not None:
        return known
    status, approver, verifier = read.workspace_status(row["status"]), row["approvedById"], row["verifiedById"]
    whole = desk.id_of("User", approver) and desk.id_of("User", verifier) and row["approvedAt"] and row["verifiedAt"]
    if status == WorkspaceStatus.IN_REVIEW or (status == WorkspaceStatus.VERIFIED and not whole):
        status = WorkspaceStatus.BETA
    if status == WorkspaceStatus.IMPLEMENTING:  # its run does not come along either
        status = WorkspaceStatus.BETA if row["implementedAt"] else WorkspaceStatus.SOON
    made = PatternWorkspace(
        pattern_type=read.pattern_type(row["patternType"]), name=read.text(row["name"], most=120) or "Unnamed",
        category=read.text(row["category"], most=60) or DEFAULT_CATEGORY, status=status,
        version=read.version(row["version"]), created_at=_time(row["createdAt"]), updated_at=_time(row["updatedAt"]),
        implemented_at=row["implementedAt"], approved_at=row["approvedAt"], verified_at=row["verifiedAt"],
        description=read.text(row["description"]) or None, user_reasoning=read.text(row["userReasoning"]) or None,
        identification_steps=read.steps(row["identificationSteps"]), attachments=read.words(row["attachments"]),
        rules=_rules(row), last_tested_at=row["lastTestedAt"], created_by_id=desk.person(row["createdById"]),
        approved_by_id=desk.id_of("User", approver), verified_by_id=desk.id_of("User", verifier),
    )  # fmt: skip
    return _added(desk, made)


def pattern_session(desk: Desk, row: Row) -> uuid.UUID:
    """With its candles as a dataset; a list of candles that can't be one stays with the session as it was."""
    workspace_id = desk.id_of("PatternWorkspace", row["workspaceId"]) or _workspace_for(desk, row)
    status = read.session_status(row["status"])
    dataset, kept = _dataset(desk, row)
    made = PatternSession(
        workspace_id=workspace_id, name=read.text(row["name"], most=200) or "Unnamed",
        description=read.text(row["description"]) or None, symbol=read.text(row["symbol"], most=60) or "?",
        timeframe=read.text(row["timeframe"], most=20) or "?", start_time=row["startTime"], end_time=row["endTime"],
        dataset_id=dataset, start_index=0, end_index=desk.rows[dataset] - 1 if dataset else 0, status=status,
        created_by_id=desk.person(row["createdById"]), created_at=_time(row["createdAt"]),
        updated_at=_time(row["updatedAt"]), completed_at=_time(row["updatedAt"]) if status in _DONE else None,
        pattern_type=read.text(row["patternType"]), pattern_version=read.text(row["patternVersion"], most=60),
        pattern_settings=row["patternSettings"] if isinstance(row["patternSettings"], dict) else None,
        candle_data=kept,
    )  # fmt: skip
    return _added(desk, made)


def detection(desk: Desk, row: Row) -> uuid.UUID:
    session = _session_of(desk, row)
    index = _index(desk, session, row["candleIndex"])
    kind, direction = read.kind(row["detectionType"]), read.direction(row["structure"], row["detectionType"])
    key = hashlib.sha256(f"{kind}:{direction}:{row['candleTime'].isoformat()}".encode()).hexdigest()[:32]
    if desk.session.scalar(select(Detection.id).where(Detection.session_id == session.id, Detection.key == key)):
        raise InvalidInput("The session has another detection of the same kind at the same time.")
    version_id = _version(desk, session)
    price, confidence = read.number(row["price"]), read.number(row["confidence"])
    meta = {"structure": read.text(row["structure"])} if row["structure"] else {}
    made = Detection(
        session_id=session.id, detector_version_id=version_id, key=key, kind=kind, direction=direction,
        anchor_index=index, anchor_time=row["candleTime"], start_index=index, end_index=index, price=price,
        confirmed_index=index, confirmed_at=row["candleTime"], confidence=confidence, refs=[], meta=meta,
    )  # fmt: skip
    session.detection_count += 1
    session.detector_version_id = version_id
    return _added(desk, made)


def correction(desk: Desk, row: Row) -> uuid.UUID:
    """A judgement. The latest of a person on a mark holds; earlier ones come along as withdrawn."""
    session, detection_id = _session_of(desk, row), desk.id_of("PatternDetection", row["detectionId"])
    verdict, author = read.verdict(row["correctionType"]), desk.person(row["userId"])
    found = desk.session.get(Detection, detection_id) if detection_id else None
    place = row["originalIndex"] if row["originalIndex"] is not None else row["correctedIndex"]
    index = found.anchor_index if found else _index(desk, session, place) if place is not None else None
    expected = _index(desk, session, row["correctedIndex"]) if row["correctedIndex"] is not None else None
    if verdict == Verdict.FALSE_NEGATIVE and expected is None:
        expected = index
    if index is None or (verdict == Verdict.ADJUSTMENT and expected is None):
        verdict = Verdict.COMMENT  # a judgement without a place can't be replayed
    state = read.feedback_state(row["status"])
    if detection_id and row["__superseded"]:
        state = FeedbackState.WITHDRAWN
    placed = verdict not in (Verdict.COMMENT, Verdict.UNSURE) and session.dataset_id is not None
    moved = verdict in (Verdict.FALSE_NEGATIVE, Verdict.ADJUSTMENT)
    made = FeedbackItem(
        workspace_id=session.workspace_id, session_id=session.id, detection_id=detection_id, author_id=author,
        verdict=verdict, candle_index=expected if verdict == Verdict.FALSE_NEGATIVE else index,
        candle_time=row["originalTime"] or row["correctedTime"],
        price=read.number(row["originalPrice"]) or read.number(row["correctedPrice"]),
        expected_kind=read.kind(row["correctedType"] or row["originalType"]) if moved else None,
        expected_direction=read.direction(row["correctedStructure"], row["correctedType"]) if moved else None,
        expected_index=expected if moved else None, expected_time=row["correctedTime"] if moved else None,
        expected_price=read.number(row["correctedPrice"]) if moved else None,
        dataset_id=session.dataset_id if placed else None, window_start=session.start_index if placed else None,
        window_end=session.end_index if placed else None, reason=read.text(row["reason"]) or None,
        attachments=read.words(row["attachments"]), state=state, created_at=_time(row["createdAt"]),
        updated_at=_time(row["updatedAt"]),
    )  # fmt: skip
    return _added(desk, made)


def execution(desk: Desk, row: Row) -> uuid.UUID:
    workspace_id = desk.id_of("PatternWorkspace", row["workspaceId"])
    if workspace_id is None:
        raise InvalidInput("The execution's workspace was not moved.")
    status, unfinished = read.execution_status(row["status"])
    home = desk.session.get(PatternWorkspace, workspace_id, with_for_update=True)
    assert home is not None
    home.execution_seq += 1
    error = read.text(row["error"]) or ("It had not ended in the existing system." if unfinished else None)
    made = ClaudeExecution(
        workspace_id=workspace_id, number=home.execution_seq, triggered_by=desk.person(row["triggeredBy"]),
        triggered_at=_time(row["triggeredAt"]), status=status, phase=read.phase(row["phase"]),
        progress=min(100, max(0, int(row["progress"] or 0))), completed_at=row["completedAt"], agent="claude",
        files_changed=read.words(row["filesChanged"]), commit_hash=read.text(row["commitHash"]) or None,
        commit_message=read.text(row["commitMessage"]) or None, deploy_started_at=row["deployStartedAt"],
        deploy_completed_at=row["deployCompletedAt"], deploy_url=read.text(row["deployUrl"]) or None,
        deploy_status=read.deploy_status(row["deployStatus"]), deploy_logs=read.text(row["deployLogs"]) or None,
        retry_count=max(0, int(row["retryCount"] or 0)), max_retries=max(0, int(row["maxRetries"] or 0)),
        retry_reason=read.text(row["retryReason"]) or None,
        parent_execution_id=desk.id_of("ClaudeExecution", row["parentExecutionId"]), error=error,
        errored_at=row["erroredAt"] or (_time(row["triggeredAt"]) if status == "failed" else None),
        deploy_target="vercel" if row["deployUrl"] else "local", summary=read.text(row["claudeOutput"])[:4000] or None,
        started_at=row["triggeredAt"],
    )  # fmt: skip
    return _added(desk, made)


def comment(desk: Desk, row: Row) -> uuid.UUID:
    session = _session_of(desk, row)
    content = read.text(row["content"], most=20_000)
    if not content:
        raise InvalidInput("The comment is empty.")
    return _message(
        desk, session.workspace_id, MessageType.COMMENT, row, {}, content=content, author=desk.person(row["userId"]),
        author_type=AuthorType.USER, session_id=session.id, edited_at=row["editedAt"],
    )  # fmt: skip


def message(desk: Desk, row: Row) -> uuid.UUID:
    """A message whose data does not fit its type here comes along as a comment of the app, with its old type said."""
    workspace_id = desk.id_of("PatternWorkspace", row["workspaceId"])
    if workspace_id is None:
        raise InvalidInput("The message's workspace was not moved.")
    word = read.text(row["type"]).lower()
    session_id, execution_id = (
        desk.id_of("PatternSession", row["sessionId"]),
        desk.id_of("ClaudeExecution", row["executionId"]),
    )
    title, content = read.text(row["title"], most=500) or None, read.text(row["content"]) or None
    author_type = {"claude": AuthorType.CLAUDE, "user": AuthorType.USER}.get(
        read.text(row["authorType"]).lower(), AuthorType.SYSTEM
    )
    author = desk.id_of("User", row["authorId"])
    status = read.text(row["status"]).lower()
    try:
        kind = MessageType(word)
        data = _with_new_ids(desk, read.payload(row["data"]), session_id, execution_id)
        data = validated(kind, data)
    except (ValueError, ValidationError):
        kind, data, status = MessageType.COMMENT, {}, ""
        content = "\n".join(part for part in (f"[{word.replace('_', ' ')}]", title, content) if part)
    return _message(
        desk, workspace_id, kind, row, data, title=title, content=content, author=author, author_type=author_type,
        session_id=session_id, execution_id=execution_id, attachments=read.words(row["attachments"]),
        status=status if status in set(MessageStatus) else None,
        progress=min(100, max(0, int(row["progress"]))) if isinstance(row["progress"], int) else None,
    )  # fmt: skip


def implementation(desk: Desk, row: Row) -> uuid.UUID:
    session_id = desk.id_of("PatternSession", row["sessionId"])
    if session_id is None:
        raise InvalidInput("The implementation belongs to no session that was moved.")
    made = ImplementationSession(
        session_id=session_id, feedback_ids=[str(desk.id_of("PatternCorrection", old)) for old in row["feedbackIds"] or []
                                             if desk.id_of("PatternCorrection", old)],
        title=read.text(row["title"], most=500) or "Unnamed", description=read.text(row["description"]) or None,
        type=read.text(row["type"]) or None, phase=read.text(row["phase"]) or None,
        status=read.text(row["status"]).lower() or "pending", progress=min(100, max(0, int(row["progress"] or 0))),
        phases=row["phases"] if isinstance(row["phases"], dict) else None,
        checkpoints=row["checkpoints"] if isinstance(row["checkpoints"], list) else None,
        files_changed=read.words(row["filesChanged"]), commit_hash=read.text(row["commitHash"]) or None,
        deployment_url=read.text(row["deploymentUrl"]) or None, retry_count=max(0, int(row["retryCount"] or 0)),
        max_retries=max(0, int(row["maxRetries"] or 0)), created_by_id=desk.person(row["createdById"]),
        started_at=row["startedAt"], completed_at=row["completedAt"], created_at=_time(row["createdAt"]),
        updated_at=_time(row["updatedAt"]),
    )  # fmt: skip
    return _added(desk, made)


def _added(desk: Desk, made: Any) -> uuid.UUID:
    made.id = new_id()
    desk.session.add(made)
    desk.session.flush()
    return uuid.UUID(str(made.id))


def _time(value: object) -> datetime:
    return value if isinstance(value, datetime) else datetime.now(UTC)


def _url(value: object) -> str | None:
    address = read.text(value, most=2000)
    return address if address.startswith(("https://", "http://")) else None


def _rules(row: Row) -> str | None:
    parts = []
    for name, title in (("rules", "Rules"), ("constraints", "Constraints"), ("commonMistakes", "Common mistakes")):
        lines = read.steps(row[name])
        if lines:
            parts.append(f"{title}:\n" + "\n".join(f"- {line}" for line in lines))
    return "\n\n".join(parts) or None


def _workspace_of(desk: Desk, pattern: object) -> uuid.UUID | None:
    return desk.session.scalar(
        select(PatternWorkspace.id).where(PatternWorkspace.pattern_type == read.pattern_type(pattern))
    )


def _workspace_for(desk: Desk, row: Row) -> uuid.UUID:
    """The workspace of a session from before workspaces: that of its pattern, made when there is none."""
    known = _workspace_of(desk, row["patternType"])
    if known is not None:
        return known
    pattern = read.pattern_type(row["patternType"])
    made = PatternWorkspace(
        pattern_type=pattern, name=read.text(row["patternType"], most=120).replace("_", " ").title() or "Unnamed",
        category=DEFAULT_CATEGORY, status=WorkspaceStatus.SOON, created_at=_time(row["createdAt"]),
        created_by_id=desk.person(row["createdById"]),
    )  # fmt: skip
    return _added(desk, made)


def _dataset(desk: Desk, row: Row) -> tuple[uuid.UUID | None, list[Any] | None]:
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
            id=new_id(), name=f"{read.text(row['symbol'], most=60)} {read.text(row['timeframe'], most=20)}",
            symbol=read.text(row["symbol"], most=60) or "?", timeframe=read.text(row["timeframe"], most=20) or "?",
            rows=len(imported.frame), start_at=times.iloc[0].to_pydatetime(), end_at=times.iloc[-1].to_pydatetime(),
            source_format=imported.source_format, source_sha256=imported.source_sha256,
            content_sha256=imported.content_sha256, price_adjustment=imported.price_adjustment,
            storage_path=store.save_parquet(desk.storage_root, imported) if desk.storage_root else "dry-run",
            quality=imported.quality.as_json(), uploaded_by_id=desk.person(row["createdById"]),
            created_at=_time(row["createdAt"]),
        )  # fmt: skip
        desk.session.add(known)
        desk.session.flush()
    desk.rows[known.id] = known.rows
    return known.id, None


def _session_of(desk: Desk, row: Row) -> PatternSession:
    session_id = desk.id_of("PatternSession", row["sessionId"])
    session = desk.session.get(PatternSession, session_id) if session_id else None
    if session is None:
        raise InvalidInput("Its session was not moved.")
    return session


def _index(desk: Desk, session: PatternSession, index: object) -> int:
    """A place in the session's candles. Raises InvalidInput for one outside."""
    if not isinstance(index, int) or index < 0 or (session.dataset_id is not None and index > session.end_index):
        raise InvalidInput(f"Candle {index} lies outside the session's candles.")
    return index


def _version(desk: Desk, session: PatternSession) -> uuid.UUID:
    """What the old detector was called; its code is not in the pattern repository, so it can't be run."""
    name = read.version(session.pattern_version)
    known = desk.session.scalar(
        select(DetectorVersion.id).where(
            DetectorVersion.workspace_id == session.workspace_id, DetectorVersion.version == name,
            DetectorVersion.commit_hash == "",
        )
    )  # fmt: skip
    if known is not None:
        return known
    made = DetectorVersion(
        workspace_id=session.workspace_id, version=name, build_label="existing system", commit_hash="", module_path="",
        code_sha256="", params=session.pattern_settings or {}, param_schema=[], origin="manual",
        status=VersionStatus.RETIRED, created_at=session.created_at, retired_at=session.created_at,
    )  # fmt: skip
    return _added(desk, made)


def _with_new_ids(
    desk: Desk, data: dict[str, Any], session_id: uuid.UUID | None, execution_id: uuid.UUID | None
) -> dict[str, Any]:
    named = {"session_id": session_id, "execution_id": execution_id}
    known = data | {name: value for name, value in named.items() if name in data and value is not None}
    if "feedback_id" in known and (item := desk.id_of("PatternCorrection", known["feedback_id"])):
        known["feedback_id"] = item
    return known


def _message(
    desk: Desk, workspace_id: uuid.UUID, kind: MessageType, row: Row, data: dict[str, Any], *,
    author: uuid.UUID | None, author_type: AuthorType, title: str | None = None, content: str | None = None,
    session_id: uuid.UUID | None = None, execution_id: uuid.UUID | None = None, attachments: list[str] | None = None,
    status: str | None = None, progress: int | None = None, edited_at: datetime | None = None,
) -> uuid.UUID:  # fmt: skip
    home = desk.session.get(PatternWorkspace, workspace_id, with_for_update=True)
    assert home is not None
    home.message_seq += 1
    made = WorkspaceMessage(
        workspace_id=workspace_id, seq=home.message_seq, type=kind, created_at=_time(row["createdAt"]),
        author_id=author, author_type=author_type, title=title, content=content, data=data,
        attachments=attachments or [], session_id=session_id, execution_id=execution_id, status=status,
        progress=progress, edited_at=edited_at,
    )  # fmt: skip
    return _added(desk, made)
