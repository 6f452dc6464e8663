"""The evidence of a workspace in review: read in one transaction, drawn as four cards and what happened since."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from pages.components import looks, rates, uploads
from pages.components.drawn import facts, rate_table
from pages.components.links import exists, go
from pages.components.review.component import badges, change_view, session_table
from pages.components.review.since_verified import change
from pages.components.timeline.component import TimelineAction, timeline
from services import approvals, deployments, disputes, feedback, review, sessions, stats, workspaces
from services import timeline as entries_of
from services.database.engine import transaction
from services.deployments import VersionRow
from services.disputes import PlaceRow
from services.feedback import FeedbackRow
from services.lifecycle import MessageType, WorkspaceStatus
from services.people import Actor
from services.review import Evidence, Guard, Returned
from services.sessions import SessionRow
from services.stats import VersionRate
from services.timeline import EntryJson
from services.workspaces import WorkspaceDetail

SHOWN_VERSIONS: Final = 6
SHOWN_OPEN: Final = 8  # disputes and corrections that are listed
_BATCH: Final = 200  # entries read at a time on the way back to the approval
_BATCHES: Final = 5


@dataclass(frozen=True, slots=True)
class Dossier:
    """What a reviewer looks at, as it stands in one moment."""

    workspace: WorkspaceDetail
    found: Evidence
    guards: list[Guard]
    checklist: list[Guard]
    returned: Returned | None
    disputes: list[PlaceRow]
    corrections: list[FeedbackRow]
    held: int
    by_version: list[VersionRate]
    versions: list[VersionRow]
    replay: dict[str, Any] | None
    sessions: list[SessionRow]
    verified_commit: str | None
    entries: list[EntryJson]
    approved: approvals.Approved | None = None

    @property
    def deployed(self) -> VersionRow | None:
        return next((v for v in self.versions if v.id == self.workspace.deployed_version_id), None)

    @property
    def in_review(self) -> bool:
        return self.workspace.status == WorkspaceStatus.IN_REVIEW


def read(workspace_id: uuid.UUID, actor: Actor) -> Dossier:
    """Raises NotFound."""
    with transaction() as session:
        workspace = workspaces.get(session, workspace_id)
        found = review.evidence(session, workspace_id)
        completed = sessions.list_sessions(session, workspace_id=workspace_id, status="completed", limit=1000)
        behind = set(found.session_ids)
        still_open = feedback.list_feedback(session, workspace_id, states=["open"])
        return Dossier(
            workspace=workspace,
            found=found,
            guards=review.verification_guards(session, workspace_id, actor),
            checklist=review.approval_guards(found),
            returned=review.open_return(session, workspace_id),
            disputes=disputes.list_disputes(session, workspace_id),
            corrections=[row for row in still_open if row.split in (None, "tune")],
            held=sum(row.split not in (None, "tune") for row in still_open),
            by_version=stats.version_rates(session, stats.Filters(workspace_id=workspace_id)),
            versions=deployments.list_versions(session, workspace_id),
            replay=review.deployed_replay(session, found.version_id) if found.version_id else None,
            sessions=[row for row in completed if str(row.id) in behind],
            verified_commit=_verified_before(session, workspace),
            entries=uploads.shown(session, _since_approval(session, workspace_id), actor=actor),
            approved=review.approved_evidence(session, workspace_id),
        )


def _verified_before(session: Any, workspace: WorkspaceDetail) -> str | None:
    """The commit of the verification before the one that is asked for, or that this workspace has by now."""
    if workspace.status != WorkspaceStatus.VERIFIED:
        return review.last_verified_commit(session, workspace.id)
    entries = entries_of.page(session, workspace.id, kinds="people", limit=_BATCH)
    commits = [
        (e.data.get("evidence") or {}).get("commit_hash") for e in entries if e.type == MessageType.ADMIN_VERIFIED
    ]
    return commits[-2] if len(commits) > 1 else None


def _since_approval(session: Any, workspace_id: uuid.UUID) -> list[entries_of.TimelineEntry]:
    """The newest approval and everything after it, oldest first."""
    kept: list[entries_of.TimelineEntry] = []
    before = None
    for _ in range(_BATCHES):
        batch = entries_of.page(session, workspace_id, before=before, limit=_BATCH)
        approvals = [place for place, entry in enumerate(batch) if entry.type == MessageType.USER_APPROVED]
        if approvals:
            return [*batch[approvals[-1] :], *kept]
        kept = [*batch, *kept]
        if len(batch) < _BATCH:
            break
        before = (batch[0].created_at, batch[0].id)
    return kept


def cards(dossier: Dossier) -> None:
    """The four cards, two beside each other where there is room."""
    grid = st.grid(2, min_column_width=380, gap="small")
    for draw in (_unseen, _open_questions, _by_version, _replay, _sessions, _change):
        with grid.container(border=True, height="stretch", gap="xsmall"):
            draw(dossier)


def _title(text: str, note: str = "") -> None:
    st.markdown(f"**{looks.plain(text)}**" + (f" :gray[{looks.plain(note)}]" if note else ""))


def _unseen(dossier: Dossier) -> None:
    """The result that counts, first: on places that no prompt and no search has had."""
    current = dossier.found
    _title("Unseen places", "no prompt and no search has had them")
    rows = [
        (name, rate.rate, rate.ci_low, rate.ci_high, rate.n)
        for name, rate in (("Unseen", current.unseen), ("Seen", current.seen), ("All", current.total))
    ]
    rate_table(rows, name="Places", key="review-unseen")
    for name, rate, least in (
        ("unseen", current.unseen, current.policy.unseen),
        ("judged", current.total, current.policy.judged),
    ):
        if words := rates.shortage(rate, least):
            st.caption(looks.plain(f"{words[0].upper()}{words[1:]} {name} places."))
    replay = dossier.replay or {}
    said = str((replay.get("splits") or {}).get("evidence") or "")
    st.caption(looks.plain(p_sentence(replay.get("baseline_version"), said, replay.get("p_value"))))
    if notes := rates.notes(current.total):
        st.caption(looks.plain(f"It rests {notes}." if notes.startswith("on ") else f"{notes}."))


def p_sentence(baseline: str | None, evidence: str, p: float | None) -> str:
    """What the replay on unseen places proves, as a sentence with its n. `evidence` is what the replay said itself."""
    if not baseline:
        return "There was no version before, so nothing is claimed of being better."
    said = evidence.strip()
    if not said:
        return "No unseen place was judged on both versions, so nothing is claimed of being better."
    unseen = next((part.strip() for part in said.split(". ") if " unseen " in part), said)
    start = f"Against v{baseline}, on unseen places: {unseen.rstrip('.')}."
    if p is None:
        return start
    number = "less than 0.001" if p < 0.001 else f"{p:.2g}"
    return (
        f"{start} If both versions were equally good, a difference like this would come up with probability {number}."
    )


def _open_questions(dossier: Dossier) -> None:
    """Disputes and open corrections, each with a link to its place."""
    _title("Still open")
    if not dossier.disputes and not dossier.corrections and not dossier.held:
        st.caption("No dispute and no open correction.")
    for place in dossier.disputes[:SHOWN_OPEN]:
        st.page_link(
            "disputes.py",
            label=f":material/gavel: {looks.plain(f'{place.title}, {place.votes}')}",
            query_params={"id": str(dossier.workspace.id), "place": str(place.id)},
        )
    for row in dossier.corrections[:SHOWN_OPEN]:
        _correction(row)
    left = max(0, len(dossier.corrections) - SHOWN_OPEN) + max(0, len(dossier.disputes) - SHOWN_OPEN)
    if left:
        st.caption(f"and {left:,} more")
    if dossier.held:
        st.caption(f"{looks.count(dossier.held, 'correction')} kept for testing")


def _correction(row: FeedbackRow) -> None:
    look = looks.look(looks.VERDICTS, row.verdict)
    place = looks.candle_label(row.candle_index, row.candle_time) if row.candle_index is not None else "in words"
    label = f"{look.icon} {looks.plain(f'{look.label} {place}, {row.author_name}')}"
    if row.session_id is None or not exists("session"):
        st.markdown(label)
        return
    query = {"id": str(row.session_id), "mark": str(row.detection_id or row.id)}
    st.page_link("session.py", label=label, query_params=query)


def _by_version(dossier: Dossier) -> None:
    tested = [row for row in reversed(dossier.by_version) if row.rate.rate is not None]
    _title("Success rate by version")
    if not tested:
        st.caption("No completed session has judged marks yet.")
        return
    rows = [
        (row.version, row.rate.rate, row.rate.ci_low, row.rate.ci_high, row.rate.n) for row in tested[:SHOWN_VERSIONS]
    ]
    rate_table(rows, key="review-rates")
    if len(tested) > SHOWN_VERSIONS:
        st.caption(f"and {looks.count(len(tested) - SHOWN_VERSIONS, 'older version')}")


def _replay(dossier: Dossier) -> None:
    replay = dossier.replay
    if replay is None or not replay["cases"]:
        _title("Replay against judgements")
        st.caption("Nothing was judged yet when this version was deployed, so there was nothing to replay.")
        return
    _title(f"Replay against {looks.count(replay['cases'], 'judgement')}")
    counts = {"fixed": replay["fixed"], "broken": replay["broken"]}
    counts["unchanged"] = replay["cases"] - sum(counts.values())
    badges([_outcome(name, count) for name, count in counts.items()], key="review-replay-badges")
    against = (
        f"Against {replay['baseline_version']}. " if replay["baseline_version"] else "There was no version before. "
    )
    st.caption(looks.plain(against + "The agent may know of the seen places, never of those kept for testing."))
    splits = replay["splits"] or {}
    names = {"tune": "Seen places", "holdout": "Kept for testing"}
    scores = [(label, splits.get(name)) for name, label in names.items()]
    rows = [
        (label, s["rate"], s["ci_low"], s["ci_high"], s["n"]) if s else (label, None, None, None, 0)
        for label, s in scores
    ]
    if any(row[-1] for row in rows):
        rate_table(rows, name="Set", key="review-splits")
    if replay["execution_id"] and exists("execution"):
        st.page_link(
            "execution.py",
            label="Judgements of the replay",
            icon=":material/rule:",
            query_params={"id": str(replay["execution_id"])},
        )


def _outcome(name: str, count: int) -> tuple[str, str | None, str]:
    """Zero of something is no judgement, so it has no colour."""
    look = looks.REPLAYS[name]
    return (look.color, look.symbol, f"{count:,} {name}") if count else ("gray", None, f"0 {name}")


def _sessions(dossier: Dossier) -> None:
    still_open = dossier.found.open_corrections
    _title("Sessions", f"{looks.count(still_open, 'correction')} still open" if still_open else "no open corrections")
    if not dossier.sessions:
        st.caption(looks.plain(f"No completed session on v{dossier.workspace.version}."))
        return
    opened = session_table(dossier.sessions, key="review-sessions")
    if opened is not None and exists("session"):
        go("session", id=opened)


def _change(dossier: Dossier) -> None:
    _title("Change since last verified")
    if dossier.deployed is None:
        st.caption("No version is deployed.")
        return
    difference = change(dossier.workspace.pattern_type, dossier.deployed, dossier.versions, dossier.verified_commit)
    st.caption(looks.plain(difference.sentence))
    if difference.problem:
        st.text(difference.problem)
    if difference.files:
        change_view(difference.files, key="review-change")


def since_approval(dossier: Dossier) -> None:
    """What is different since, without voiding the approval; then the timeline from the approval on, to read."""
    st.markdown("**Since approval**")
    approved = dossier.approved
    if dossier.in_review and approved is not None:
        changed = approvals.since_approval(approved, dossier.found)
        facts(
            [(c.what, f"{c.before} → {c.after}") for c in changed] or [("Evidence", "as approved")], key="review-since"
        )
    action = timeline(
        dossier.entries,
        live_url=None,
        can_load_older=False,
        viewer_id="",
        key=f"review-timeline-{dossier.workspace.id}",
        empty=("Nothing since", "What happens after the approval shows up here."),
        height="auto",
    )
    _open(action)


def _open(action: TimelineAction | None) -> None:
    if action is not None and action.name == "open" and action.kind and exists(action.kind):
        go(action.kind, id=action.id)
