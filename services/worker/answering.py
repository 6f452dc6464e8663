"""Answering questions of a timeline: the agent reads what was laid out for it, and its text goes to the thread.

Two durable steps: the agent's answer, and its record. A worker that is killed in the first begins it anew with the next
attempt, and what the older one still writes is refused; after the first, nothing is asked of the agent a second time.
What was spent is in the question's folder and in the database as it comes in, so a kill loses none of it.
"""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from functools import partial
from pathlib import Path
from typing import Final

from dbos import DBOS
from sqlalchemy.exc import DBAPIError

from services import holding, questions, releases
from services.agents import registry
from services.agents.protocol import Asked, Used
from services.candles.store import load_frame
from services.codec import Codec
from services.database.engine import transaction
from services.database.queue import ANSWER
from services.detectors.bundle import code_files, owned_paths
from services.errors import Cancelled, DetectorError, PatternDeskError, StaleEpoch
from services.logs import get_logger, log_unexpected
from services.questions import Begun, Material, Outcome, SpentRow
from services.settings import get_settings
from services.worker import workflow
from services.worker.leftovers import end_leftovers
from services.worker.retrying import DATABASE_ERRORS, retried_step
from services.worker.steps import gate

CONCURRENCY: Final = 2
LOOK_S: Final = 1.0  # while questions are held
TELL_S: Final = 0.4  # between two states of the text that streams in
BEAT_S: Final = 1.0
GUIDE: Final = "AGENTS.md"  # of the pattern repository: what a detector has to hold
_OUTCOME: Final = Codec(Outcome, "answer")
log = get_logger(__name__)


@DBOS.workflow(name=ANSWER)
def answer_question(question_id: str) -> str:
    """Answers a question; returns how it ended."""
    own = uuid.UUID(question_id)
    outcome = retried_step("answer", lambda: _answer(own))
    return retried_step("record", lambda: _record(own, outcome), gate=gate)


def folder_of(question_id: uuid.UUID) -> Path:
    """What a question needs on this machine; it goes when the question ends."""
    return get_settings().data_dir / "work" / str(question_id)


def _answer(question_id: uuid.UUID) -> str:
    """The outcome as text; empty when there was nothing to answer any more."""
    _wait_while_held(question_id)
    with gate.step():
        end_leftovers(folder_of(question_id))
        with transaction() as session:
            begun = questions.begin(session, question_id, worker_id=workflow.worker_id())
        if begun is None:
            return ""
        return _OUTCOME.to_text(_outcome_of(begun))


def _wait_while_held(question_id: uuid.UUID) -> None:
    """Returns once no pause and no full disk holds the question, or it is gone."""
    told = None
    while True:
        with transaction() as session:
            reason = holding.why_runs_wait(session, get_settings())
            if reason is None or (not questions.wait(session, question_id, reason) if reason != told else False):
                return
        told = reason
        time.sleep(LOOK_S)


def _outcome_of(begun: Begun) -> Outcome:
    made = partial(Outcome, attempt=begun.attempt)
    pulse = _Pulse(begun)
    try:
        answerer = registry.make_answerer()
        with transaction() as session:
            material = questions.read(session, begun.workspace_id)
        version = material.version.version if material.version else None
        candle = questions.held_candle(begun.text, material)
        if candle is not None:
            return made(
                error=f"Candle #{candle} is kept for testing, so Claude is told nothing of it; ask about another place."
            )
        teller = _Teller(begun, pulse)
        _lay_out(material, folder_of(begun.id) / "files")
        text = answerer.answer(teller.asked(material.workspace.name))
        return made(text=text, model=answerer.model, version=version)
    except StaleEpoch:
        return made()
    except DATABASE_ERRORS:
        raise
    except Cancelled:
        return made(error="The question was deleted before it was answered.")
    except PatternDeskError as error:
        return made(error=error.sentence)
    except Exception as error:  # noqa: BLE001  # a bug ends the question with a reference instead of hanging it
        return made(error=f"Something went wrong. Reference {log_unexpected(error, question=str(begun.id))}.")
    finally:
        pulse.close()


def _record(question_id: uuid.UUID, outcome: str) -> str:
    if not outcome:
        _tidy(question_id)
        return "ended"
    kept = _OUTCOME.from_text(outcome)
    rows = [_row(used) for used in registry.spent_in(folder_of(question_id))]
    with transaction() as session:
        questions.add_usage(session, question_id, rows)
        ended = questions.end(session, question_id, attempt=kept.attempt, outcome=kept)
    if ended:  # else another worker has it, and its agent reads in that folder
        _tidy(question_id)
    log.info(
        "question_ended",
        question=str(question_id),
        failed=kept.text is None,
        ended=ended,
        sentence=kept.error,
        calls=len(rows),
    )
    return "failed" if kept.text is None else "done"


