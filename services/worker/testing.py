"""Testing is done by the app, not by the agent's word: the repository's tests, the contract, the replay."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from services import deployments, executions, feedback, releases, sessions
from services.database.engine import transaction
from services.detectors import repository
from services.detectors.bundle import code_sha256, module_path, owned_paths, read_params, tests_path
from services.detectors.contract import ContractReport, check_contract
from services.detectors.replay import ReplayResult, compare
from services.detectors.repository_tests import run_tests
from services.detectors.sandbox import warm
from services.detectors.types import CANDLE_DTYPE, Candles, Case, DetectorSpec, Matcher, Params
from services.detectors.windows import detect_windows, windows_of
from services.executions import Run
from services.lifecycle import ExecutionPhase
from services.texts import storable
from services.worker import own_tests
from services.worker.context import RunContext
from services.worker.phases import Outcome, in_phase, open_worktree, origin_of, spec_of

TESTING = ExecutionPhase.TESTING
CUTS = 20
CONTRACT_BARS = 1500  # of one dataset; a detector's answers beyond that add time, not evidence
MATCHER = Matcher()


class _Refused(Exception):
    """A gate that did not pass; ends the testing of this round."""

    def __init__(self, gate: str, sentence: str, log: str = "", broken_ids: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.gate, self.sentence, self.log, self.broken_ids = gate, sentence, log, broken_ids


def test(ctx: RunContext, attempt: int, round_number: int) -> Outcome:
    """Runs all gates on the worktree's commit; registers the candidate and stores its replay."""

    def body(run: Run) -> tuple[Outcome, dict[str, Any]]:
        open_worktree(ctx, run)
        facts: dict[str, Any] = {}
        try:
            outcome = _gates(ctx, run, attempt, round_number, facts)
        except _Refused as no:
            outcome = {
                "outcome": "refused",
                "refusal": {"gate": no.gate, "sentence": no.sentence, "log": no.log[-8000:],
                            "broken_ids": list(no.broken_ids)},
            }  # fmt: skip
        return outcome, facts

    return in_phase(ctx, TESTING, attempt, "Running the repository's tests", body)


def _gates(ctx: RunContext, run: Run, attempt: int, round_number: int, facts: dict[str, Any]) -> Outcome:
    def check(key: str, text: str, details: str | None = None, ok: bool = True) -> None:
        ctx.checkpoint(TESTING, attempt, f"test:{round_number}:{key}", text, details, ok)

    _refuse_strangers(ctx, run)
    _refuse_fewer_tests(ctx, run, check)
    tests = run_tests(ctx.worktree, cancelled=ctx.cancelled)
    ctx.write(tests.output)
    facts["test_report"] = {
        "passed": tests.passed, "total": tests.total, "failed": tests.failed,
        "duration_s": round(tests.duration_s, 3), "output": storable(tests.output[-20_000:]),
    }  # fmt: skip
    said = f"Repository tests: {tests.total - tests.failed} passed" + (
        f", {tests.failed} failed" if tests.failed else ""
    )
    check("tests", said, ok=tests.passed)
    if not tests.passed:
        raise _Refused("tests", f"{said}.", tests.output)

    spec = spec_of(ctx, run)
    if spec is None:
        raise _Refused("contract", f"The commit has no detector for the pattern '{run.pattern_type}'.")
    params = read_params(ctx.worktree, run.pattern_type) or spec.defaults()
    ctx.report(TESTING, attempt, 0.35, "Checking the detector contract")
    contract = _contract(ctx, run, params)
    failure = contract.failure
    check(
        "contract",
        f"Detector contract: {contract.cuts} cuts, no look-ahead"
        if failure is None
        else f"Detector contract broken: {failure.name}",
        failure.detail if failure else None,
        failure is None,
    )
    candidate = _candidate(ctx, run, spec, params, contract)
    if failure is not None:
        raise _Refused("contract", failure.detail)

    ctx.report(TESTING, attempt, 0.65, "Replaying all judged places")
    result, cases = _replay(ctx, run, params)
    if result is None:
        check("replay", "Replay: no judged places yet")
        return {"outcome": "ok", "fixed_ids": [], "replay": None, "candidate": str(candidate)}
    with transaction() as session:
        waived = executions.waived_ids(session, run.id)
    _judge_replay(result, cases, check, waived)
    return {
        "outcome": "ok", "fixed_ids": list(result.fixed_ids), "candidate": str(candidate),
        "replay": _summary(result),
    }  # fmt: skip


def _refuse_strangers(ctx: RunContext, run: Run) -> None:
    """A change for one pattern touches nothing that others run on."""
    changed = repository.changed_files(ctx.worktree, run.base_commit) if run.base_commit else []
    strange = [name for name in changed if name not in owned_paths(run.pattern_type)]
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise _Refused("files", f"The change touches {strange[0]}{more}, which belongs to other patterns too.")


def _refuse_fewer_tests(ctx: RunContext, run: Run, check: Any) -> None:
    """Tests that were there at the base commit are still there, and still run. Changed ones are told of."""
    if run.base_commit is None:
        return
    name = tests_path(run.pattern_type)
    before = repository.show(ctx.worktree, run.base_commit, name)
    after = repository.show(ctx.worktree, "HEAD", name)
    if before == after:
        return
    reason = own_tests.refusal(before, after)
    if reason is not None:
        check("own-tests", "The pattern's tests were cut down", reason, False)
        raise _Refused("tests", reason)
    count = len(own_tests.tests_in(after or "")) - len(own_tests.tests_in(before or ""))
    added = f"{count} added" if count else "none added"
    check("own-tests", f"The pattern's own tests were changed: {added}, none removed", "Read them in the diff.")


