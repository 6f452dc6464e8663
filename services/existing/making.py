"""One function a table: the rows here that a row of the existing system becomes.

Raises InvalidInput for what can't be moved, before anything was made for it."""

from __future__ import annotations

import hashlib
import uuid
from typing import Final

from pydantic import ValidationError
from sqlalchemy import func, select

from services.errors import InvalidInput
from services.existing import reading as read
from services.existing.desk import (
    DEFAULT_CATEGORY,
    Desk,
    add_message,
    added,
    address,
    bar_of,
    dataset_of,
    entered,
    keys_of,
    rules_of,
    session_of,
    time_of,
    version_of,
    with_new_ids,
    workspace_for,
    workspace_of,
)
from services.existing.source import Row
from services.lifecycle import (
    AuthorType,
    FeedbackState,
    MessageStatus,
    MessageType,
    SessionStatus,
    Verdict,
    WorkspaceStatus,
)
from services.models import (
    ClaudeExecution,
    Detection,
    FeedbackItem,
    ImplementationSession,
    PatternSession,
    PatternWorkspace,
    User,
)
from services.timeline.payloads import validated

_DONE: Final = (SessionStatus.COMPLETED, SessionStatus.SUBMITTED_FOR_REVIEW, SessionStatus.IMPLEMENTED)


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
        image=address(row["image"]),
        role=read.role(row["role"]),
        created_at=time_of(row["createdAt"]),
    )
    return added(desk, made)


def workspace(desk: Desk, row: Row) -> uuid.UUID:
    """Joined with the workspace of the same pattern, which stays as it is. An approval under way does not come along,
    because what it rested on does not; it is asked for anew."""
    known = workspace_of(desk, row["patternType"])
    if known is not None:
        return known
    status, approver, verifier = read.workspace_status(row["status"]), row["approvedById"], row["verifiedById"]
    whole = desk.id_of("User", approver) and desk.id_of("User", verifier) and row["approvedAt"] and row["verifiedAt"]
    if status == WorkspaceStatus.IN_REVIEW or (status == WorkspaceStatus.VERIFIED and not whole):
        status = WorkspaceStatus.BETA
    if status == WorkspaceStatus.IMPLEMENTING:  # its run does not come along either
        status = WorkspaceStatus.BETA if row["implementedAt"] else WorkspaceStatus.SOON
    made = PatternWorkspace(
        pattern_type=read.pattern_type(row["patternType"]),
        name=read.text(row["name"], most=120) or "Unnamed",
        category=read.text(row["category"], most=60) or DEFAULT_CATEGORY,
        status=status,
        version=read.version(row["version"]),
        created_at=time_of(row["createdAt"]),
        updated_at=time_of(row["updatedAt"]),
        implemented_at=row["implementedAt"],
        approved_at=row["approvedAt"],
        verified_at=row["verifiedAt"],
        description=read.text(row["description"]) or None,
        user_reasoning=read.text(row["userReasoning"]) or None,
        identification_steps=read.steps(row["identificationSteps"]),
        attachments=read.words(row["attachments"]),
        rules=rules_of(row),
        last_tested_at=row["lastTestedAt"],
        created_by_id=desk.person(row["createdById"]),
        approved_by_id=desk.id_of("User", approver),
        verified_by_id=desk.id_of("User", verifier),
    )
    return added(desk, made)


def pattern_session(desk: Desk, row: Row) -> uuid.UUID:
    """With its candles as a dataset; a list of candles that can't be one stays with the session as it was."""
    workspace_id = desk.id_of("PatternWorkspace", row["workspaceId"]) or workspace_for(desk, row)
    status = read.session_status(row["status"])
    dataset, kept = dataset_of(desk, row)
    made = PatternSession(
        workspace_id=workspace_id,
        name=read.text(row["name"], most=200) or "Unnamed",
        description=read.text(row["description"]) or None,
        symbol=read.text(row["symbol"], most=60) or "?",
        timeframe=read.text(row["timeframe"], most=20) or "?",
        start_time=row["startTime"],
        end_time=row["endTime"],
        dataset_id=dataset,
        start_index=0,
        end_index=desk.rows[dataset] - 1 if dataset else 0,
        status=status,
        created_by_id=desk.person(row["createdById"]),
        created_at=time_of(row["createdAt"]),
        updated_at=time_of(row["updatedAt"]),
        completed_at=time_of(row["updatedAt"]) if status in _DONE else None,
        pattern_type=read.text(row["patternType"]),
        pattern_version=read.text(row["patternVersion"], most=60),
        pattern_settings=row["patternSettings"] if isinstance(row["patternSettings"], dict) else None,
        candle_data=kept,
    )
    return added(desk, made)


