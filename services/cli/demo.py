"""The demo: three workspaces made by running the real loop on real candles. Nothing is inserted as finished.

Judgements come from `demo_rule` and are labelled as made by it. A worker has to run; each step shows in the browser
as it happens.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import delete, select, update

from services import actions, demo_state, executions, feedback, people, review, sessions, workspaces
from services.candles.demo import demo_files
from services.candles.store import load_array
from services.cli.data import wait_for
from services.cli.demo_rule import RuleMark, near, rule_marks
from services.database.engine import transaction
from services.database.rows import fetch
from services.detectors.types import Candles
from services.errors import Conflict, PatternDeskError
from services.feedback import MarkPosition
from services.lifecycle import LIVE_EXECUTION, MadeBy, Role, Verdict
from services.logs import configure, get_logger
from services.models import (
    ClaudeExecution,
    Detection,
    DetectorVersion,
    FeedbackItem,
    PatternSession,
    PatternWorkspace,
    WorkspaceMessage,
)
from services.people import Actor
from services.settings import get_settings

log = get_logger(__name__)
PEOPLE = (
    ("viewer@patterndesk.local", "Vera Viewer", Role.VIEWER),
    ("member@patterndesk.local", "Mara Member", Role.MEMBER),
    ("admin@patterndesk.local", "Adam Admin", Role.ADMIN),
)


@dataclass(frozen=True, slots=True)
class Story:
    """One of the demo's workspaces, and how far its loop goes."""

    pattern_type: str
    name: str
    category: str
    description: str
    reasoning: str
    steps: tuple[str, ...]
    windows: tuple[tuple[str, int, int], ...]  # symbol, first and last bar
    tuned: bool
    decision: str  # verified, corrections or in_review


STORIES = (
    Story(
        "swings",
        "Swings",
        "Market structure",
        "A swing is a bar whose high (or low) stands out over the bars around it and from which price turned.",
        "I look for the turning points that everything else is measured from; small wiggles inside a leg are noise.",
        (
            "Find a bar whose high is above the bars before it",
            "Wait until the bars after it have stayed below",
            "Ask whether it stands out by at least an average true range",
            "The same upside down for lows",
        ),
        (("AAPL", 2300, 2549), ("GOOG", 900, 1149), ("IBM", 1200, 1449), ("IBM", 2260, 2509)),
        True,
        "verified",
    ),
    Story(
        "bos",
        "Break of structure",
        "Market structure",
        "A close beyond the last swing in the direction the market already moves.",
        "It tells me that the trend goes on, so I look for continuation entries afterwards.",
        (
            "Know the trend from the break before",
            "Take the last confirmed swing on that side",
            "The first close beyond it is the break",
            "Each level counts once",
        ),
        (("AAPL", 1800, 2299), ("IBM", 700, 1199), ("GOOG", 0, 499)),
        False,
        "corrections",
    ),
    Story(
        "choch",
        "Change of character",
        "Market structure",
        "A close beyond the last swing against the direction the market moved so far.",
        "It is the first sign that a trend has ended; I stop looking for continuation and wait.",
        (
            "Know the trend from the break before",
            "Take the last confirmed swing on the other side",
            "The first close beyond it is the change",
        ),
        (("AAPL", 2400, 2899), ("GOOG", 1500, 1999), ("IBM", 2500, 2999)),
        True,
        "in_review",
    ),
)


def build(*, reset: bool = False) -> None:
    """Builds the demo, or makes it again. Raises Conflict when its workspaces are there and `reset` is not said."""
    configure("demo", get_settings().data_dir)
    existing = _existing()
    if existing and not reset:
        raise Conflict("The demo's workspaces are there already; 'patterndesk demo --reset' makes them again.")
    if existing:
        _remove(existing)
    try:
        _say("people and candles")
        member, admin = _people()
        datasets = _datasets(member)
        for story in STORIES:
            _tell(story, datasets, member, admin)
    except PatternDeskError as error:
        with transaction() as session:
            demo_state.write(session, "failed", str(error))
        raise
    with transaction() as session:
        demo_state.write(session, "ready", "")


def _say(step: str) -> None:
    log.info("demo", step=step)
    with transaction() as session:
        demo_state.write(session, "building", step)