def _contract(ctx: RunContext, run: Run, params: Params) -> ContractReport:
    return check_contract(
        ctx.worktree, run.pattern_type, _contract_candles(ctx, run), params, cuts=CUTS,
        seed=run.number, cancelled=ctx.cancelled,
    )  # fmt: skip


def _contract_candles(ctx: RunContext, run: Run) -> Candles:
    """Real candles of the workspace's latest session, else a seeded random walk when there is none yet."""
    with transaction() as session:
        latest = sessions.list_sessions(session, workspace_id=run.workspace_id, limit=5)
        details = [sessions.get(session, s.id) for s in latest]
    for detail in details:
        if detail.dataset_id is not None:
            whole = ctx.candles(str(detail.dataset_id))
            first = max(0, detail.end_index + 1 - CONTRACT_BARS)
            return whole[first : detail.end_index + 1]
    return random_walk(CONTRACT_BARS, seed=run.number)


def random_walk(bars: int, *, seed: int) -> Candles:
    """Seeded daily candles, shape (bars,); only for checks before any real candles were imported."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.015, bars)))
    opened = np.concatenate([[100.0], close[:-1]])
    candles = np.zeros(bars, dtype=CANDLE_DTYPE)
    candles["time"], candles["open"], candles["close"] = np.arange(bars) * 86_400, opened, close
    candles["high"] = np.maximum(opened, close) * (1 + rng.uniform(0, 0.01, bars))
    candles["low"] = np.minimum(opened, close) * (1 - rng.uniform(0, 0.01, bars))
    candles["volume"] = 1000.0
    return candles


def _candidate(ctx: RunContext, run: Run, spec: DetectorSpec, params: Params, contract: ContractReport) -> object:
    head = repository.head(ctx.worktree)
    with transaction() as session:
        return deployments.add_candidate(
            session, run.id, epoch=ctx.epoch, commit_hash=head, module_path=module_path(run.pattern_type),
            code_sha256=code_sha256(ctx.worktree, run.pattern_type), params=dict(params), spec=spec,
            origin=origin_of(run), contract_report=contract.as_dict(),
        )  # fmt: skip


def _replay(ctx: RunContext, run: Run, params: Params) -> tuple[ReplayResult | None, list[Case]]:
    """All judged places, hold-out ones too: the gate needs them, the agent never sees them."""
    with transaction() as session:
        cases = feedback.cases(session, run.workspace_id)
        version = deployments.get_version(session, run.deployed_version_id) if run.deployed_version_id else None
    if not cases:
        return None, []
    started = time.monotonic()
    windows = windows_of(cases)
    with warm(ctx.worktree, run.pattern_type) as worker:
        after = detect_windows(worker, windows, ctx.candles, params, cancelled=ctx.cancelled)
    before = None
    if version is not None:
        with warm(releases.release(version.commit_hash), run.pattern_type) as worker:
            before = detect_windows(worker, windows, ctx.candles, version.params, cancelled=ctx.cancelled)
    result = compare(cases, before, after, matcher=MATCHER, exhaustive_windows=ctx.exhaustive(run) & set(windows))
    with transaction() as session:
        deployments.add_replay(
            session, run.id, epoch=ctx.epoch, result=result, matcher=MATCHER,
            runtime_ms=round((time.monotonic() - started) * 1000),
        )  # fmt: skip
    return result, cases


def _summary(result: ReplayResult) -> dict[str, Any]:
    def rates(before: Any, after: Any) -> list[float | None]:
        return [before.rate if before else None, after.rate if after else None]

    return {
        "fixed": len(result.fixed_ids), "broken": len(result.broken_ids), "unchanged": result.unchanged,
        "tune": rates(result.before_tune, result.tune), "holdout": rates(result.before_holdout, result.holdout),
        "evidence": result.evidence,
    }  # fmt: skip


def _judge_replay(result: ReplayResult, cases: list[Case], check: Any, waived: frozenset[str]) -> None:
    """Refuses what breaks judged places, but for those that a person waived."""
    broken = [i for i in result.broken_ids if i not in waived]
    forgiven = len(result.broken_ids) - len(broken)
    said = f"Replay: {len(result.fixed_ids)} fixed, {len(result.broken_ids)} broken, {result.unchanged} unchanged"
    check("replay", said, _before_after(result), not broken)
    if forgiven:
        check("waived", f"{forgiven} of the broken places were waived by a person")
    if broken:
        holdout = {c.id for c in cases if c.split == "holdout"}
        shown = tuple(i for i in broken if i not in holdout)
        hidden = len(broken) - len(shown)
        more = f" ({hidden} of them in hold-out sessions)" if hidden else ""
        raise _Refused("replay", f"{len(broken)} judged places that were right are broken{more}.", said, shown)


def _before_after(result: ReplayResult) -> str:
    def one(name: str, before: Any, after: Any) -> str:
        if after is None:
            return ""
        now = f"{after.rate:.0%}" if after.rate is not None else "–"
        old = f"{before.rate:.0%} → " if before is not None and before.rate is not None else ""
        return f"{name} {old}{now} (n {after.n})"

    parts = [one("tune", result.before_tune, result.tune), one("hold-out", result.before_holdout, result.holdout)]
    return "; ".join([p for p in parts if p] + [result.evidence])
