"""The detector contract, checked by running the detector: what a version must hold before it may be deployed.

Look-ahead and repainting by ascending runs at every bar (`gate.prefixes`), indifference to price units and years
(`gate.metamorphic`), bounded memory by runs on the later candles alone, and the small rules: same result twice, input
unmutated, few candles, a declared lag. Nothing here is left to chance, so that passing can't be either.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from services.detectors.gate import kept
from services.detectors.gate.firstlook import look
from services.detectors.gate.plan import GATE_VERSION, PROFILES, Profile
from services.detectors.gate.report import Check, ContractReport
from services.detectors.gate.whole import GateRun
from services.detectors.outputs import complete_params
from services.detectors.sandbox import Cancel, Limits, Worker
from services.detectors.types import Candles, Params
from services.errors import DetectorError
from services.settings import get_settings

__all__ = ["Check", "ContractReport", "check_contract"]

Progress = Callable[[int, int], None]


def check_contract(
    root: Path,
    pattern_type: str,
    params: Params,
    *,
    own: Candles | None = None,
    salt: str = "",
    profile: Profile | None = None,
    cache: Path | None = None,
    limits: Limits | None = None,
    form: str | None = None,
    cancelled: Cancel | None = None,
    progress: Progress | None = None,
) -> ContractReport:
    """Check `<root>/detectors/<pattern_type>.py` with `params` on the gate's candles and on `own` ones.

    A broken rule is a failed check, not an error; only Cancelled and InvalidInput are raised. `salt` is text that the
    code under test doesn't have; some candles follow from it. `cache` is a folder in which reports are kept by code,
    parameters, candles and version of the gate. `progress` is called with runs done and runs planned.
    """
    started = time.monotonic()
    size = profile or PROFILES[get_settings().gate_profile]
    key = kept.key(root, pattern_type, params, own, salt, size, form)
    if cache is not None and key is not None and (known := kept.read(cache, key)) is not None:
        return known
    report = _check(root, pattern_type, params, own, salt, size, limits, form, cancelled, progress, started)
    if cache is not None and key is not None:
        kept.write(cache, key, report)
    return report


def _check(
    root: Path,
    pattern_type: str,
    params: Params,
    own: Candles | None,
    salt: str,
    size: Profile,
    limits: Limits | None,
    form: str | None,
    cancelled: Cancel | None,
    progress: Progress | None,
    started: float,
) -> ContractReport:
    def fresh() -> Worker:
        return Worker(root, pattern_type, limits=limits, form=form)

    def report(checks: list[Check], run: GateRun | None = None) -> ContractReport:
        passed, seconds = all(c.passed for c in checks), time.monotonic() - started
        if run is None:
            return ContractReport(passed, tuple(checks), 0, seconds, GATE_VERSION, size.name)
        return ContractReport(
            passed, tuple(checks), run.done, seconds, GATE_VERSION, size.name, run.exemptions, tuple(run.notes)
        )

    with fresh() as worker:
        try:
            spec = worker.spec(cancelled=cancelled)
            values = complete_params(spec, params)
        except DetectorError as error:
            return report([Check("output", False, str(error), error.kind)])
        first = look(worker, fresh, spec, values, size, cancelled=cancelled)
    if not all(c.passed for c in first.checks):
        return report(first.checks)
    run = GateRun(fresh, spec, values, size, own, salt, first.run_s, cancelled, progress)
    return report([*first.checks, *run.checks()], run)
