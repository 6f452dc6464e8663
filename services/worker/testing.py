"""Testing is done by the app, not by the agent's word: the repository's tests, the contract, the replay."""

from __future__ import annotations

import time
from typing import Protocol

from services import deployments, executions, labels, releases, sessions
from services.agents.protocol import GateRefusal
from services.database.engine import transaction
from services.detectors import repository
from services.detectors.bundle import code_sha256, module_path, owned_paths, read_params, tests_path
from services.detectors.contract import ContractReport, check_contract
from services.detectors.gate import kept
from services.detectors.repository_tests import run_tests
from services.detectors.sandbox import warm
from services.detectors.types import Candles, DetectorSpec, Params
from services.detectors.windows import detect_windows
from services.errors import RepositoryError
from services.executions import ExecutionRun, KeptTestReport, PhaseFacts
from services.lifecycle import ExecutionPhase
from services.places import ReplayResult, replay_versions
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


class _Refused(Exception):
    """A gate that did not pass; ends the testing of this round."""

    def __init__(self, gate: str, sentence: str, log: str = "", broken_ids: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.refusal = GateRefusal(gate, sentence, log[-LOG_CHARACTERS:], broken_ids)


class _Check(Protocol):
    """Keeps what one gate found as a checkpoint."""

    def __call__(self, key: str, text: str, details: str | None = None, ok: bool = True) -> None: ...


def test(ctx: RunContext, attempt: int, round_number: int) -> GatesPassed | GatesRefused:
    """Runs all gates on the worktree's commit; registers the candidate and stores its replay."""

    def body(run: ExecutionRun) -> tuple[GatesPassed | GatesRefused, PhaseFacts]:
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

    def __init__(self, ctx: RunContext, run: ExecutionRun, attempt: int, round_number: int) -> None:
        self._ctx, self._run, self._attempt, self._round = ctx, run, attempt, round_number
        self.test_report: KeptTestReport | None = None

    def run_all(self) -> GatesPassed:
        """Raises _Refused at the first gate that does not pass."""
        ctx, run = self._ctx, self._run
        _refuse_strangers(ctx, run)
        _refuse_fewer_tests(ctx, run, self._check)
        self._run_tests()
        spec = spec_of(ctx, run)
        if spec is None:
            raise _Refused("contract", f"The commit has no detector for the pattern '{run.pattern_type}'.")
        params = _params(ctx, run) or spec.defaults()
        self._check_contract(spec, params)
        ctx.report(TESTING, self._attempt, 0.65, "Replaying all judged places")
        result = _replay(ctx, run, params)
        if result is None:
            self._check("replay", "Replay: no judged places yet")
            return GatesPassed()
        with transaction() as session:
            waived = executions.waived_ids(session, run.id)
        _judge_replay(result, self._check, waived)
        change = result.tune_change
        counts = ReplayCounts(change.fixed_count, change.broken_count) if change is not None else ReplayCounts(0, 0)
        with transaction() as session:
            asked = executions.ask_holdout(session, run.id, epoch=ctx.epoch)
        return GatesPassed(result.holding_ids, counts, holdout_lost=asked and result.holdout_ends)

    def _check(self, key: str, text: str, details: str | None = None, ok: bool = True) -> None:
        self._ctx.checkpoint(TESTING, self._attempt, f"test:{self._round}:{key}", text, details, ok)

    def _run_tests(self) -> None:
        tests = run_tests(self._ctx.worktree, cancelled=self._ctx.cancelled)
        self._ctx.write(tests.output)
        self.test_report = KeptTestReport(
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


def _params(ctx: RunContext, run: ExecutionRun) -> Params | None:
    """The parameters of the commit, None when it has none; those that can't be used go back to who wrote them."""
    try:
        return read_params(ctx.worktree, run.pattern_type)
    except RepositoryError as error:
        raise _Refused("contract", error.sentence) from error


def _refuse_strangers(ctx: RunContext, run: ExecutionRun) -> None:
    """A change for one pattern touches nothing that others run on."""
    changed = repository.changed_files(ctx.worktree, run.base_commit) if run.base_commit else []
    strange = [name for name in changed if name not in owned_paths(run.pattern_type)]
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise _Refused("files", f"The change touches {strange[0]}{more}, which belongs to other patterns too.")


def _refuse_fewer_tests(ctx: RunContext, run: ExecutionRun, check: _Check) -> None:
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


def _contract(ctx: RunContext, run: ExecutionRun, params: Params, attempt: int) -> ContractReport:
    reported_at = 0.0

    def progress(done: int, planned: int) -> None:
        nonlocal reported_at
        if time.monotonic() - reported_at > PROGRESS_S:
            reported_at = time.monotonic()
            part = 0.35 + 0.3 * done / planned
            ctx.report(TESTING, attempt, part, f"Checking the detector contract: {done:,} of {planned:,} runs")

    folder = get_settings().data_dir
    return check_contract(
        ctx.worktree,
        run.pattern_type,
        params,
        own=_own_candles(ctx, run),
        salt=kept.salt(folder),
        cache=folder / "contracts",
        cancelled=ctx.cancelled,
        progress=progress,
    )


def _own_candles(ctx: RunContext, run: ExecutionRun) -> Candles | None:
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
    ctx: RunContext, run: ExecutionRun, spec: DetectorSpec, params: Params, contract: ContractReport
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


def _replay(ctx: RunContext, run: ExecutionRun, params: Params) -> ReplayResult | None:
    """Both versions on all judged places. Of the hold-out the gate needs a word alone, the agent gets nothing."""
    known = ctx.labels(run)
    with transaction() as session:
        version = deployments.get_version(session, run.deployed_version_id) if run.deployed_version_id else None
        waived, copies = executions.waived_ids(session, run.id), labels.copies(session, run.workspace_id)
    if not known.judged:
        return None
    started = time.monotonic()
    with warm(ctx.worktree, run.pattern_type) as worker:
        after = detect_windows(worker, known.windows, ctx.candles, params, cancelled=ctx.cancelled)
    before = None
    if version is not None:
        with warm(releases.release(version.commit_hash), run.pattern_type) as worker:
            before = detect_windows(worker, known.windows, ctx.candles, version.params, cancelled=ctx.cancelled)
    result = replay_versions(known, before, after, policy=ctx.policy(run), waived=waived, copies=copies)
    with transaction() as session:
        deployments.add_replay(
            session,
            run.id,
            epoch=ctx.epoch,
            result=result,
            matcher=known.matcher,
            runtime_ms=round((time.monotonic() - started) * 1000),
        )
    told = set(result.blocking_ids)
    if told:
        ctx.saw(run, [p for p in known.only("tune").places if told & set(p.judgements)])
    return result


def _judge_replay(result: ReplayResult, check: _Check, waived: frozenset[str]) -> None:
    """Refuses what the workspace's policy does not let pass. What is said carries nothing of the hold-out."""
    if result.verdict is None or result.tune_change is None:
        check("replay", "Replay: no version before to compare with", _before_after(result))
        return
    verdict, change = result.verdict, result.tune_change
    text = f"Replay: {change.fixed_count} fixed, {change.broken_count} broken of {change.places} judged places"
    check("replay", text, _before_after(result), verdict.passes)
    forgiven = sum(i in waived for i in result.broken_ids)
    if forgiven:
        check("waived", f"{forgiven} of the broken places were waived by a person")
    if not verdict.passes:
        raise _Refused("replay", verdict.sentence, text, result.blocking_ids)


def _before_after(result: ReplayResult) -> str:
    if result.tune is None:
        return result.evidence
    old = f"{result.before_tune.words} → " if result.before_tune is not None else ""
    return f"Seen places: {old}{result.tune.words}"