def detection(desk: Desk, row: Row) -> uuid.UUID:
    session = session_of(desk, row)
    index = bar_of(desk, session, row["candleIndex"])
    kind, direction = read.kind(row["detectionType"]), read.direction(row["structure"], row["detectionType"])
    key = hashlib.sha256(f"{kind}:{direction}:{row['candleTime'].isoformat()}".encode()).hexdigest()[:32]
    keys = keys_of(desk, session)
    if key in keys:
        raise InvalidInput("The session has another detection of the same kind at the same time.")
    version_id = version_of(desk, session)
    price, confidence = read.number(row["price"]), read.number(row["confidence"])
    meta = {"structure": read.text(row["structure"])} if row["structure"] else {}
    made = Detection(
        session_id=session.id,
        detector_version_id=version_id,
        key=key,
        kind=kind,
        direction=direction,
        anchor_index=index,
        anchor_time=row["candleTime"],
        start_index=index,
        end_index=index,
        price=price,
        confirmed_index=index,
        confirmed_at=row["candleTime"],
        confidence=confidence,
        refs=[],
        meta=meta,
    )
    session.detection_count += 1
    session.detector_version_id = version_id
    keys.add(key)
    return entered(desk, made)


def correction(desk: Desk, row: Row) -> uuid.UUID:
    """A judgement. The latest of a person on a mark holds; earlier ones come along as withdrawn."""
    session, detection_id = session_of(desk, row), desk.id_of("PatternDetection", row["detectionId"])
    verdict = read.verdict(row["correctionType"])
    found = desk.session.get(Detection, detection_id) if detection_id else None
    place = row["originalIndex"] if row["originalIndex"] is not None else row["correctedIndex"]
    index = found.anchor_index if found else bar_of(desk, session, place) if place is not None else None
    expected = bar_of(desk, session, row["correctedIndex"]) if row["correctedIndex"] is not None else None
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
        workspace_id=session.workspace_id,
        session_id=session.id,
        detection_id=detection_id,
        author_id=desk.person(row["userId"]),
        verdict=verdict,
        candle_index=expected if verdict == Verdict.FALSE_NEGATIVE else index,
        candle_time=row["originalTime"] or row["correctedTime"],
        price=read.number(row["originalPrice"]) or read.number(row["correctedPrice"]),
        expected_kind=read.kind(row["correctedType"] or row["originalType"]) if moved else None,
        expected_direction=read.direction(row["correctedStructure"], row["correctedType"]) if moved else None,
        expected_index=expected if moved else None,
        expected_time=row["correctedTime"] if moved else None,
        expected_price=read.number(row["correctedPrice"]) if moved else None,
        dataset_id=session.dataset_id if placed else None,
        window_start=session.start_index if placed else None,
        window_end=session.end_index if placed else None,
        reason=read.text(row["reason"]) or None,
        attachments=read.words(row["attachments"]),
        state=state,
        created_at=time_of(row["createdAt"]),
        judged_at=time_of(row["createdAt"]),
        updated_at=time_of(row["updatedAt"]),
    )
    return entered(desk, made)


