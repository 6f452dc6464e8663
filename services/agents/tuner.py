"""The tuner: adopts a starter detector, or searches a detector's declared parameters for the best fit to its marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from services.agents.costs import costs, make_blocks, mean_cost
from services.agents.protocol import AgentChange, GateRefusal, Plan, Work
from services.agents.search import Evaluation, SearchResult, Value, search
from services.detectors.bundle import module_path, write_params
from services.detectors.sandbox import Worker, warm
from services.detectors.types import Detection, DetectorSpec, Params
from services.detectors.windows import detect_windows
from services.errors import Cancelled, DetectorError, InvalidInput
from services.places import Window, replay

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
        judged = work.labels.judged
        if judged < MIN_ITEMS:
            raise InvalidInput(
                f"The tuner needs at least {MIN_ITEMS} judged places that are not kept for testing; there are {judged}.",
                failure="agent.too_few_marks",
            )
        counts = Counter(p.status for p in work.labels.places)
        work.checkpoint(
            "read",
            f"Read {len(work.sent_ids)} corrections and {judged} judged places",
            ", ".join(f"{n} {status}" for status, n in sorted(counts.items())),
        )
        work.report(0.3, "Reproducing the corrections on the current version")
        with warm(work.worktree, work.pattern_type) as worker:
            now = work.labels.fit(self._detect(worker, work, dict(work.current_params or spec.defaults())))
        right = {j: f.right for f in now.fates for j in f.place.judgements}
        sent = [i for i in work.sent_ids if i in right]
        reproduced = sum(not right[i] for i in sent)
        work.checkpoint("reproduced", f"Reproduced {reproduced} of {len(sent)} corrections on the current version")
        names = ", ".join(p.name for p in spec.params)
        return Plan(
            f"Search {len(spec.params)} parameters ({names}) for the lowest cost on {judged} judged places.",
            (
                f"Try up to {self.max_points} points",
                "Choose by what holds on bars that the choice did not see",
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

    def refine(self, work: Work, spec: DetectorSpec | None, refusal: GateRefusal, round_number: int) -> AgentChange:
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
        return detect_windows(worker, work.labels.windows, work.candles, params, cancelled=work.cancelled)

    def _search(self, work: Work, spec: DetectorSpec) -> SearchResult:
        current = dict(work.current_params or spec.defaults())
        blocks = make_blocks(work.labels)
        with warm(work.worktree, work.pattern_type) as worker:
            now = work.labels.fit(self._detect(worker, work, current))
            precision = now.counts.precision or 0.0

            def evaluate(params: dict[str, Value]) -> Evaluation | None:
                if params in work.refused_params:
                    return None
                try:
                    fitted = work.labels.fit(self._detect(worker, work, params))
                except DetectorError as error:
                    work.log(f"refused {params}: {error}")
                    return None
                verdict = replay(now, fitted, work.policy, pinned=work.labels.pinned)
                return Evaluation(costs(fitted, blocks, precision), verdict.passes)

            def progress(done: int, total: int, best: float) -> None:
                if done % 5 == 0 or done == total:
                    work.report(done / max(total, 1), f"Tried {done} of {total} points, lowest cost {best:.1f}")

            result = search(
                spec.params,
                current,
                evaluate,
                judged=work.labels.judged,
                seed=SEED,
                max_points=self.max_points,
                min_items=MIN_ITEMS,
                on_progress=progress,
                cancelled=work.cancelled,
            )
        if result.stopped:
            raise Cancelled("The run was canceled.")
        for name, one in (("current", result.current), ("chosen", result.best)):
            work.log(f"search: {name} {one.params}: cost {one.cost:.2f} on {work.labels.judged} seen places")
        if result.expected_gain is not None and result.gain_error is not None:
            work.log(
                f"search: on bars the choice did not see it gains {result.expected_gain:.2f} ± {result.gain_error:.2f}"
            )
        return result

    def _apply(
        self, work: Work, spec: DetectorSpec, result: SearchResult, params: dict[str, Value] | None
    ) -> AgentChange:
        before, after = result.current, result.best
        seen = f"{_cost(before.costs, work)} → {_cost(after.costs, work)} a judged place (seen)"
        expected = (
            "too few judged places to tell what to expect elsewhere"
            if result.expected_gain is None or result.gain_error is None
            else f"expected elsewhere: {result.expected_gain:+.1f} ± {result.gain_error:.1f} fewer errors"
        )
        work.checkpoint("searched", f"Tried {result.evaluated} points", f"Cost {seen}; {expected}.")
        if params is None:
            return AgentChange(
                False,
                f"The tuner tried {result.evaluated} points and found no parameters that surely do better on bars "
                "they were not chosen on; the old ones stay.",
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
            f"The tuner changed {', '.join(changes)}: cost {seen}; {expected}.",
            f"Tune {work.pattern_type}: {', '.join(changes)}",
            changes,
        )


def _cost(its: Sequence[float], work: Work) -> str:
    """A cost a judged place, for people."""
    return f"{mean_cost(its, work.labels.judged):.2f}"


def _shown(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
