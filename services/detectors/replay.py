"""Two versions of a detector on the same judged places: what got fixed, what broke, and how sure that is.

What passing means is in `judging`. A place that several sessions judged (a retest carries verdicts over) counts once
in the scores and in the p-value; every case still has its own result. Pure values, no I/O.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from typing import Literal

from services.detectors.judging import (
    DetectionId,
    Judgement,
    Seen,
    Window,
    disputed_cases,
    judge,
    unwanted,
    wanted,
    window_of,
)
from services.detectors.scoring import Counts, Score, evidence_sentence, mcnemar, score
from services.detectors.types import Case, Detection, Matcher

__all__ = ["CaseResult", "ReplayResult", "Seen", "Window", "compare", "judge_cases", "label_hash", "tuning_counts"]

Outcome = Literal["fixed", "broken", "unchanged"]
Detections = Mapping[Window, Sequence[Detection]]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case on both versions; `before` is None when there is no version before."""

    case_id: str
    before: bool | None
    after: bool
    outcome: Outcome
    before_seen: str | None
    after_seen: str


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """A replay. tp, fp, fn and `score` are of the version after, over places; `unjudged` are detections nobody judged.

    `tune` and `holdout` are the parts of `score` by the cases' split, None when a split has no case; the `before_…`
    scores are those of the version before, None without one. `fixed_places` and `broken_places` (each place once) are
    what `p_value` and `evidence` speak of. Disputed cases are in no result and no count.
    """

    results: tuple[CaseResult, ...]
    fixed_ids: tuple[str, ...]
    broken_ids: tuple[str, ...]
    unchanged: int
    disputed_ids: tuple[str, ...]
    tp: int
    fp: int
    fn: int
    unjudged: int
    score: Score
    tune: Score | None
    holdout: Score | None
    before_score: Score | None
    before_tune: Score | None
    before_holdout: Score | None
    fixed_places: int
    broken_places: int
    p_value: float | None
    evidence: str
    label_set_sha256: str

    @property
    def holdout_word(self) -> Literal["better", "worse", "same"] | None:
        """All that an agent may learn of the hold-out: the whole of it got better, worse or stayed the same."""
        if self.holdout is None or self.before_holdout is None:
            return None
        # A hold-out of false positives alone has nothing left to count once all are gone: nothing is wrong in it.
        before, after = (1.0 if s.rate is None else s.rate for s in (self.before_holdout, self.holdout))
        return "better" if after > before else "worse" if after < before else "same"


def judge_cases(
    cases: Collection[Case], detections_by_window: Detections, matcher: Matcher | None = None
) -> dict[str, Seen]:
    """How each case fares with one version's detections; disputed cases are left out.

    Raises ValueError for a case without the bar that its verdict needs, or whose window was not run.
    """
    return dict(judge(cases, detections_by_window, matcher or Matcher()).seen)


def compare(
    cases: Collection[Case],
    before: Detections | None,
    after: Detections,
    *,
    matcher: Matcher | None = None,
    exhaustive_windows: AbstractSet[Window] = frozenset(),
) -> ReplayResult:
    """Replay `cases` on the detections of two versions; `before` is None for a first version.

    A detection that touches no case is false in a window of `exhaustive_windows` (fully checked by its reviewer) and
    unjudged elsewhere. Raises ValueError as `judge_cases` does.
    """
    rule = matcher or Matcher()
    disputed = disputed_cases(cases, rule)
    clear = sorted((c for c in cases if c.id not in disputed), key=lambda c: c.id)
    now = judge(cases, after, rule)
    then = judge(cases, before, rule) if before is not None else None
    results = tuple(_result(c.id, then.seen[c.id] if then else None, now.seen[c.id]) for c in clear)
    fixed, broken = _changed_places(clear, results)
    counts = _counts(clear, now, exhaustive_windows)
    false_here = _loose(now, set(now.unmatched) & exhaustive_windows)
    return ReplayResult(
        results=results,
        fixed_ids=tuple(r.case_id for r in results if r.outcome == "fixed"),
        broken_ids=tuple(r.case_id for r in results if r.outcome == "broken"),
        unchanged=sum(r.outcome == "unchanged" for r in results),
        disputed_ids=tuple(sorted(disputed)),
        tp=counts.tp,
        fp=counts.fp,
        fn=counts.fn,
        unjudged=len(_loose(now, set(now.unmatched)) - false_here),
        score=score(*counts),
        tune=_split_score(clear, now, exhaustive_windows, "tune"),
        holdout=_split_score(clear, now, exhaustive_windows, "holdout"),
        before_score=score(*_counts(clear, then, exhaustive_windows)) if then else None,
        before_tune=_split_score(clear, then, exhaustive_windows, "tune"),
        before_holdout=_split_score(clear, then, exhaustive_windows, "holdout"),
        fixed_places=fixed,
        broken_places=broken,
        p_value=mcnemar(fixed, broken) if then else None,
        evidence=evidence_sentence(fixed, broken) if then else "There is no version before this one to compare with.",
        label_set_sha256=label_hash(cases),
    )