def execution(desk: Desk, row: Row) -> uuid.UUID:
    workspace_id = desk.id_of("PatternWorkspace", row["workspaceId"])
    if workspace_id is None:
        raise InvalidInput("The execution's workspace was not moved.")
    status, unfinished = read.execution_status(row["status"])
    home = desk.home(workspace_id)
    home.execution_seq += 1
    error = read.text(row["error"]) or ("It had not ended in the existing system." if unfinished else None)
    made = ClaudeExecution(
        workspace_id=workspace_id,
        number=home.execution_seq,
        triggered_by=desk.person(row["triggeredBy"]),
        triggered_at=time_of(row["triggeredAt"]),
        status=status,
        phase=read.phase(row["phase"]),
        progress=min(100, max(0, int(row["progress"] or 0))),
        completed_at=row["completedAt"],
        agent="claude",
        files_changed=read.words(row["filesChanged"]),
        commit_hash=read.text(row["commitHash"]) or None,
        commit_message=read.text(row["commitMessage"]) or None,
        deploy_started_at=row["deployStartedAt"],
        deploy_completed_at=row["deployCompletedAt"],
        deploy_url=read.text(row["deployUrl"]) or None,
        deploy_status=read.deploy_status(row["deployStatus"]),
        deploy_logs=read.text(row["deployLogs"]) or None,
        retry_count=max(0, int(row["retryCount"] or 0)),
        max_retries=max(0, int(row["maxRetries"] or 0)),
        retry_reason=read.text(row["retryReason"]) or None,
        parent_execution_id=desk.id_of("ClaudeExecution", row["parentExecutionId"]),
        error=error,
        errored_at=row["erroredAt"] or (time_of(row["triggeredAt"]) if status == "failed" else None),
        deploy_target="vercel" if row["deployUrl"] else "local",
        summary=read.text(row["claudeOutput"])[:4000] or None,
        started_at=row["triggeredAt"],
    )
    return added(desk, made)


def comment(desk: Desk, row: Row) -> uuid.UUID:
    session = session_of(desk, row)
    content = read.text(row["content"], most=20_000)
    if not content:
        raise InvalidInput("The comment is empty.")
    return add_message(
        desk,
        session.workspace_id,
        MessageType.COMMENT,
        row,
        {},
        content=content,
        author=desk.person(row["userId"]),
        author_type=AuthorType.USER,
        session_id=session.id,
        edited_at=row["editedAt"],
    )


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
        data = with_new_ids(desk, read.payload(row["data"]), session_id, execution_id)
        data = validated(kind, data)
    except (ValueError, ValidationError):
        kind, data, status = MessageType.COMMENT, {}, ""
        content = "\n".join(part for part in (f"[{word.replace('_', ' ')}]", title, content) if part)
    return add_message(
        desk,
        workspace_id,
        kind,
        row,
        data,
        title=title,
        content=content,
        author=author,
        author_type=author_type,
        session_id=session_id,
        execution_id=execution_id,
        attachments=read.words(row["attachments"]),
        status=status if status in set(MessageStatus) else None,
        progress=min(100, max(0, int(row["progress"]))) if isinstance(row["progress"], int) else None,
    )


def implementation(desk: Desk, row: Row) -> uuid.UUID:
    session_id = desk.id_of("PatternSession", row["sessionId"])
    if session_id is None:
        raise InvalidInput("The implementation belongs to no session that was moved.")
    made = ImplementationSession(
        session_id=session_id,
        feedback_ids=[
            str(desk.id_of("PatternCorrection", old))
            for old in row["feedbackIds"] or []
            if desk.id_of("PatternCorrection", old)
        ],
        title=read.text(row["title"], most=500) or "Unnamed",
        description=read.text(row["description"]) or None,
        type=read.text(row["type"]) or None,
        phase=read.text(row["phase"]) or None,
        status=read.text(row["status"]).lower() or "pending",
        progress=min(100, max(0, int(row["progress"] or 0))),
        phases=row["phases"] if isinstance(row["phases"], dict) else None,
        checkpoints=row["checkpoints"] if isinstance(row["checkpoints"], list) else None,
        files_changed=read.words(row["filesChanged"]),
        commit_hash=read.text(row["commitHash"]) or None,
        deployment_url=read.text(row["deploymentUrl"]) or None,
        retry_count=max(0, int(row["retryCount"] or 0)),
        max_retries=max(0, int(row["maxRetries"] or 0)),
        created_by_id=desk.person(row["createdById"]),
        started_at=row["startedAt"],
        completed_at=row["completedAt"],
        created_at=time_of(row["createdAt"]),
        updated_at=time_of(row["updatedAt"]),
    )
    return added(desk, made)
