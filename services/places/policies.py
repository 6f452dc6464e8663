"""When a replay lets a version through, and when the hold-out ends an execution. Pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from services.places.claims import Change, compare
from services.places.counting import Fit

Policy = Literal["strict", "net"]
FIXED_PER_BROKEN = 3
LEAST_JUDGED, LEAST_UNSEEN = 30, 10  # judged places of an approval
HOLDOUT_LOSS = 2  # broken - fixed from which the hold-out ends an execution


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """What a workspace asks of an approval: how many judged places, how many of them unseen, the least lower bound of
    the rate's interval (None for none), and whether every dispute must be settled."""

    judged: int = LEAST_JUDGED
    unseen: int = LEAST_UNSEEN
    lower_bound: float | None = None
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a replay passes, why in one sentence, and which broken places stand in the way (place ids)."""

    passes: bool
    sentence: str
    in_the_way: tuple[str, ...]
    change: Change


def default_policy(workspace_status: str) -> Policy:
    """`strict` once the pattern is verified, `net` before."""
    return "strict" if workspace_status == "verified" else "net"


def replay(
    before: Fit,
    after: Fit,
    policy: Policy,
    *,
    only: Collection[str] | None = None,
    pinned: Collection[str] = (),
    waived: Collection[str] = (),
) -> Verdict:
    """Whether a candidate may deploy, by the places of `only` (those outside the hold-out).

    `strict`: no place that was right may break. `net`: places that two people confirmed, or that are pinned, never
    break; otherwise three fixed for each broken one, and a success rate that does not fall. A place that a person
    waived stands in nobody's way.
    """
    change = compare(before, after, only=only)
    broken = tuple(p for p in change.broken if p not in waived)
    if not broken:
        return Verdict(True, _counted(change), (), change)
    if policy == "strict":
        return Verdict(False, f"{_places(len(broken))} right and {_are(len(broken))} broken.", broken, change)
    then = before.by_id
    firm = tuple(p for p in broken if p in pinned or len(then[p].place.people) >= 2)
    if firm:
        return Verdict(
            False,
            f"{_places(len(firm))} confirmed by two people, or pinned, and {_are(len(firm))} broken.",
            firm,
            change,
        )
    if change.fixed_count < FIXED_PER_BROKEN * change.broken_count:
        return Verdict(
            False, f"{_counted(change)}: it takes {FIXED_PER_BROKEN} fixed for each broken one.", broken, change
        )
    if (change.rate_after or 0.0) < (change.rate_before or 0.0):
        return Verdict(False, f"{_counted(change)}: the success rate on the same places falls.", broken, change)
    return Verdict(True, _counted(change), (), change)


def holdout_ends(change: Change) -> bool:
    """Whether the hold-out, asked once, ends the execution without a deploy."""
    return change.broken_count - change.fixed_count >= HOLDOUT_LOSS


def _counted(change: Change) -> str:
    return f"{change.fixed_count} fixed, {change.broken_count} broken of {change.places} judged places"


def _places(count: int) -> str:
    return "1 judged place was" if count == 1 else f"{count} judged places were"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
