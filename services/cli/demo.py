"""The demo: seven workspaces made by running the real loop on real candles. Nothing is inserted as finished.

Judgements come from `demo_rule` and are labelled as made by it. A worker has to run; each step shows in the browser
as it happens.
"""

from __future__ import annotations

import uuid

from sqlalchemy import delete, select, update

from services import actions, demo_state, people, releases
from services.candles.demo import demo_files
from services.cli.demo_loop import Cast, Datasets, begin, tell
from services.cli.demo_stories import STORIES
from services.database.engine import transaction
from services.database.rows import fetch
from services.detectors import repository
from services.errors import Conflict, PatternDeskError
from services.lifecycle import LIVE_EXECUTION, Role
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


def build(*, reset: bool = False) -> None:
    """Builds the demo, or makes it again. Raises Conflict when its workspaces are there and `reset` is not said."""
    configure("demo", get_settings().data_dir)
    existing = _existing()
    if existing and not reset:
        raise Conflict("The demo's workspaces are there already; 'patterndesk demo --reset' makes them again.")
    if existing:
        _remove(existing)
        _forget_parameters()
    try:
        _say("people and candles")
        member, admin = _people()
        cast = Cast(member, admin, _datasets(member))
        for story in STORIES:
            tell(story, begin(story, cast, _say), cast, _say)
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


def _forget_parameters() -> None:
    """Takes the demo's parameters out of the pattern repository: a first version that changes nothing is not deployed."""
    repo = releases.repository()
    with repository.repository_lock(repo):
        for story in STORIES:
            (repo / "params" / f"{story.pattern_type}.json").unlink(missing_ok=True)
        repository.commit_all(repo, "Take the demo's parameters away", "Demo")


def _people() -> tuple[Actor, Actor]:
    with transaction() as session:
        made = [people.ensure_person(session, email=e, name=n, role=r) for e, n, r in PEOPLE]
    return made[1], made[2]


def _datasets(actor: Actor) -> Datasets:
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
