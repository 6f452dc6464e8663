"""What must hold after a run: each event is one message; or the run is canceled and nothing is left of it."""

from __future__ import annotations

import uuid
from collections import Counter

from tests.support.installation import Installation
from tests.support.processes import eventually

PHASES = ["planning", "implementing", "testing", "refining", "deploying"]
ONCE = ("claude_started", "deploy_started", "deploy_building", "deploy_success", "version_updated", "claude_completed")
SOON = 5.0  # seconds; two on a machine with nothing else to do
BROKEN = "SPEC = 1\n"  # a detector that no deploy accepts


def assert_each_event_once(installation: Installation, execution_id: uuid.UUID, *, turns: int = 1) -> None:
    """Every event of a run that came to its end in one attempt is one message, in the order of the phases.

    `turns` is how often it was tested.
    """
    told = installation.messages(execution_id)
    kinds = Counter(m["type"] for m in told)
    assert {k: kinds[k] for k in ONCE} == dict.fromkeys(ONCE, 1)
    phases = [m for m in told if m["type"] == "claude_phase_update"]
    assert [m["data"]["phase"] for m in phases] == PHASES
    assert {m["status"] for m in phases} == {"completed"}
    points = [m["title"] for m in told if m["type"] == "claude_checkpoint"]
    assert max(Counter(points).values()) == turns, points
    assert sum(p.startswith("Detector contract") for p in points) == turns
    workspaces_seqs: dict[uuid.UUID, list[int]] = {}
    for workspace_id, seq in installation.sql("SELECT workspace_id, seq FROM workspace_messages ORDER BY seq"):
        workspaces_seqs.setdefault(workspace_id, []).append(seq)
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in workspaces_seqs.values())
    found = installation.get(execution_id)
    assert {name: p.status for name, p in found.phases.items()} == dict.fromkeys(PHASES, "completed")
    assert [(a.number, a.outcome) for a in found.attempts] == [(1, "completed")]
    assert len(found.checkpoints) == len(points)
    assert len(installation.commits_of(execution_id)) == 1


def assert_canceled(installation: Installation, execution_id: uuid.UUID) -> None:
    found = installation.get(execution_id)
    assert (found.row.status, found.row.error) == ("failed", "Canceled by Mara.")
    assert found.canceled_at is not None
    assert found.canceled_by_name == "Mara"
    (message,) = installation.messages(execution_id, "claude_failed")
    assert message["title"] == f"Execution {found.row.number} was canceled"
    assert "running" not in {p.status for p in found.phases.values()}
    assert "in_progress" not in {m["status"] for m in installation.messages(execution_id)}
    assert {a.outcome for a in found.attempts} <= {"canceled", "retry"}
    assert not installation.commits_of(execution_id)
    assert eventually(lambda: not list((installation.root / "work").glob("*")), SOON)
    installation.assert_at_rest()
