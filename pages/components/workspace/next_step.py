"""What comes next in a workspace, decided from facts alone: a sentence and one main button. No streamlit here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pages.components import looks
from services.executions import ExecutionRow
from services.lifecycle import PERMISSIONS, Role, WorkspaceStatus
from services.people import Actor
from services.review import Guard
from services.rules import is_live
from services.workspaces import WorkspaceDetail


@dataclass(frozen=True, slots=True)
class Offer:
    """A button: `action` names what it does, `permission` who may."""

    action: str
    label: str
    symbol: str
    permission: str


@dataclass(frozen=True, slots=True)
class NextStep:
    """The sentence, the main button (None when there is none for this person), and smaller ones beside it."""

    sentence: str
    main: Offer | None = None
    others: tuple[Offer, ...] = ()
    enabled: bool = True


DESCRIBE: Final = Offer("describe", "Describe the pattern", "edit_note", "describe_workspace")
LAUNCH_FIRST: Final = Offer("launch", "Launch first execution", "rocket_launch", "launch")
RUN_SESSION: Final = Offer("run_session", "Run a session", "candlestick_chart", "run_session")
APPROVE: Final = Offer("approve", "Approve for review", "thumb_up", "approve")
WITHDRAW: Final = Offer("withdraw", "Withdraw the approval", "undo", "withdraw")
REVIEW: Final = Offer("review", "Review", "rate_review", "verify")
REOPEN: Final = Offer("reopen", "Reopen", "lock_open", "reopen")
RESTORE: Final = Offer("restore", "Restore", "unarchive", "archive")


def send(count: int) -> Offer:
    """The launch that sends the open corrections."""
    return Offer("launch", f"Send {looks.count(count, 'correction')}", "send", "launch")


def next_step(
    workspace: WorkspaceDetail,
    *,
    latest: ExecutionRow | None,
    sendable: int,
    guards: Sequence[Guard],
    actor: Actor,
) -> NextStep:
    """`latest` is the newest execution, `sendable` the open corrections a launch would send, `guards` an approval's."""
    live = latest if latest and is_live(latest.status) else None
    if workspace.archived_at is not None:
        step = NextStep("This workspace is archived. Restore it to go on.", RESTORE)
    elif workspace.status == WorkspaceStatus.SOON:
        step = _soon(workspace, latest)
    elif workspace.status == WorkspaceStatus.IMPLEMENTING:
        number = f"Execution {live.number}" if live else "The execution"
        step = NextStep(f"{number} is making the first version; it goes to beta when that is deployed.")
    elif workspace.status == WorkspaceStatus.BETA:
        step = _beta(workspace, live, sendable, guards)
    elif workspace.status == WorkspaceStatus.IN_REVIEW:
        step = _in_review(workspace, actor)
    else:
        step = _verified(workspace, live, sendable)
    return _for(actor, step)


def _soon(workspace: WorkspaceDetail, latest: ExecutionRow | None) -> NextStep:
    if not workspace.is_described:
        return NextStep("Say how you see the pattern: a description, your reasoning and the steps.", DESCRIBE)
    if latest is not None:
        ended = "was canceled" if latest.canceled else "failed"
        return NextStep(f"Execution {latest.number} {ended}. Look at why, then launch again.", LAUNCH_FIRST)
    return NextStep("The pattern is described. An agent can write the first version now.", LAUNCH_FIRST)


def _beta(workspace: WorkspaceDetail, live: ExecutionRow | None, sendable: int, guards: Sequence[Guard]) -> NextStep:
    if live is not None:
        return NextStep(f"Approve once execution {live.number} has ended.", APPROVE, enabled=False)
    ready = all(guard.holds for guard in guards)
    approve = (APPROVE,) if ready else ()
    if sendable:
        asks = "asks" if sendable == 1 else "ask"
        return NextStep(
            f"{looks.count(sendable, 'open correction')} {asks} for a better version.",
            send(sendable),
            (*approve, RUN_SESSION),
        )
    if ready:
        return NextStep(
            f"The evidence for v{workspace.version} is there. Approve it for review.", APPROVE, (RUN_SESSION,)
        )
    missing = "; ".join(guard.sentence for guard in guards if not guard.holds)
    return NextStep(f"Not enough evidence to approve yet: {missing}.", RUN_SESSION)


def _in_review(workspace: WorkspaceDetail, actor: Actor) -> NextStep:
    sentence = f"Approved by {workspace.approved_by_name or 'somebody'}. It waits to be verified or returned."
    own = workspace.approved_by_id == actor.id
    if own and not actor.may(REVIEW.permission):
        return NextStep(sentence, WITHDRAW)
    return NextStep(sentence, REVIEW, (WITHDRAW,) if own else ())


def _verified(workspace: WorkspaceDetail, live: ExecutionRow | None, sendable: int) -> NextStep:
    if live is not None:
        return NextStep(
            f"v{workspace.version} stays in force until execution {live.number} deploys a new version.", None, (REOPEN,)
        )
    if sendable:
        sentence = f"v{workspace.version} is verified. A new version would have to be reviewed again."
        return NextStep(sentence, send(sendable), (RUN_SESSION, REOPEN))
    return NextStep(
        f"v{workspace.version} is verified. Sessions on new candles show whether it holds.", RUN_SESSION, (REOPEN,)
    )


def _for(actor: Actor, step: NextStep) -> NextStep:
    """The same step with the buttons that this person may press, and who may press the main one when they may not."""
    main, sentence = step.main, step.sentence
    if main is not None and not actor.may(main.permission):
        needed = "a member" if Role.MEMBER in PERMISSIONS[main.permission] else "an admin"
        main, sentence = None, f"{sentence} That takes {needed}."
    others = tuple(offer for offer in step.others if actor.may(offer.permission))
    return replace(step, sentence=sentence, main=main, others=others)
