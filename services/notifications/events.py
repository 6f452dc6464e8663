"""The events that people are told of outside the app: what happened, and what to do next."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Final, LiteralString

from sqlalchemy.orm import Session

from services import labels
from services.database.rows import fetch
from services.labels import Comparison
from services.lifecycle import NotificationEvent
from services.models import ClaudeExecution, DetectorVersion, PatternWorkspace
from services.notifications.writing import notify
from services.places import LabelSet, Rate, seen_words


def run_failed(session: Session, execution: ClaudeExecution) -> None:
    """A run ended as failed. Nothing when its deploy is what failed: that was told already."""
    where = f" while {execution.phase}" if execution.phase else ""
    _ended(
        session,
        execution,
        NotificationEvent.RUN_FAILED,
        f"execution {execution.number} failed",
        f"It failed for good{where}{_tries(execution)}: {execution.error}\n\nIts corrections are open again. Look at "
        "the execution's log, then run it again or continue it.",
    )


def deploy_failed(session: Session, execution: ClaudeExecution, error: str) -> None:
    """A run's deploy failed and is not tried again, so the run ends with it."""
    _ended(
        session,
        execution,
        NotificationEvent.DEPLOY_FAILED,
        f"the deploy of execution {execution.number} failed",
        f"It failed for good{_tries(execution)}: {error}\n\nWhat was live before stays live, and its corrections are "
        "open again. Read the deploy's log at the execution, then continue it or run it again.",
    )


def _tries(execution: ClaudeExecution) -> str:
    return f" after {execution.retry_count + 1} attempts" if execution.retry_count else ""


def _ended(session: Session, execution: ClaudeExecution, event: NotificationEvent, title: str, body: str) -> None:
    """One notice an execution: its end is told once, by the first that tells it."""
    notify(
        session,
        execution.workspace_id,
        event,
        title=f"{_name(session, execution.workspace_id)}: {title}",
        body=body,
        link=f"/execution?id={execution.id}",
        execution_id=execution.id,
        dedupe_key=f"ended:{execution.id}",
    )


def _name(session: Session, workspace_id: uuid.UUID) -> str:
    workspace = session.get(PatternWorkspace, workspace_id)
    return workspace.name[:80] if workspace else "A pattern"


def review_waiting(
    session: Session, workspace: PatternWorkspace, *, approver: str, comment: str | None, marks: Rate, unseen: Rate
) -> None:
    """Somebody approved; an admin is to verify or return it."""
    said = f"\nComment: {comment[:500]}" if comment else ""
    assert workspace.approved_at is not None  # set by the approval
    notify(
        session,
        workspace.id,
        NotificationEvent.REVIEW_WAITING,
        title=f"{workspace.name[:80]} v{workspace.version} waits for review",
        body=f"{approver} approved it on a success rate of {_rate(marks)}; on places that no "
        f"prompt and no search has had it is {_rate(unseen)}.{said}\n\nAn admin who is not the approver "
        "looks at the evidence, then verifies it or returns it with a reason.",
        link=f"/review?id={workspace.id}",
        dedupe_key=f"review:{workspace.id}:{workspace.approved_at.isoformat()}",
    )


def approval_voided(
    session: Session, workspace: PatternWorkspace, reason: str, *, approved_at: datetime | None
) -> None:
    """An approval was taken back because its evidence changed."""
    notify(
        session,
        workspace.id,
        NotificationEvent.APPROVAL_VOIDED,
        title=f"{workspace.name[:80]} v{workspace.version}: the approval is void",
        body=f"{reason}\n\nThe pattern is in beta again. Look at what changed, then approve it on the evidence as it "
        "stands now.",
        link=f"/workspace?id={workspace.id}",
        dedupe_key=f"voided:{workspace.id}:{approved_at.isoformat() if approved_at else workspace.message_seq}",
    )


_BEFORE: Final[LiteralString] = """
SELECT v.id, v.version FROM detector_versions v
WHERE v.workspace_id = %(w)s AND v.deployed_at < %(at)s
  AND EXISTS (SELECT 1 FROM pattern_sessions s WHERE s.detector_version_id = v.id AND s.status = 'completed')
ORDER BY v.deployed_at DESC, v.id DESC
"""


def session_completed(session: Session, workspace: PatternWorkspace, known: LabelSet) -> None:
    """Tells once a version when the deployed one does worse than the last one before it that was judged enough.

    Two versions are compared on the windows and places that both were judged on, as everywhere.
    """
    version = session.get(DetectorVersion, workspace.deployed_version_id) if workspace.deployed_version_id else None
    if version is None or version.deployed_at is None:
        return
    for earlier, number in fetch(session, _BEFORE, {"w": workspace.id, "at": version.deployed_at}):
        both = labels.compare_versions(session, workspace.id, earlier, version.id, labels=known)
        before, now = both.before.all, both.after.all
        if before.provisional or now.provisional:
            continue
        assert now.rate is not None and before.rate is not None  # both have marks
        if now.rate < before.rate:
            _fell(session, workspace, (number, before), (version, now), both)
        return


def _fell(
    session: Session,
    workspace: PatternWorkspace,
    then: tuple[str, Rate],
    since: tuple[DetectorVersion, Rate],
    both: Comparison,
) -> None:
    (number, before), (version, now) = then, since
    assert now.rate is not None and before.rate is not None
    short = f"{_percent(before.rate, now.rate)} to {_percent(now.rate, before.rate)}"
    windows = "the window" if both.windows == 1 else f"the {both.windows} windows"
    notify(
        session,
        workspace.id,
        NotificationEvent.SUCCESS_RATE_FELL,
        title=f"{workspace.name[:80]}: success rate fell from {short}",
        body=f"On {windows} that both ran on, v{number} had {_rate(before, now)}. v{version.version}, which followed "
        f"it, has {_rate(now, before)} so far.\n{_evidence(both)}",
        link=f"/workspace?id={workspace.id}",
        dedupe_key=f"rate:{version.id}",
    )


def _evidence(both: Comparison) -> str:
    """What may be said of it: a claim of unseen places alone, of the seen ones their counts."""
    told = f"{both.claim.sentence} {seen_words(both.seen)}."
    if both.claim.word == "worse":
        return (
            f"{told} Chance alone hardly explains it. Look at what the new version gets wrong, and send corrections; "
            "until they are in, take its marks with care."
        )
    return (
        f"{told} This may be chance. Judge more sessions on the new version before you decide; the wrong and missed "
        "marks can be sent as corrections meanwhile."
    )


def _rate(found: Rate, beside: Rate | None = None) -> str:
    """ "71% (95% interval 61–79%, n 96)"."""
    if found.rate is None or found.ci_low is None or found.ci_high is None:
        return "– (n 0)"
    rate = _percent(found.rate, beside.rate if beside else None)
    return f"{rate} (95% interval {found.ci_low:.0%}–{found.ci_high:.0%}, n {found.n})".replace("%–", "–")


def _percent(rate: float, beside: float | None = None) -> str:
    """Whole per cent, or tenths and hundredths where two different rates would read the same."""
    for digits in (0, 1):
        if beside is None or f"{rate:.{digits}%}" != f"{beside:.{digits}%}":
            return f"{rate:.{digits}%}"
    return f"{rate:.2%}"
