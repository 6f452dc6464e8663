"""Policies of a workspace: who sets them, bad values, the hold-out's share, pins, released blocks, the audit trail."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services import labels, policies
from services.errors import Conflict, InvalidInput, NotFound
from services.models import AuditEvent, PlaceRow, ReleasedBlock, SeenPlace
from services.people import Actor
from services.places import ApprovalPolicy
from tests import factories
from tests.support import scenarios


@pytest.mark.parametrize(
    "policy",
    [ApprovalPolicy(0, 0), ApprovalPolicy(10, 11), ApprovalPolicy(10, -1), ApprovalPolicy(10, 1, 1.0),
     ApprovalPolicy(10, 1, -0.1), ApprovalPolicy(20_000, 1)],
)  # fmt: skip
def test_a_policy_that_nothing_can_meet_is_refused(
    session: Session, admin: Actor, home: uuid.UUID, policy: ApprovalPolicy
) -> None:
    with pytest.raises(InvalidInput):
        policies.set_approval_policy(session, home, policy, actor=admin)
    assert scenarios.row(session, home).approval_policy == {}


def test_policies_are_kept_and_audited(session: Session, admin: Actor, home: uuid.UUID) -> None:
    policies.set_approval_policy(session, home, ApprovalPolicy(40, 12, 0.6, False), actor=admin)
    policies.set_replay_policy(session, home, "strict", actor=admin)
    with pytest.raises(InvalidInput, match="strict, net"):
        policies.set_replay_policy(session, home, "lax", actor=admin)
    known = policies.read(session, home)
    assert (known.approval, known.replay) == (ApprovalPolicy(40, 12, 0.6, False), "strict")
    assert labels.replay_policy(session, home) == "strict"
    actions = session.scalars(select(AuditEvent.action).where(AuditEvent.object_id == str(home))).all()
    assert {"set_approval_policy", "set_replay_policy"} <= set(actions)


def test_the_share_is_fixed_by_the_first_execution(session: Session, admin: Actor, home: uuid.UUID) -> None:
    fresh = factories.workspace(session, admin)
    for share in (-0.1, 0.51, float("nan")):
        with pytest.raises(InvalidInput):
            policies.set_holdout_share(session, fresh, share, actor=admin)
    policies.set_holdout_share(session, fresh, 0.35, actor=admin)
    assert policies.read(session, fresh).holdout_share == 0.35
    with pytest.raises(Conflict, match="is fixed"):
        policies.set_holdout_share(session, home, 0.35, actor=admin)


def test_a_pinned_place_is_pinned_once_and_can_be_unpinned(session: Session, member: Actor, home: uuid.UUID) -> None:
    scenarios.judged(session, home, member)
    place = session.scalars(select(PlaceRow.id).where(PlaceRow.workspace_id == home)).first()
    assert place is not None
    policies.pin(session, home, place, actor=member)
    policies.pin(session, home, place, actor=member)
    [pin] = policies.pins(session, home)
    assert labels.label_set(session, home).pinned
    policies.unpin(session, home, pin.id, actor=member)
    assert policies.pins(session, home) == [] and not labels.label_set(session, home).pinned
    with pytest.raises(NotFound):
        policies.unpin(session, home, pin.id, actor=member)


def test_a_released_block_is_seen_for_ever(session: Session, member: Actor, admin: Actor) -> None:
    home = factories.workspace(session, admin)
    policies.set_holdout_share(session, home, 0.5, actor=admin)
    scenarios.deploy(session, scenarios.launch(session, home, member))
    for series in range(1, 9):  # each series has its own offset; at one half some lie in a block kept for testing
        scenarios.judged(session, home, member, right=12, series=series)
    held = [b for b in policies.blocks(session, home) if not b.released]
    assert held, "eight series at one half"
    block = held[0]
    with pytest.raises(InvalidInput, match="reason"):
        policies.release_block(session, home, block.series_id, block.block, reason=" ", actor=admin)
    with pytest.raises(Conflict, match="not kept for testing"):
        policies.release_block(session, home, block.series_id, block.block + 1, reason="r", actor=admin)
    policies.release_block(session, home, block.series_id, block.block, reason="We need them.", actor=admin)
    assert session.scalar(select(ReleasedBlock.block).where(ReleasedBlock.workspace_id == home)) == block.block
    seen = session.scalars(select(SeenPlace.anchor_bar).where(SeenPlace.workspace_id == home)).all()
    assert len(seen) >= block.places
    places = session.scalars(select(PlaceRow).where(PlaceRow.series_id == block.series_id)).all()
    assert all(p.split == "tune" and p.seen for p in places)
    with pytest.raises(Conflict, match="released already"):
        policies.release_block(session, home, block.series_id, block.block, reason="again", actor=admin)
