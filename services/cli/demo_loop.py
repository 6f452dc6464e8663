"""One pattern of the demo, from its description to where its story ends, by the services that people use."""

from __future__ import annotations

import io
import signal
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from sqlalchemy import select

from services import actions, attachments, executions, feedback, releases, review, sessions, workspaces
from services.candles.store import load_array
from services.cli.data import wait_for
from services.cli.demo_rule import RuleMark, near, rule_marks
from services.cli.demo_stories import Part, Story
from services.database.engine import transaction
from services.detectors.types import Candles
from services.errors import Conflict
from services.feedback import MarkPosition
from services.lifecycle import ExecutionPhase, ExecutionStatus, MadeBy, Verdict
from services.models import CandleDataset
from services.people import Actor
from services.places import Blocks
from services.settings import get_settings

LEAD = 600  # bars before a window that the rule looks at as well
TAIL = 40  # and after it
SHIFT = 50  # bars by which a window is moved until it holds a block that is kept for testing
LEAST_HELD = 120  # bars of it
TROUBLE_S = 1200.0  # at most so long another program seems to work in the pattern repository
DAY_S = 86_400

Say = Callable[[str], None]
Datasets = dict[str, tuple[uuid.UUID, str]]


@dataclass(frozen=True, slots=True)
class Cast:
    """Who the demo's people are, and its candles."""

    member: Actor
    admin: Actor
    datasets: Datasets

    def candles(self, symbol: str) -> Candles:
        return load_array(get_settings().storage_root, self.datasets[symbol][1])


def begin(story: Story, cast: Cast, say: Say) -> uuid.UUID:
    """Describes the pattern and has its first version made; the workspace's id."""
    say(f"{story.name}: describing")
    with transaction() as session:
        workspace_id = workspaces.create(
            session, pattern_type=story.pattern_type, name=story.name, category=story.category, actor=cast.member
        )
        workspaces.describe(
            session,
            workspace_id,
            description=story.description,
            user_reasoning=story.reasoning,
            identification_steps=story.steps,
            actor=cast.member,
        )
    say(f"{story.name}: first execution")
    _launch(workspace_id, cast.member)
    return workspace_id


def tell(story: Story, workspace_id: uuid.UUID, cast: Cast, say: Say) -> None:
    """Judges, sends, tests again and decides, as far as the story goes."""
    made = []
    for part in story.judged:
        say(f"{story.name}: session on {part.symbol}")
        first = _with_held_block(part, cast)
        made.append(_session(workspace_id, story, part, first, cast, complete=part is not story.judged[-1]))
    if story.pictured:
        _add_picture(workspace_id, made[-1], story.judged[-1], cast)
    with transaction() as session:
        sessions.complete(session, made[-1], actor=cast.member)
    if not story.fresh:
        return
    say(f"{story.name}: sending the corrections")
    _launch(workspace_id, cast.member, trouble=story.trouble)
    with transaction() as session:
        moved = workspaces.get(session, workspace_id).version != "0.1.0"
    for session_id in made if moved else []:
        say(f"{story.name}: retest")
        _retest(session_id, story, cast)
    for part in story.fresh:
        say(f"{story.name}: fresh candles of {part.symbol}")
        last = part is story.fresh[-1]
        opened = _session(workspace_id, story, part, part.first, cast, complete=False, half=story.open_end and last)
        if story.disputed and last:
            _disagree(opened, cast)
        if not (story.open_end and last):
            with transaction() as session:
                sessions.complete(session, opened, actor=cast.member)
    _decide(story, workspace_id, cast)


def _launch(workspace_id: uuid.UUID, actor: Actor, *, trouble: bool = False) -> None:
    """Sends what is open and waits. With `trouble` another program works in the pattern repository until the execution
    has failed by it once."""
    execution_id = actions.launch(actions.prepare_launch(workspace_id, actor=actor), actor=actor)
    if trouble:
        _be_in_the_way(execution_id)
    if wait_for(execution_id, seconds=1800) == "failed":
        with transaction() as session:
            raise Conflict(f"The demo's execution failed: {executions.get(session, execution_id).row.error}")


