"""The evidence as it is kept with an approval: a record, and its JSON in `pattern_workspaces.approved_evidence`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.codec import Codec
from services.models import PatternWorkspace
from services.places import ApprovalPolicy, Rate


@dataclass(frozen=True, slots=True)
class Waiver:
    """A line of the policy that an admin waived for one version."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Approved:
    """What an approval was given on; see `Evidence`. Approvals from before seen and unseen places lack those fields."""

    version_id: str | None = None
    version: str = ""
    commit_hash: str | None = None
    code_sha256: str | None = None
    params_sha256: str | None = None
    session_ids: tuple[str, ...] = ()
    tp: int = 0
    fp: int = 0
    fn: int = 0
    n: int = 0
    success_rate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    open_corrections: int = 0
    seen: Rate | None = None
    unseen: Rate | None = None
    label_set_sha256: str | None = None
    coverage: str | None = None
    disputes: int = 0
    policy: ApprovalPolicy | None = None
    present: tuple[str, ...] = ()
    held: Mapping[str, bool] = field(default_factory=dict)
    waived: Mapping[str, Waiver] = field(default_factory=dict)


_APPROVED = Codec(Approved, "approved evidence")


def approved_of(workspace: PatternWorkspace | None) -> Approved | None:
    """What the standing approval rests on; None without one."""
    stored = workspace.approved_evidence if workspace is not None else None
    return _APPROVED.from_json(stored) if stored else None


def to_json(kept: Approved) -> dict[str, Any]:
    return _APPROVED.to_json(kept)
