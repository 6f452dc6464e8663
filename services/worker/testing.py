"""Testing is done by the app, not by the agent's word: the repository's tests, the contract, the replay."""

from __future__ import annotations

import time
from typing import Protocol

from services import deployments, executions, feedback, releases, sessions
from services.agents.protocol import Refusal
from services.database.engine import transaction
from services.detectors import repository
from services.detectors.bundle import code_sha256, module_path, owned_paths, read_params, tests_path
from services.detectors.contract import ContractReport, check_contract
from services.detectors.gate import kept
from services.detectors.replay import ReplayResult, compare
from services.detectors.repository_tests import run_tests
from services.detectors.sandbox import warm
from services.detectors.scoring import Score
from services.detectors.types import Candles, Case, DetectorSpec, Matcher, Params
from services.detectors.windows import detect_windows, windows_of
from services.executions import PhaseFacts, Run, TestReport
from services.lifecycle import ExecutionPhase
from services.settings import get_settings
from services.texts import storable
from services.worker import own_tests
from services.worker.context import RunContext
from services.worker.phases import in_phase, open_worktree, origin_of, spec_of
from services.worker.results import GatesPassed, GatesRefused, ReplayCounts

TESTING = ExecutionPhase.TESTING
OWN_BARS = 5000  # of the workspace's candles that the contract is checked on, beside its own
PROGRESS_S = 2.0
LOG_CHARACTERS = 8000  # of a refusal, as the agent gets it
MATCHER = Matcher()


class _Refused(Exception):
    """A gate that did not pass; ends the testing of this round."""

    def __init__(self, gate: str, sentence: str, log: str = "", broken_ids: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.refusal = Refusal(gate, sentence, log[-LOG_CHARACTERS:], broken_ids)


class _Check(Protocol):
    """Keeps what one gate found as a checkpoint."""

    def __call__(self, key: str, text: str, details: str | None = None, ok: bool = True) -> None: ...


def test(ctx: RunContext, attempt: int, round_number: int) -> GatesPassed | GatesRefused:
    """Runs all gates on the worktree's commit; registers the candidate and stores its replay."""

    def body(run: Run) -> tuple[GatesPassed | GatesRefused, PhaseFacts]:
        open_worktree(ctx, run)
        gates = _Gates(ctx, run, attempt, round_number)
        try:
            result: GatesPassed | GatesRefused = gates.run_all()
        except _Refused as refused:
            result = GatesRefused(refused.refusal)
        return result, PhaseFacts(test_report=gates.test_report)

    return in_phase(ctx, TESTING, attempt, "Running the repository's tests", body)


class _Gates:
    """One round of testing. `test_report` is there once the repository's tests have run."""

    def __init__(self, ctx: RunContext, run: Run, attempt: int, round_number: int) -> None:
        self._ctx, self._run, self._attempt, self._round = ctx, run, attempt, round_number
        self.test_report: TestReport | None = None

    def run_all(self) -> GatesPassed:
        """Raises _Refused at the first gate that does not pass."""
        ctx, run = self._ctx, self._run
        _refuse_strangers(ctx, run)
        _refuse_fewer_tests(ctx, run, self._check)
        self._run_tests()
        spec = spec_of(ctx, run)
        if spec is None:
            raise _Refused("contract", f"The commit has no detector for the pattern '{run.pattern_type}'.")
        params = read_params(ctx.worktree, run.pattern_type) or spec.defaults()
        self._check_contract(spec, params)
        ctx.report(TESTING, self._attempt, 0.65, "Replaying all judged places")
        result, cases = _replay(ctx, run, params)
        if result is None:
            self._check("replay", "Replay: no judged places yet")
            return GatesPassed()
        with transaction() as session:
            waived = executions.waived_ids(session, run.id)
        _judge_replay(result, cases, self._check, waived)
        return GatesPassed(result.fixed_ids, ReplayCounts(len(result.fixed_ids), len(result.broken_ids)))

    def _check(self, key: str, text: str, details: str | None = None, ok: bool = True) -> None:
        self._ctx.checkpoint(TESTING, self._attempt, f"test:{self._round}:{key}", text, details, ok)

    def _run_tests(self) -> None:
        tests = run_tests(self._ctx.worktree, cancelled=self._ctx.cancelled)
        self._ctx.write(tests.output)
        self.test_report = TestReport(
            tests.passed,
            tests.total,
            tests.failed,
            round(tests.duration_s, 3),
            storable(tests.output[-20_000:]),
        )
        failed = f", {tests.failed} failed" if tests.failed else ""
        text = f"Repository tests: {tests.total - tests.failed} passed{failed}"
        self._check("tests", text, ok=tests.passed)
        if not tests.passed:
            raise _Refused("tests", f"{text}.", tests.output)

    def _check_contract(self, spec: DetectorSpec, params: Params) -> None:
        """Registers the candidate with what the contract's check came to."""
        self._ctx.report(TESTING, self._attempt, 0.35, "Checking the detector contract")
        contract = _contract(self._ctx, self._run, params, self._attempt)
        failure = contract.failure
        if failure is None:
            self._check("contract", f"Detector contract: {contract.cuts:,} runs, no look-ahead")
        else:
            self._check("contract", f"Detector contract broken: {failure.name}", failure.detail, ok=False)
        _register_candidate(self._ctx, self._run, spec, params, contract)
        if failure is not None:
            raise _Refused("contract", failure.detail)


def _refuse_strangers(ctx: RunContext, run: Run) -> None:
    """A change for one pattern touches nothing that others run on."""
    changed = repository.changed_files(ctx.worktree, run.base_commit) if run.base_commit else []
    strange = [name for name in changed if name not in owned_paths(run.pattern_type)]
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise _Refused("files", f"The change touches {strange[0]}{more}, which belongs to other patterns too.")


def _refuse_fewer_tests(ctx: RunContext, run: Run, check: _Check) -> None:
    """Tests that were there at the base commit are still there, and still run. Changed ones get a checkpoint."""
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


def _contract(ctx: RunContext, run: Run, params: Params, attempt: int) -> ContractReport:
    told = 0.0

    def progress(done: int, planned: int) -> None:
        nonlocal told
        if time.monotonic() - told > PROGRESS_S:
            told = time.monotonic()
            part = 0.35 + 0.3 * done / planned
            ctx.report(TESTING, attempt, part, f"Checking the detector contract: {done:,} of {planned:,} runs")

    folder = get_settings().data_dir
    return check_contract(
        ctx.worktree, run.pattern_type, params, own=_own_candles(ctx, run), salt=kept.salt(folder),
        cache=folder / "contracts", cancelled=ctx.cancelled, progress=progress,
    )  # fmt: skip


def _own_candles(ctx: RunContext, run: Run) -> Candles | None:
    """Candles of the workspace's latest session and what lies before, None when there is none yet."""
    with transaction() as session:
        latest = sessions.list_sessions(session, workspace_id=run.workspace_id, limit=5)
        details = [sessions.get(session, s.id) for s in latest]
    for detail in details:
        if detail.dataset_id is not None:
            whole = ctx.candles(str(detail.dataset_id))
            return whole[max(0, detail.end_index + 1 - OWN_BARS) : detail.end_index + 1]
    return None


def _register_candidate(
    ctx: RunContext, run: Run, spec: DetectorSpec, params: Params, contract: ContractReport
) -> None:
    head = repository.head(ctx.worktree)
    with transaction() as session:
        deployments.add_candidate(
            session,
            run.id,
            epoch=ctx.epoch,
            commit_hash=head,
            module_path=module_path(run.pattern_type),
            code_sha256=code_sha256(ctx.worktree, run.pattern_type),
            params=dict(params),
            spec=spec,
            origin=origin_of(run),
            contract_report=contract,
        )


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
            session,
            run.id,
            epoch=ctx.epoch,
            result=result,
            matcher=MATCHER,
            runtime_ms=round((time.monotonic() - started) * 1000),
        )
    return result, cases