def _be_in_the_way(execution_id: uuid.UUID) -> None:
    """Holds the pattern repository from the execution's tests on, until it could not deploy once or has ended.

    A demo that is stopped meanwhile leaves nothing held.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    lock = releases.repository() / ".git" / "index.lock"
    deadline = time.monotonic() + TROUBLE_S
    try:
        while time.monotonic() < deadline:
            with transaction() as session:
                row = executions.get(session, execution_id).row
            if row.retry_count > 0 or row.status in (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED):
                return
            if row.phase in (ExecutionPhase.TESTING, ExecutionPhase.REFINING, ExecutionPhase.DEPLOYING):
                lock.touch()
            time.sleep(0.2)
    finally:
        lock.unlink(missing_ok=True)
        signal.signal(signal.SIGTERM, before)


def _with_held_block(part: Part, cast: Cast) -> int:
    """The first bar of a window near the part's that holds a whole block of what is kept for testing, far from its
    ends; the part's own where none does. Blocks lie elsewhere in each installation."""
    dataset_id = cast.datasets[part.symbol][0]
    with transaction() as session:
        series = session.scalars(select(CandleDataset.series_id).where(CandleDataset.id == dataset_id)).one()
    rule, candles = Blocks(str(series), DAY_S), cast.candles(part.symbol)
    held = np.array([rule.is_holdout(rule.block(int(t))) for t in candles["time"]])
    last = len(candles) - part.bars - TAIL
    near_by = sorted(range(part.first % SHIFT, last, SHIFT), key=lambda at: abs(at - part.first))
    return next((at for at in near_by if at >= LEAD // 6 and held[at : at + part.bars].sum() >= LEAST_HELD), part.first)


def _session(
    workspace_id: uuid.UUID, story: Story, part: Part, first: int, cast: Cast, *, complete: bool, half: bool = False
) -> uuid.UUID:
    candles, end = cast.candles(part.symbol), first + part.bars - 1
    session_id = actions.run_session(
        workspace_id,
        dataset_id=cast.datasets[part.symbol][0],
        start_index=first,
        end_index=end,
        name=f"{part.symbol} {_year(candles, first)}–{_year(candles, end)} daily",
        coverage="partial" if half else "exhaustive",
        actor=cast.member,
    )
    _judge(session_id, story.pattern_type, candles, first, end, cast.member, half=half)
    if complete:
        with transaction() as session:
            sessions.complete(session, session_id, actor=cast.member)
    return session_id


def _year(candles: Candles, index: int) -> int:
    return sessions.bar_time(candles, index).year


def rule_of(pattern_type: str, candles: Candles, first: int, end: int) -> list[RuleMark]:
    """The rule's marks from `first` to `end`, with dataset indexes; it knows the candles around them too."""
    lead = max(0, first - LEAD)
    whole = rule_marks(pattern_type, candles[lead : end + 1 + TAIL])
    moved = [RuleMark(m.kind, m.index + lead, m.direction, m.price, m.low, m.high) for m in whole]
    return [m for m in moved if first <= m.index <= end]


def _judge(
    session_id: uuid.UUID,
    pattern_type: str,
    candles: Candles,
    first: int,
    end: int,
    actor: Actor,
    *,
    half: bool = False,
) -> None:
    """Gives every mark without a verdict the rule's, and adds what the rule has and the detector missed.

    With `half` only the first half of the marks, as somebody who is not done yet.
    """
    rule = rule_of(pattern_type, candles, first, end)
    with transaction() as session:
        marks = sessions.marks(session, session_id).to_dict("records")
        seen = [(str(m["kind"]), int(m["anchor_index"]), int(m["direction"])) for m in marks]
        for mark, place in list(zip(marks, seen, strict=True))[: len(marks) // 2 if half else None]:
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
        for m in [] if half else _missed(rule, seen):
            feedback.add_missed(
                session,
                session_id,
                kind=m.kind,
                direction=m.direction,
                place=MarkPosition(m.index, sessions.bar_time(candles, m.index), m.price, m.low, m.high),
                reason="The demo's rule has a mark here.",
                made_by=MadeBy.RULE,
                actor=actor,
            )


def _missed(rule: Sequence[RuleMark], seen: Sequence[tuple[str, int, int]]) -> list[RuleMark]:
    """The rule's marks that no mark of the detector is near to; of those that are near each other the first."""
    taken = list(seen)
    found = []
    for m in rule:
        if any((k, d) == (m.kind, m.direction) and abs(i - m.index) <= 1 for k, i, d in taken):
            continue
        taken.append((m.kind, m.index, m.direction))
        found.append(m)
    return found


def _retest(session_id: uuid.UUID, story: Story, cast: Cast) -> None:
    new_id = actions.retest(session_id, actor=cast.member)
    with transaction() as session:
        detail = sessions.get(session, new_id)
    candles = cast.candles(detail.symbol)
    _judge(new_id, story.pattern_type, candles, detail.start_index, detail.end_index, cast.member)
    with transaction() as session:
        sessions.complete(session, new_id, actor=cast.member)


def _disagree(session_id: uuid.UUID, cast: Cast) -> None:
    """A second reviewer has another opinion of one mark, so its place is disputed until a rule settles it."""
    with transaction() as session:
        marks = sessions.marks(session, session_id).to_dict("records")
        chosen = next(m for m in marks[len(marks) // 3 :] if m["verdict"] == Verdict.CONFIRMED)
        feedback.judge(
            session,
            uuid.UUID(chosen["detection_id"]),
            Verdict.FALSE_POSITIVE,
            reason="A second look by the demo's script: price had been there the day before.",
            made_by=MadeBy.RULE,
            actor=cast.admin,
        )


def _add_picture(workspace_id: uuid.UUID, session_id: uuid.UUID, part: Part, cast: Cast) -> None:
    """A correction in words with a picture of the candles that it is about."""
    checked = attachments.check(picture(cast.candles(part.symbol)[part.first : part.first + 60]), "two equal highs.png")
    key = attachments.store(checked)
    with transaction() as session:
        attachments.add(session, checked, storage_key=key, actor=cast.member)
        feedback.add_comment_item(
            session,
            workspace_id,
            "Written by the demo's script: two highs a third of an average true range apart are still equal to me.",
            session_id=session_id,
            attachments=[key],
            actor=cast.member,
        )


def picture(candles: Candles) -> bytes:
    """Candles as a PNG, drawn plainly."""
    width, height, margin = 12 * len(candles), 360, 20
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    low, high = float(candles["low"].min()), float(candles["high"].max())

    def y(price: float) -> float:
        return height - margin - (price - low) / (high - low) * (height - 2 * margin)

    for n, bar in enumerate(candles):
        x, colour = 12 * n + 6, "#26806f" if bar["close"] >= bar["open"] else "#b8423f"
        draw.line((x, y(bar["high"]), x, y(bar["low"])), fill=colour)
        top, bottom = sorted((y(bar["open"]), y(bar["close"])))
        draw.rectangle((x - 4, top, x + 4, max(bottom, top + 1)), fill=colour)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _decide(story: Story, workspace_id: uuid.UUID, cast: Cast) -> None:
    if story.decision == "beta":
        return
    with transaction() as session:
        for guard in review.approval_guards(review.evidence(session, workspace_id)):
            if guard.waivable:
                review.waive_line(
                    session, workspace_id, guard.name, reason="The demo has few candles.", actor=cast.admin
                )
        review.approve(
            session, workspace_id, comment="Approved by the demo's script on its rule's marks.", actor=cast.member
        )
        if story.decision == "verified":
            review.verify(session, workspace_id, comment="Verified by the demo's script.", actor=cast.admin)
