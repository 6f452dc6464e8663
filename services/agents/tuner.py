"""The tuner: adopts a starter detector, or searches a detector's declared parameters for the best fit to its marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from services.agents.protocol import AgentChange, Plan, Refusal, Work
from services.agents.search import Evaluation, SearchResult, Value, search
from services.detectors.bundle import module_path, write_params
from services.detectors.judging import Window
from services.detectors.replay import judge_cases, tuning_counts
from services.detectors.sandbox import Worker, warm
from services.detectors.types import Detection, DetectorSpec, Params
from services.detectors.windows import detect_windows, windows_of
from services.errors import Cancelled, DetectorError, InvalidInput

SEED = 20
MIN_ITEMS = 20


class Tuner:
    """Searches parameters by cross-validation over tune sessions; never touches code, costs nothing."""

    name = "tuner"
    origin = "tuner"

    def __init__(self, *, max_points: int = 400) -> None:
        self.max_points = max_points

    def plan(self, work: Work, spec: DetectorSpec | None) -> Plan:
        """Reads the judged places and reproduces the corrections on the current version."""
        if spec is None:
            raise InvalidInput(
                f"The tuner has no starter detector for the pattern '{work.pattern_type}'; connect Claude to have "
                "one written.",
                failure="agent.no_starter",
            )
        if work.is_first:
            work.checkpoint("starter", f"Found the starter detector {module_path(work.pattern_type)}")
            return Plan(
                f"Adopt the starter detector with its {len(spec.params)} declared defaults as 0.1.0.",
                ("Write the defaults to the parameter file", "Test, check the contract, deploy"),
            )
        if len(work.cases) < MIN_ITEMS:
            raise InvalidInput(
                f"The tuner needs at least {MIN_ITEMS} judged marks in tune sessions; there are {len(work.cases)}.",
                failure="agent.too_few_marks",
            )
        counts = Counter(c.verdict for c in work.cases)
        work.checkpoint(
            "read",
            f"Read {len(work.sent_ids)} corrections and {len(work.cases)} judged marks",
            ", ".join(f"{n} {v.replace('_', ' ')}" for v, n in sorted(counts.items())),
        )
        work.report(0.3, "Reproducing the corrections on the current version")
        with warm(work.worktree, work.pattern_type) as worker:
            seen = judge_cases(work.cases, self._detect(worker, work, dict(work.current_params or spec.defaults())))
        sent = [c.id for c in work.cases if c.id in work.sent_ids]
        reproduced = sum(1 for i in sent if i in seen and not seen[i].passed)
        work.checkpoint("reproduced", f"Reproduced {reproduced} of {len(sent)} corrections on the current version")
        names = ", ".join(p.name for p in spec.params)
        sessions = len({c.session_id for c in work.cases})
        return Plan(
            f"Search {len(spec.params)} parameters ({names}) for the best fit to {len(work.cases)} judged marks "
            f"of {sessions} tune sessions.",
            (
                f"Try up to {self.max_points} points",
                "Choose by cross-validation over sessions",
                "Keep the old parameters when none is better",
            ),
        )

    def implement(self, work: Work, spec: DetectorSpec | None, plan: Plan) -> AgentChange:
        """Writes the defaults for a first version, else the parameters that the search chose."""
        assert spec is not None  # plan refuses without one
        if work.is_first:
            defaults = spec.defaults()
            write_params(work.worktree, work.pattern_type, defaults)
            work.checkpoint("adopted", "Wrote the parameter file with the declared defaults")
            return AgentChange(
                True,
                f"The tuner adopted the starter detector of {work.name} with its defaults.",
                f"Adopt the starter detector {work.pattern_type} with its defaults",
                ("starter detector adopted",),
            )
        result = self._search(work, spec)
        return self._apply(work, spec, result, result.best_params if result.improved else None)

    def refine(self, work: Work, spec: DetectorSpec | None, refusal: Refusal, round_number: int) -> AgentChange:
        """After a refused replay, the best parameters that were not refused yet; another gate it can't mend."""
        assert spec is not None  # plan refuses without one
        if refusal.gate == "replay" and not work.is_first:
            result = self._search(work, spec)
            return self._apply(work, spec, result, result.best_params if result.improved else None)
        if refusal.gate.startswith("deploy"):
            work.checkpoint("again", "Nothing to change", "The deploy is tried again as it is.")
            return AgentChange(False, "The deploy is tried again as it is.")
        work.checkpoint(
            f"refuse-{round_number}", "Nothing else to try", "A parameter search can't mend this gate.", ok=False
        )
        return AgentChange(False, f"The tuner has no other parameters that pass: {refusal.sentence}")

    def _detect(self, worker: Worker, work: Work, params: Params) -> Mapping[Window, Sequence[Detection]]:
        return detect_windows(worker, windows_of(work.cases), work.candles, params, cancelled=work.cancelled)

    def _search(self, work: Work, spec: DetectorSpec) -> SearchResult:
        current = dict(work.current_params or spec.defaults())
        with warm(work.worktree, work.pattern_type) as worker:
            baseline = judge_cases(work.cases, self._detect(worker, work, current))

            def evaluate(params: dict[str, Value]) -> Evaluation | None:
                if params in work.refused_params:
                    return None
                try:
                    counts, broken = tuning_counts(
                        work.cases,
                        self._detect(worker, work, params),
                        baseline=baseline,
                        exhaustive_windows=work.exhaustive,
                    )
                except DetectorError as error:
                    work.log(f"refused {params}: {error}")
                    return None
                return Evaluation(counts, broken)

            def progress(done: int, total: int, best: float) -> None:
                if done % 5 == 0 or done == total:
                    work.report(done / max(total, 1), f"Tried {done} of {total} points, best {best:.0%}")

            result = search(
                spec.params,
                current,
                evaluate,
                judged=len(work.cases),
                seed=SEED,
                max_points=self.max_points,
                min_items=MIN_ITEMS,
                on_progress=progress,
                cancelled=work.cancelled,
            )
        if result.stopped:
            raise Cancelled("The run was canceled.")
        for name, one in (("current", result.current), ("best", result.best)):
            work.log(
                f"search: {name} {one.params}: {_percent(one.cv_score)} of held-back marks right ({result.method}), "
                f"{_percent(one.pooled.rate)} of {one.pooled.n} in all, {one.broken} broken"
            )
        return result

    def _apply(
        self, work: Work, spec: DetectorSpec, result: SearchResult, params: dict[str, Value] | None
    ) -> AgentChange:
        before, after = result.current, result.best
        work.checkpoint(
            "searched",
            f"Tried {result.evaluated} points by {result.method}",
            f"Tune sessions {_percent(before.pooled.rate)} → {_percent(after.pooled.rate)} "
            f"({before.pooled.n} and {after.pooled.n} marks)",
        )
        if params is None:
            return AgentChange(
                False,
                f"The tuner tried {result.evaluated} points and found no parameters that fit the judged marks "
                "better without breaking one; the old ones stay.",
            )
        changes = tuple(
            f"{p.name} {_shown(before.params[p.name])} → {_shown(params[p.name])}"
            for p in spec.params
            if before.params[p.name] != params[p.name]
        )
        write_params(work.worktree, work.pattern_type, params)
        work.checkpoint("wrote", "Wrote the new parameters", ", ".join(changes))
        return AgentChange(
            True,
            f"The tuner changed {', '.join(changes)}; tune sessions {_percent(before.pooled.rate)} → "
            f"{_percent(after.pooled.rate)}.",
            f"Tune {work.pattern_type}: {', '.join(changes)}",
            changes,
        )


def _shown(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.0%}"
