"""Running a session and importing candles: claim in one transaction, work outside it, record in another."""

from __future__ import annotations

import uuid
from datetime import datetime

import numpy as np
import pandas as pd

from services import datasets, releases, sessions
from services.candles.store import load_array, load_frame
from services.database.engine import transaction
from services.detectors.sandbox import warm
from services.detectors.types import Candles
from services.errors import Conflict, InvalidInput, PatternDeskError
from services.people import Actor
from services.sessions import SessionDetail, SessionPlan
from services.settings import get_settings


def run_session(
    workspace_id: uuid.UUID,
    *,
    dataset_id: uuid.UUID,
    start_index: int | None = None,
    end_index: int | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    name: str | None = None,
    coverage: str = "partial",
    retest_of_id: uuid.UUID | None = None,
    actor: Actor,
) -> uuid.UUID:
    """Runs the deployed detector over a window and records what it found. Returns the session's id.

    The window is given by inclusive dataset indexes or by times (UTC); without either it is the newest bars. When the
    detector fails, the session is kept as failed with the sentence, and the error is raised.
    """
    if start is not None or end is not None:
        start_index, end_index = _indexes(dataset_id, start, end)
    with transaction() as session:
        plan = sessions.create(
            session,
            workspace_id,
            dataset_id=dataset_id,
            start_index=start_index,
            end_index=end_index,
            name=name,
            coverage=coverage,
            retest_of_id=retest_of_id,
            actor=actor,
        )
    try:
        _run(plan, actor)
    except PatternDeskError as error:
        with transaction() as session:
            sessions.fail(session, plan.session_id, str(error))
        raise
    except BaseException:
        with transaction() as session:
            sessions.fail(session, plan.session_id, sessions.INTERRUPTED)
        raise
    return plan.session_id


def label_window(
    workspace_id: uuid.UUID,
    *,
    dataset_id: uuid.UUID,
    start_index: int | None = None,
    end_index: int | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    name: str | None = None,
    coverage: str = "partial",
    actor: Actor,
) -> uuid.UUID:
    """Opens a window in which people mark places before there is a detector. Returns the session's id.

    The window is given as for `run_session`.
    """
    if start is not None or end is not None:
        start_index, end_index = _indexes(dataset_id, start, end)
    with transaction() as session:
        stored = datasets.get(session, dataset_id).storage_path
    candles = load_array(get_settings().storage_root, stored)
    with transaction() as session:
        return sessions.open_for_labels(
            session,
            workspace_id,
            candles,
            dataset_id=dataset_id,
            start_index=start_index,
            end_index=end_index,
            name=name,
            coverage=coverage,
            actor=actor,
        )


def _run(plan: SessionPlan, actor: Actor) -> None:
    candles = load_array(get_settings().storage_root, plan.storage_path)
    root = releases.release(plan.commit_hash)
    with warm(root, plan.pattern_type) as worker:
        spec = worker.spec()
        context = min(plan.start_index, spec.warmup_bars + spec.max_age_bars)
        first = plan.start_index - context
        run = worker.detect(candles[first : plan.end_index + 1], plan.params, offset=first)
    inside = [d for d in run.detections if plan.start_index <= d.anchor_index <= plan.end_index]
    with transaction() as session:
        sessions.record(
            session,
            plan.session_id,
            inside,
            candles,
            run_ms=run.run_ms,
            isolation=run.isolation,
            context_bars=context,
            actor=actor,
        )


def retest(session_id: uuid.UUID, *, actor: Actor) -> uuid.UUID:
    """The same window with the version that is deployed now; verdicts on what stayed the same carry over."""
    with transaction() as session:
        old = sessions.get(session, session_id)
    if old.dataset_id is None:
        raise InvalidInput("This session has no dataset, so it can't be run again; import its candles first.")
    if old.version_id == old.deployed_version_id:
        raise Conflict(f"This session ran v{old.version} already, which is still the deployed version.")
    base = old.name.split(" · retest")[0]
    return run_session(
        old.workspace_id,
        dataset_id=old.dataset_id,
        start_index=old.start_index,
        end_index=old.end_index,
        name=f"{base} · retest v{old.deployed_version}",
        coverage=old.coverage,
        retest_of_id=session_id,
        actor=actor,
    )


def session_candles(detail: SessionDetail) -> pd.DataFrame:
    """The candles of a session's window, indexed by dataset index. Columns time (UTC), open, high, low, close, volume."""
    if detail.storage_path is None:
        return pd.DataFrame(columns=["time", "open", "high", "low", "close", "volume"])
    frame = load_frame(get_settings().storage_root, detail.storage_path)
    return frame.iloc[detail.start_index : detail.end_index + 1]


def _indexes(dataset_id: uuid.UUID, start: datetime | None, end: datetime | None) -> tuple[int, int]:
    """Dataset indexes of the bars within two times, both inclusive."""
    with transaction() as session:
        dataset = datasets.get(session, dataset_id)
    candles: Candles = load_array(get_settings().storage_root, dataset.storage_path)
    times = candles["time"]
    first = int(np.searchsorted(times, start.timestamp(), side="left")) if start else 0
    last = int(np.searchsorted(times, end.timestamp(), side="right")) - 1 if end else len(times) - 1
    if first > last:
        raise InvalidInput(
            f"There is no candle between these times; the dataset goes from {dataset.start_at:%Y-%m-%d} "
            f"to {dataset.end_at:%Y-%m-%d}."
        )
    return first, last