def _tidy(question_id: uuid.UUID) -> None:
    shutil.rmtree(folder_of(question_id), ignore_errors=True)


def _lay_out(material: Material, files: Path) -> None:
    """Writes what may be read below `files`: the pattern's own code, parameters and tests at the live commit, and the
    documents. Links of the repository are not followed out of it."""
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir(parents=True)
    if material.commit is not None:
        root = releases.release(material.commit).resolve()
        for path in _own_files(root, material.workspace.pattern_type):
            if path.is_file() and path.resolve().is_relative_to(root):
                _write(files / path.relative_to(root), path.read_bytes())
    for name, text in questions.documents(material, partial(load_frame, get_settings().storage_root)).items():
        _write(files / name, text.encode())


def _own_files(root: Path, pattern_type: str) -> list[Path]:
    try:
        code = code_files(root, pattern_type)
    except DetectorError:  # it can't be read as Python: then its own file shows why
        code = []
    return [*code, *(root / name for name in (*owned_paths(pattern_type), GUIDE))]


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _row(used: Used) -> SpentRow:
    return SpentRow(used.message_id, used.model, used.cost_usd, used.input_tokens, used.output_tokens)


class _Pulse:
    """A thread that says once a second that the attempt is alive, and hears whether it is to stop."""

    def __init__(self, begun: Begun) -> None:
        self._begun = begun
        self._stop = threading.Event()
        self.deleted = self.lost = False
        self._thread = threading.Thread(target=self._run, name=f"pulse-{begun.id}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(BEAT_S) and not self.lost:
            self._beat(last=False)

    def _beat(self, *, last: bool) -> None:
        try:
            with transaction() as session:
                self.deleted = questions.beat(session, self._begun.id, attempt=self._begun.attempt, last=last)
        except StaleEpoch:
            self.lost = True
        except DBAPIError as error:
            log.warning("pulse_missed", question=str(self._begun.id), error=str(error)[:200])

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)
        self._beat(last=True)


class _Teller:
    """Brings what comes from the agent's process to the thread of the timeline, now and then.

    It is called by whoever listens to the process, who asks `cancelled` ten times a second.
    """

    def __init__(self, begun: Begun, pulse: _Pulse) -> None:
        self._begun, self._pulse = begun, pulse
        self._shown: tuple[str, str | None] = ("", None)
        self._latest: tuple[str, str | None] = self._shown
        self._used: dict[str, SpentRow] = {}
        self._told_at = 0.0

    def asked(self, name: str) -> Asked:
        begun = self._begun
        folder = folder_of(begun.id)
        earlier = [_row(used) for used in registry.spent_in(folder)]
        with transaction() as session:
            questions.add_usage(session, begun.id, earlier)
        return Asked(
            question_id=begun.id,
            name=name,
            text=begun.text,
            asked_by=begun.asked_by,
            folder=folder,
            told=self._tell,
            cancelled=self._cancelled,
            log=lambda text: log.info("answering", question=str(begun.id), said=text[:2000]),
            used=self._spend,
            spent_usd=sum(row.cost_usd for row in earlier),
            left_today_usd=begun.left_today_usd,
        )

    def _tell(self, text: str, doing: str | None) -> None:
        self._latest = (text, doing)

    def _spend(self, used: Used) -> None:
        self._used[used.message_id] = _row(used)

    def _cancelled(self) -> bool:
        """Whether to stop; what was not told yet is told on the way. Raises StaleEpoch once another worker has it."""
        if self._pulse.lost:
            raise StaleEpoch("The question was taken over by another worker.")
        at = time.monotonic()
        if at - self._told_at >= TELL_S and (self._latest != self._shown or self._used):
            self._told_at = at
            self._flush()
        return self._pulse.deleted

    def _flush(self) -> None:
        """A database that is away for a moment costs the answer nothing: the next write holds all of it."""
        latest, rows = self._latest, list(self._used.values())
        try:
            with transaction() as session:
                questions.add_usage(session, self._begun.id, rows)
                if latest != self._shown:
                    questions.tell(
                        session, self._begun.id, attempt=self._begun.attempt, text=latest[0], doing=latest[1]
                    )
        except DBAPIError as error:
            log.warning("answer_not_told", question=str(self._begun.id), error=str(error)[:200])
            return
        self._shown, self._used = latest, {}
