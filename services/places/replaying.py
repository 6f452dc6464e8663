"""Two versions on the same judged places: what got fixed, what broke, and what may be claimed of it. Pure, no I/O.

The replay itself looks at places outside the hold-out; the hold-out is a part of its own, of which nothing is told to
an agent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.detectors.types import Detection
from services.places.claims import Change, Claim, claim, compare, seen_words
from services.places.counting import Fate, Fit
from services.places.labels import LabelSet, Window
from services.places.policies import Policy, Verdict, holdout_ends, replay
from services.places.rates import Rate

Outcome = Literal["fixed", "broken", "unchanged"]
Detections = Mapping[Window, Sequence[Detection]]
FIRST = "There is no version before this one to compare with."


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One judgement on both versions; `before` is None when there is no version before. It passes when all its places
    are right."""

    case_id: str
    before: bool | None
    after: bool
    outcome: Outcome
    before_seen: str | None
    after_seen: str


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """A replay of a candidate. `score` and the counts are of the version after over all judged places.

    `verdict` is the policy's, over places outside the hold-out; `tune_change` what changed there, each move once.
    `holdout_change` is None without a version before. The ids of results, `fixed_ids` and `broken_ids` (outside the
    hold-out) are those of judgements; `blocking_ids` are the broken ones that stand in the way, `holding_ids` all that
    the version after satisfies.
    """

    results: tuple[CaseResult, ...]
    fixed_ids: tuple[str, ...]
    broken_ids: tuple[str, ...]
    blocking_ids: tuple[str, ...]
    unchanged: int
    disputed_ids: tuple[str, ...]
    score: Rate
    tune: Rate | None
    holdout: Rate | None
    before_score: Rate | None
    before_tune: Rate | None
    before_holdout: Rate | None
    verdict: Verdict | None
    tune_change: Change | None
    holdout_change: Change | None
    claim: Claim | None
    evidence: str
    label_set_sha256: str

    @property
    def holding_ids(self) -> tuple[str, ...]:
        return tuple(r.case_id for r in self.results if r.after)

    @property
    def holdout_ends(self) -> bool:
        """Whether the hold-out ends the execution without a deploy."""
        return self.holdout_change is not None and holdout_ends(self.holdout_change)

    @property
    def holdout_word(self) -> Literal["better", "worse", "same"] | None:
        """The hold-out as a whole, None when it holds no place that both versions were judged on."""
        change = self.holdout_change
        if change is None or not change.places:
            return None
        return "better" if change.net > 0 else "worse" if change.net < 0 else "same"


def replay_versions(
    labels: LabelSet,
    before: Detections | None,
    after: Detections,
    *,
    policy: Policy,
    waived: Collection[str] = (),
    copies: Collection[str] = (),
) -> ReplayResult:
    """Replays the judged places on the detections of two versions; `before` is None for a first version.

    `waived` are judgements whose broken places a person accepted, `copies` carried ones, which have no result.
    """
    tune, held = labels.only("tune"), labels.only("holdout")
    now, then = labels.fit(after), labels.fit(before) if before is not None else None
    tune_now, held_now = tune.fit(after), held.fit(after)
    verdict = change = held_change = said = None
    tune_then = held_then = None
    evidence = FIRST
    if before is not None:
        tune_then, held_then = tune.fit(before), held.fit(before)
        accepted = {p.id for p in labels.places if set(p.judgements) & set(waived)}
        verdict = replay(tune_then, tune_now, policy, pinned=labels.pinned, waived=accepted)
        change, held_change = verdict.change, compare(held_then, held_now)
        unseen = {p.id for p in held.places} & labels.unseen
        said = claim(compare(held_then, held_now, only=unseen))
        evidence = f"{seen_words(change)}. {said.sentence}"
    results = _results(now, then, set(copies))
    told = set(change.broken) if change is not None else set()
    lost = {j for p in labels.places if p.id in told for j in p.judgements}
    blocking = set(verdict.in_the_way) if verdict is not None and not verdict.passes else set()
    return ReplayResult(
        results=results,
        fixed_ids=tuple(r.case_id for r in results if r.outcome == "fixed"),
        broken_ids=tuple(r.case_id for r in results if r.outcome == "broken" and r.case_id in lost),
        blocking_ids=tuple(sorted({j for p in labels.places if p.id in blocking for j in p.judgements} - set(copies))),
        unchanged=sum(r.outcome == "unchanged" for r in results),
        disputed_ids=tuple(sorted({j for p, _ in now.unsettled if p.status == "disputed" for j in p.judgements})),
        score=labels.rate(now),
        tune=_rate(tune, tune_now),
        holdout=_rate(held, held_now),
        before_score=labels.rate(then) if then is not None else None,
        before_tune=_rate(tune, tune_then),
        before_holdout=_rate(held, held_then),
        verdict=verdict,
        tune_change=change,
        holdout_change=held_change,
        claim=said,
        evidence=evidence,
        label_set_sha256=labels.hash,
    )


def _rate(labels: LabelSet, fitted: Fit | None) -> Rate | None:
    return labels.rate(fitted) if fitted is not None and fitted.fates else None


def _results(now: Fit, then: Fit | None, copies: Collection[str]) -> tuple[CaseResult, ...]:
    after, before = _by_judgement(now), _by_judgement(then) if then is not None else {}
    made = []
    for judgement in sorted(set(after) - set(copies)):
        right = all(f.right for f in after[judgement])
        was = all(f.right for f in before[judgement]) if judgement in before else None
        outcome: Outcome = "unchanged" if was is None or was == right else "fixed" if right else "broken"
        made.append(
            CaseResult(
                judgement,
                was,
                right,
                outcome,
                _word(before[judgement]) if judgement in before else None,
                _word(after[judgement]),
            )
        )
    return tuple(made)


def _by_judgement(fitted: Fit) -> dict[str, list[Fate]]:
    found: dict[str, list[Fate]] = {}
    for fate in fitted.fates:
        for judgement in fate.place.judgements:
            found.setdefault(judgement, []).append(fate)
    return found


def _word(fates: Sequence[Fate]) -> str:
    """How a judgement's places fared, shortly: exact, off by 1, absent, found, at the old place."""
    wanted = [f for f in fates if f.place.status == "present"]
    banned = [f for f in fates if f.place.status == "absent"]
    still = any(f.mark is not None for f in banned)
    if not wanted:
        return "found" if still else "absent"
    hit = next((f for f in wanted if f.mark is not None), None)
    if hit is None or hit.mark is None:
        return "at the old place" if still else "absent"
    if still:
        return "also at the old place"
    bars = abs(hit.mark.spot.bar - hit.place.spot.bar)
    return f"off by {bars}" if bars else "exact"