def _judge_replay(result: ReplayResult, cases: list[Case], check: _Check, waived: frozenset[str]) -> None:
    """Refuses what breaks judged places, but for those that a person waived."""
    broken = [i for i in result.broken_ids if i not in waived]
    forgiven = len(result.broken_ids) - len(broken)
    text = f"Replay: {len(result.fixed_ids)} fixed, {len(result.broken_ids)} broken, {result.unchanged} unchanged"
    check("replay", text, _before_after(result), not broken)
    if forgiven:
        check("waived", f"{forgiven} of the broken places were waived by a person")
    if broken:
        holdout = {c.id for c in cases if c.split == "holdout"}
        told_to_agent = tuple(i for i in broken if i not in holdout)
        hidden = len(broken) - len(told_to_agent)
        more = f" ({hidden} of them in hold-out sessions)" if hidden else ""
        raise _Refused("replay", f"{len(broken)} judged places that were right are broken{more}.", text, told_to_agent)


def _before_after(result: ReplayResult) -> str:
    def one(name: str, before: Score | None, after: Score | None) -> str:
        if after is None:
            return ""
        now = f"{after.rate:.0%}" if after.rate is not None else "–"
        old = f"{before.rate:.0%} → " if before is not None and before.rate is not None else ""
        return f"{name} {old}{now} (n {after.n})"

    parts = [one("tune", result.before_tune, result.tune), one("hold-out", result.before_holdout, result.holdout)]
    return "; ".join([p for p in parts if p] + [result.evidence])
