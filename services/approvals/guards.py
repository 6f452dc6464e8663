"""What must hold before an approval, line by line with its numbers, and what voids one. Pure decisions on evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.approvals.approved import Approved
from services.approvals.evidence import Evidence
from services.errors import GuardFailed
from services.places import Rate
from services.places.policies import HOLDOUT_LOSS

WAIVABLE: Final = ("judged", "unseen", "lower_bound", "settled")


@dataclass(frozen=True, slots=True)
class Guard:
    """One condition of a decision, as the page lists it. `waived` says who waived it and why."""

    name: str
    holds: bool
    sentence: str
    waived: str = ""

    @property
    def waivable(self) -> bool:
        return self.name in WAIVABLE and not self.holds


def approval_guards(current: Evidence) -> list[Guard]:
    """The policy's checklist on the evidence as it stands."""
    policy, total, unseen = current.policy, current.total, current.unseen
    guards = [
        Guard(
            "deployed",
            current.version_id is not None,
            f"v{current.version} is deployed" if current.version_id else "No version is deployed yet",
        ),
        Guard(
            "judged",
            bool(current.session_ids) and total.n >= policy.judged,
            f"{_places(total.n)} in {sessions_of(current)} on v{current.version}; {policy.judged} are needed",
        ),
        Guard(
            "unseen",
            unseen.n >= policy.unseen,
            f"{unseen.n} of them unseen; {policy.unseen} are needed",
        ),
    ]
    if policy.lower_bound is not None:
        low = total.ci_low or 0.0
        guards.append(
            Guard(
                "lower_bound",
                low >= policy.lower_bound,
                f"The rate's interval begins at {low:.0%}; {policy.lower_bound:.0%} is needed",
            )
        )
    if policy.settled:
        count = current.disputes
        guards.append(
            Guard(
                "settled",
                not count,
                f"{count} dispute{'' if count == 1 else 's'} unsettled" if count else "No dispute is unsettled",
            )
        )
    return [_waived(guard, current) for guard in [*guards, quiet(current)]]


def _waived(guard: Guard, current: Evidence) -> Guard:
    """A waived line holds, and says who waived it."""
    waiver = current.waived.get(guard.name)
    if guard.holds or waiver is None:
        return guard
    words = f"waived by {waiver.by}: {waiver.reason}"
    return Guard(guard.name, True, f"{guard.sentence} ({words})", words)


def _places(count: int) -> str:
    return f"{count} judged place{'' if count == 1 else 's'}"


def sessions_of(current: Evidence) -> str:
    count = len(current.session_ids)
    return f"{count} completed session{'' if count == 1 else 's'}"


def quiet(current: Evidence) -> Guard:
    number = current.live_execution
    return Guard("quiet", number is None, "No live execution" if number is None else f"Execution {number} is live")


def refuse_unless(guards: Sequence[Guard]) -> None:
    """Raises GuardFailed with every condition that does not hold."""
    failing = [g.sentence for g in guards if not g.holds]
    if failing:
        raise GuardFailed("Not yet: " + "; ".join(failing) + ".")


@dataclass(frozen=True, slots=True)
class Cause:
    """What changed under an approval, from what to what."""

    what: str
    before: str
    after: str

    @property
    def sentence(self) -> str:
        return f"{self.what}: {self.before} → {self.after}"


def same_build(approved: Approved, current: Evidence) -> bool:
    return (
        approved.version_id == str(current.version_id)
        and approved.code_sha256 == current.code_sha256
        and approved.params_sha256 == current.params_sha256
    )


def void_causes(approved: Approved, current: Evidence, absent: frozenset[str] = frozenset()) -> list[Cause]:
    """Why an approval no longer holds; empty while it does. `absent` are the places that are judged absent now."""
    if not same_build(approved, current):
        before = f"v{approved.version} ({str(approved.commit_hash)[:7]})"
        return [Cause("Deployed version", before, f"v{current.version} ({str(current.commit_hash)[:7]})")]
    causes = [
        Cause("A line of the checklist", "met", guard.sentence)
        for guard in approval_guards(current)
        if not guard.holds and guard.name != "quiet"
    ]
    low, now = approved.ci_low, current.total.rate
    if low is not None and now is not None and now < low:
        causes.append(Cause("Success rate", _interval(approved), f"{now:.0%} of {current.n}"))
    lost = set(approved.present) & absent
    if lost:
        causes.append(Cause("Places found right at the approval", f"{len(lost)} present", f"{len(lost)} judged absent"))
    loss = _holdout_loss(approved.held, current.held)
    if loss >= HOLDOUT_LOSS:
        causes.append(Cause("Places kept for testing", "as approved", f"{loss} more wrong than right again"))
    return causes


def _holdout_loss(before: Mapping[str, bool], now: Mapping[str, bool]) -> int:
    both = before.keys() & now.keys()
    return sum(before[p] and not now[p] for p in both) - sum(now[p] and not before[p] for p in both)


def _interval(approved: Approved) -> str:
    if approved.success_rate is None:
        return "none"
    low, high = approved.ci_low or 0.0, 1.0 if approved.ci_high is None else approved.ci_high
    return f"{approved.success_rate:.0%} of {approved.n} ({low:.0%} to {high:.0%})"


def since_approval(approved: Approved, current: Evidence) -> list[Cause]:
    """What is different from the approved evidence without voiding it."""
    whole = "not judged" if approved.success_rate is None else f"{approved.success_rate:.0%} of {approved.n}"
    pairs = [
        ("Rate on all places", whole, _words(current.total)),
        ("Rate on unseen places", _words(approved.unseen), _words(current.unseen)),
        ("Completed sessions", str(len(approved.session_ids)), str(len(current.session_ids))),
        ("Open corrections", str(approved.open_corrections), str(current.open_corrections)),
        ("Disputes", str(approved.disputes), str(current.disputes)),
    ]
    changed = [Cause(*pair) for pair in pairs if pair[1] != pair[2]]
    if not changed and approved.label_set_sha256 not in (None, current.label_set_sha256):
        changed.append(Cause("Judged places", "as approved", "changed, with the same counts"))
    return changed


def _words(found: Rate | None) -> str:
    return "not judged" if found is None or found.rate is None else f"{found.rate:.0%} of {found.n}"
