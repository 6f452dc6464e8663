"""The evidence of an approval: the deployed version and what the judged places say of it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString

from sqlalchemy.orm import Session

from services import labels, workspaces
from services.approvals.approved import Approved, Waiver, to_json
from services.database.rows import fetch
from services.models import DetectorVersion, PatternWorkspace
from services.places import ApprovalPolicy, LabelSet, Rate, rate
from services.rules import open_correction_sql


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an approval rests on. `total`, `seen` and `unseen` are rates on judged places.

    `present` are the places that are present and found, `held` says of each place kept for testing whether the version
    has it right. `disputes` are places that people have not settled. `waived` are lines of the policy by name.
    """

    version_id: uuid.UUID | None
    version: str
    commit_hash: str | None
    code_sha256: str | None
    params_sha256: str | None
    session_ids: list[str]
    total: Rate
    seen: Rate
    unseen: Rate
    label_set_sha256: str
    open_corrections: int
    disputes: int
    live_execution: int | None
    policy: ApprovalPolicy
    present: tuple[str, ...] = ()
    held: Mapping[str, bool] = field(default_factory=dict)
    waived: Mapping[str, Waiver] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return self.total.n

    @property
    def success_rate(self) -> float | None:
        return self.total.rate

    def approved(self) -> Approved:
        """What is kept with an approval: everything but the live execution, which an approval does not allow."""
        total = self.total
        return Approved(
            version_id=str(self.version_id) if self.version_id else None,
            version=self.version,
            commit_hash=self.commit_hash,
            code_sha256=self.code_sha256,
            params_sha256=self.params_sha256,
            session_ids=tuple(self.session_ids),
            tp=total.tp,
            fp=total.fp,
            fn=total.fn,
            n=total.n,
            success_rate=total.rate,
            ci_low=total.ci_low,
            ci_high=total.ci_high,
            seen=self.seen,
            unseen=self.unseen,
            label_set_sha256=self.label_set_sha256,
            coverage=total.coverage.words if total.coverage else None,
            open_corrections=self.open_corrections,
            disputes=self.disputes,
            policy=self.policy,
            present=self.present,
            held=dict(self.held),
            waived=dict(self.waived),
        )

    def as_json(self) -> dict[str, Any]:
        """The same as it is stored and told."""
        return to_json(self.approved())


_SESSIONS: LiteralString = """
SELECT id::text, tp, fp, fn, dataset_id IS NOT NULL FROM pattern_sessions
WHERE workspace_id = %(w)s AND detector_version_id = %(v)s AND status = 'completed' ORDER BY completed_at, id
"""
_OPEN: LiteralString = f"SELECT count(*) FROM feedback_items WHERE workspace_id = %(w)s AND {open_correction_sql()}"
_DISPUTES: LiteralString = "SELECT count(*) FROM places WHERE workspace_id = %(w)s AND status = 'disputed'"


def evidence(session: Session, workspace_id: uuid.UUID, *, known: LabelSet | None = None) -> Evidence:
    """The evidence as the judgements have it now; `known` is the label set where the caller has it."""
    known = known or labels.label_set(session, workspace_id)
    workspace = session.get(PatternWorkspace, workspace_id)
    version_id = workspace.deployed_version_id if workspace else None
    if version_id is None:
        return _evidence(session, workspace_id, None, known.hash, sum(p.status == "disputed" for p in known.places))
    rates, fitted = labels.version_fit(session, workspace_id, version_id, labels=known)
    held = {f.place.id: f.right for f in fitted.fates if known.split(f.place.id) == "holdout"}
    present = tuple(sorted(f.place.id for f in fitted.fates if f.place.status == "present" and f.right))
    return _evidence(
        session, workspace_id, rates, known.hash, sum(p.status == "disputed" for p in known.places), present, held
    )


def glance(session: Session, workspace_id: uuid.UUID) -> Evidence:
    """The evidence as the workspace's row keeps it, for screens that are drawn often; approving looks at all of it."""
    workspace = session.get(PatternWorkspace, workspace_id)
    kept = labels.kept_rates(workspace.rate if workspace else None)
    rates = labels.VersionRates(kept.all, kept.seen, kept.unseen)
    return _evidence(session, workspace_id, rates, "", fetch(session, _DISPUTES, {"w": workspace_id})[0][0])


def _evidence(
    session: Session,
    workspace_id: uuid.UUID,
    rates: labels.VersionRates | None,
    label_set: str,
    disputes: int,
    present: tuple[str, ...] = (),
    held: Mapping[str, bool] | None = None,
) -> Evidence:
    workspace = session.get(PatternWorkspace, workspace_id)
    version = (
        session.get(DetectorVersion, workspace.deployed_version_id)
        if workspace and workspace.deployed_version_id
        else None
    )
    rows = fetch(session, _SESSIONS, {"w": workspace_id, "v": version.id}) if version else []
    none = rate(0, 0, 0)
    found = rates if version is not None and rates is not None else labels.VersionRates(none, none, none)
    total = found.all
    if total.n == 0 and not any(r[4] for r in rows):  # sessions that were there before places have frozen counts alone
        total = rate(sum(r[1] for r in rows), sum(r[2] for r in rows), sum(r[3] for r in rows))
    live = workspaces.has_live_execution(session, workspace_id)
    return Evidence(
        version_id=version.id if version else None,
        version=workspace.version if workspace else "0.0.0",
        commit_hash=version.commit_hash if version else None,
        code_sha256=version.code_sha256 if version else None,
        params_sha256=_params_hash(version) if version else None,
        session_ids=[r[0] for r in rows],
        total=total,
        seen=found.seen,
        unseen=found.unseen,
        label_set_sha256=label_set,
        open_corrections=fetch(session, _OPEN, {"w": workspace_id})[0][0],
        disputes=disputes,
        live_execution=live.number if live else None,
        policy=labels.policy_from_json(workspace.approval_policy if workspace else None),
        present=present,
        held=held or {},
        waived=_waived(workspace, version),
    )


def _params_hash(version: DetectorVersion) -> str:
    return hashlib.sha256(json.dumps(version.params, sort_keys=True).encode()).hexdigest()


def _waived(workspace: PatternWorkspace | None, version: DetectorVersion | None) -> dict[str, Waiver]:
    """The lines that an admin waived for the deployed version; another version begins without."""
    if workspace is None or version is None:
        return {}
    return {
        name: Waiver(kept["reason"], kept["by"])
        for name, kept in workspace.approval_waivers.items()
        if kept.get("version_id") == str(version.id)
    }