def _existing() -> list[uuid.UUID]:
    with transaction() as session:
        wanted = [s.pattern_type for s in STORIES]
        return list(session.scalars(select(PatternWorkspace.id).where(PatternWorkspace.pattern_type.in_(wanted))))


def _remove(ids: list[uuid.UUID]) -> None:
    """Takes the demo's workspaces away with everything that belongs to them; people and candles stay."""
    with transaction() as session:
        live = session.scalars(
            select(ClaudeExecution.number).where(
                ClaudeExecution.workspace_id.in_(ids), ClaudeExecution.status.in_(LIVE_EXECUTION)
            )
        ).all()
        if live:
            raise Conflict("An execution of the demo is live; cancel it or wait for its end, then reset.")
        session.execute(update(PatternWorkspace).where(PatternWorkspace.id.in_(ids)).values(deployed_version_id=None))
        session.execute(
            update(ClaudeExecution)
            .where(ClaudeExecution.workspace_id.in_(ids))
            .values(candidate_version_id=None, parent_execution_id=None)
        )
        session.execute(delete(WorkspaceMessage).where(WorkspaceMessage.workspace_id.in_(ids)))
        session.execute(delete(FeedbackItem).where(FeedbackItem.workspace_id.in_(ids)))
        mine = select(PatternSession.id).where(PatternSession.workspace_id.in_(ids))
        session.execute(delete(Detection).where(Detection.session_id.in_(mine)))
        session.execute(update(PatternSession).where(PatternSession.workspace_id.in_(ids)).values(retest_of_id=None))
        session.execute(delete(PatternSession).where(PatternSession.workspace_id.in_(ids)))
        for table in ("evaluations", "gate_waivers", "read_markers"):
            fetch(session, "SELECT 1")  # flushes before the plain statements
            session.connection().exec_driver_sql(
                f"DELETE FROM {table} WHERE workspace_id = ANY(%(ids)s)",  # our own names
                {"ids": ids},
            )
        session.execute(
            update(DetectorVersion)
            .where(DetectorVersion.workspace_id.in_(ids))
            .values(parent_id=None, execution_id=None)
        )
        session.execute(delete(ClaudeExecution).where(ClaudeExecution.workspace_id.in_(ids)))
        session.execute(delete(DetectorVersion).where(DetectorVersion.workspace_id.in_(ids)))
        session.execute(delete(PatternWorkspace).where(PatternWorkspace.id.in_(ids)))


def _people() -> tuple[Actor, Actor]:
    with transaction() as session:
        made = [people.ensure_person(session, email=e, name=n, role=r) for e, n, r in PEOPLE]
    return made[1], made[2]


def _datasets(actor: Actor) -> dict[str, tuple[uuid.UUID, str]]:
    found = {}
    for file in demo_files():
        row = actions.import_candles(
            file.path.read_bytes(),
            filename=file.path.name,
            symbol=file.symbol,
            timeframe=file.timeframe,
            name=f"{file.symbol} daily",
            licence_note=file.licence_note,
            price_adjustment=file.price_adjustment,
            actor=actor,
        )
        found[file.symbol] = (row.id, row.storage_path)
    return found


def _tell(story: Story, datasets: dict[str, tuple[uuid.UUID, str]], member: Actor, admin: Actor) -> None:
    """Runs one workspace through its loop, as far as its story goes."""
    _say(f"{story.name}: describing")
    with transaction() as session:
        workspace_id = workspaces.create(
            session, pattern_type=story.pattern_type, name=story.name, category=story.category, actor=member
        )
        workspaces.describe(
            session,
            workspace_id,
            description=story.description,
            user_reasoning=story.reasoning,
            identification_steps=story.steps,
            actor=member,
        )
    _say(f"{story.name}: first execution")
    _launch(workspace_id, member)
    last = len(story.windows) - 1
    made = []
    for n, (symbol, first, end) in enumerate(story.windows):
        _say(f"{story.name}: session on {symbol}")
        open_end = story.decision == "corrections" and n == last
        made.append(_session(workspace_id, story, symbol, datasets[symbol], first, end, member, complete=not open_end))
    if story.tuned:
        _say(f"{story.name}: sending the corrections")
        _launch(workspace_id, member)
        with transaction() as session:
            moved = workspaces.get(session, workspace_id).version != "0.1.0"
        for session_id in made if moved else []:
            _say(f"{story.name}: retest")
            _retest(session_id, story, datasets, member)
    if story.decision in ("in_review", "verified"):
        _waive_what_is_missing(workspace_id, admin)
        with transaction() as session:
            review.approve(
                session, workspace_id, comment="Approved by the demo's script on its rule's marks.", actor=member
            )
    if story.decision == "verified":
        with transaction() as session:
            review.verify(session, workspace_id, comment="Verified by the demo's script.", actor=admin)


