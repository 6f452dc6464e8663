"""What an execution fixed: the one place where its corrections, and others that it fixed along with them, are settled."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from services.lifecycle import FeedbackState
from services.models import ClaudeExecution, ExecutionFeedback, FeedbackItem
from services.rules import open_correction_sql
from services.states import move_corrections


def settle(
    session: Session, execution: ClaudeExecution, holding_ids: Collection[str], version_id: uuid.UUID | None
) -> None:
    """Settles the corrections of an execution that ends; `version_id` is what it deployed, None when it deployed nothing.

    `holding_ids` are the judgements that hold on it. Each correction that it took becomes addressed when it holds, else
    open again. Open corrections that were not sent, those of hold-out sessions too, are addressed when they hold on what
    was deployed: also those that the version before satisfied as well, for nothing is left to do about them.
    """
    fixed = {uuid.UUID(i) for i in holding_ids}
    links = select(ExecutionFeedback.feedback_id).where(ExecutionFeedback.execution_id == execution.id)
    taken = set(session.scalars(links))
    others = _open(session, execution.workspace_id, fixed - taken) if version_id is not None else set()
    resolved = {"resolved_version_id": version_id}
    move_corrections(session, taken & fixed, FeedbackState.SENT, FeedbackState.ADDRESSED, **resolved)
    move_corrections(session, taken - fixed, FeedbackState.SENT, FeedbackState.OPEN)
    move_corrections(session, others, FeedbackState.OPEN, FeedbackState.ADDRESSED, **resolved)
    for outcome, ids in (("fixed", taken & fixed), ("not_fixed", taken - fixed)):
        if ids:
            session.execute(
                update(ExecutionFeedback)
                .where(ExecutionFeedback.execution_id == execution.id, ExecutionFeedback.feedback_id.in_(ids))
                .values(outcome=outcome)
            )


def _open(session: Session, workspace_id: uuid.UUID, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of the items that are open corrections of the workspace."""
    if not ids:
        return set()
    wanted = select(FeedbackItem.id).where(
        FeedbackItem.workspace_id == workspace_id,
        FeedbackItem.id.in_(ids),
        text(open_correction_sql(FeedbackItem.__tablename__)),
    )
    return set(session.scalars(wanted))