def tuning_counts(
    cases: Collection[Case],
    detections_by_window: Detections,
    *,
    baseline: Mapping[str, Seen] | None = None,
    matcher: Matcher | None = None,
    exhaustive_windows: AbstractSet[Window] = frozenset(),
) -> tuple[dict[str, Counts], int]:
    """What a parameter search needs of one candidate: counts by session, and how many cases it breaks.

    Broken are the cases that pass in `baseline` (`judge_cases` of the current version) and fail here. Sessions whose
    windows overlap hold the same labels, so they are counted together under the smallest of their ids: as two folds
    of a cross-validation they would leak into each other.
    """
    now = judge(cases, detections_by_window, matcher or Matcher())
    clear = [c for c in cases if c.id in now.seen]
    groups: dict[str, list[Case]] = defaultdict(list)
    owner = _session_groups(clear)
    for case in clear:
        groups[owner[case.session_id]].append(case)
    counts = {group: _counts(its, now, _own(its, exhaustive_windows)) for group, its in sorted(groups.items())}
    passed = {case_id for case_id, seen in (baseline or {}).items() if seen.passed}
    return counts, sum(not seen.passed for case_id, seen in now.seen.items() if case_id in passed)


def label_hash(cases: Iterable[Case]) -> str:
    """SHA-256 of the judged places, in any order. The split, which says how they are used, is left out."""
    rows = []
    for case in cases:
        fields = asdict(case)
        del fields["split"]
        rows.append(json.dumps(fields, sort_keys=True, ensure_ascii=True))
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def _result(case_id: str, before: Seen | None, after: Seen) -> CaseResult:
    outcome: Outcome = "unchanged"
    if before is not None and before.passed != after.passed:
        outcome = "fixed" if after.passed else "broken"
    passed, word = (None, None) if before is None else (before.passed, before.word)
    return CaseResult(case_id, passed, after.passed, outcome, word, after.word)


def _changed_places(cases: Sequence[Case], results: Sequence[CaseResult]) -> tuple[int, int]:
    """How many places were fixed and broken; a place passes when each case on it does."""
    groups: dict[tuple[object, ...], list[CaseResult]] = defaultdict(list)
    for case, result in zip(cases, results, strict=True):
        want, ban = wanted(case), unwanted(case)
        key = (case.dataset_id, case.kind, case.direction, want and want.index, ban and ban.index)
        groups[key].append(result)
    pairs = [(all(r.before for r in group), all(r.after for r in group)) for group in groups.values()]
    return sum(not b and a for b, a in pairs), sum(b and not a for b, a in pairs)


def _counts(cases: Sequence[Case], judgement: Judgement, exhaustive: AbstractSet[Window]) -> Counts:
    """Places found, falsely marked and missed; loose detections in fully checked windows are false, too."""
    found: dict[tuple[str, str, int, int], bool] = {}
    false: dict[tuple[str, str, int, int], bool] = {}
    for case in cases:
        seen, want, ban = judgement.seen[case.id], wanted(case), unwanted(case)
        if want is not None:
            key = (case.dataset_id, case.kind, case.direction, want.index)
            found[key] = found.get(key, True) and bool(seen.found)
        if ban is not None:
            key = (case.dataset_id, case.kind, case.direction, ban.index)
            false[key] = false.get(key, False) or bool(seen.false_mark)
    loose = len(_loose(judgement, set(judgement.unmatched) & exhaustive))
    tp = sum(found.values())
    return Counts(tp, sum(false.values()) + loose, len(found) - tp)


def _split_score(
    cases: Sequence[Case], judgement: Judgement | None, exhaustive: AbstractSet[Window], split: str
) -> Score | None:
    its = [c for c in cases if c.split == split]
    if judgement is None or not its:
        return None
    return score(*_counts(its, judgement, _own(its, exhaustive)))


def _own(cases: Iterable[Case], windows: AbstractSet[Window]) -> AbstractSet[Window]:
    return windows & {window_of(c) for c in cases}


def _loose(judgement: Judgement, windows: Iterable[Window]) -> frozenset[DetectionId]:
    return frozenset().union(*(judgement.unmatched[w] for w in windows))


def _session_groups(cases: Iterable[Case]) -> dict[str, str]:
    """The smallest session id among those that are linked by overlapping windows, by session id."""
    windows = sorted({(c.dataset_id, c.window_start, c.window_end, c.session_id) for c in cases})
    groups: list[set[str]] = []
    dataset, reach = "", -1
    for dataset_id, start, end, session_id in windows:
        if groups and dataset_id == dataset and start <= reach:
            groups[-1].add(session_id)
            reach = max(reach, end)
        else:
            groups.append({session_id})
            dataset, reach = dataset_id, end
    return {session_id: min(group) for group in groups for session_id in group}