def _waive_what_is_missing(workspace_id: uuid.UUID, admin: Actor) -> None:
    """The demo's candles are few: an admin lets a line of the checklist go that they can't meet, and says so."""
    with transaction() as session:
        for guard in review.approval_guards(review.evidence(session, workspace_id)):
            if guard.waivable:
                review.waive_line(
                    session, workspace_id, guard.name, reason="The demo has few candles.", actor=admin
                )  # fmt: skip


def _launch(workspace_id: uuid.UUID, actor: Actor) -> None:
    execution_id = actions.launch(actions.prepare_launch(workspace_id, actor=actor), actor=actor)
    if wait_for(execution_id, seconds=900) == "failed":
        with transaction() as session:
            raise Conflict(f"The demo's execution failed: {executions.get(session, execution_id).row.error}")


def _session(
    workspace_id: uuid.UUID,
    story: Story,
    symbol: str,
    dataset: tuple[uuid.UUID, str],
    first: int,
    end: int,
    actor: Actor,
    *,
    complete: bool,
) -> uuid.UUID:
    dataset_id, path = dataset
    candles = load_array(get_settings().storage_root, path)
    session_id = actions.run_session(
        workspace_id,
        dataset_id=dataset_id,
        start_index=first,
        end_index=end,
        name=f"{symbol} {_year(candles, first)}–{_year(candles, end)} daily",
        coverage="exhaustive",
        actor=actor,
    )
    _judge(session_id, story.pattern_type, candles, first, end, actor)
    if complete:
        with transaction() as session:
            sessions.complete(session, session_id, actor=actor)
    return session_id


def _year(candles: Candles, index: int) -> int:
    return sessions.bar_time(candles, index).year


def _judge(session_id: uuid.UUID, pattern_type: str, candles: Candles, first: int, end: int, actor: Actor) -> None:
    """Gives every mark without a verdict the rule's, and adds what the rule has and the detector missed."""
    lead = max(0, first - 250)
    rule = [
        RuleMark(m.index + lead, m.direction, m.price)
        for m in rule_marks(pattern_type, candles[lead : end + 1])
        if first <= m.index + lead <= end
    ]
    with transaction() as session:
        marks = sessions.marks(session, session_id)
        seen: list[tuple[int, int]] = []
        for mark in marks.to_dict("records"):
            place = (int(mark["anchor_index"]), int(mark["direction"]))
            seen.append(place)
            if mark["verdict"] is not None or mark["detection_id"] is None:
                continue
            right = near(rule, *place) is not None
            feedback.judge(
                session,
                uuid.UUID(mark["detection_id"]),
                Verdict.CONFIRMED if right else Verdict.FALSE_POSITIVE,
                reason=None if right else "The demo's rule has no mark here.",
                made_by=MadeBy.RULE,
                actor=actor,
            )
        for m in rule:
            if any(d == m.direction and abs(i - m.index) <= 1 for i, d in seen):
                continue
            at = sessions.bar_time(candles, m.index)
            feedback.add_missed(
                session,
                session_id,
                kind="swing" if pattern_type == "swings" else pattern_type,
                direction=m.direction,
                place=MarkPosition(m.index, at, m.price),
                reason="The demo's rule has a mark here.",
                made_by=MadeBy.RULE,
                actor=actor,
            )


def _retest(session_id: uuid.UUID, story: Story, datasets: dict[str, tuple[uuid.UUID, str]], actor: Actor) -> None:
    new_id = actions.retest(session_id, actor=actor)
    with transaction() as session:
        detail = sessions.get(session, new_id)
    candles = load_array(get_settings().storage_root, datasets[detail.symbol][1])
    _judge(new_id, story.pattern_type, candles, detail.start_index, detail.end_index, actor)
    with transaction() as session:
        sessions.complete(session, new_id, actor=actor)
