"""Running the corpora: one row for each attempt, with what came of it."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import textwrap
import time
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest

from services.detectors.contract import check_contract
from services.detectors.gate.plan import FULL, Profile
from services.detectors.repository import STARTER
from services.detectors.repository_tests import run_tests
from services.detectors.sandbox import Limits, Worker
from services.errors import DetectorError
from services.settings import get_settings
from tests.support.bad_detectors import plant, random_walk, starter
from tests.support.corpus.honest import HONEST, Honest, N
from tests.support.corpus.hostile import ATTACKS, Attack
from tests.support.corpus.hostile_tests import HOSTILE_TESTS
from tests.support.corpus.leaks import LEAKS, Leak

# What follows from the salt: the short candles alone. All others are the same for every salt.
SALTED = replace(FULL, name="salted", dense=30, long=0, long_cuts=0, series=1)
# A part of the full gate, for a first look at a whole corpus; the series and rules are the full gate's.
PART = replace(FULL, name="part", short=120, long=6200, long_cuts=60, own_cuts=30, moved_cuts=60, slow_cuts=60)
QUICK = Limits(wall_s=6.0, cpu_s=4, memory_mb=512, output_mb=16)
TESTS = Limits(wall_s=8.0, cpu_s=6, memory_mb=1024, output_mb=16)
# The reduced form says of itself that it can't hide these.
Done = Set[tuple[str, int]]  # names and salts
KNOWN_REDUCED = {"see the app's command line"}


@dataclass(frozen=True, slots=True)
class Row:
    """One attempt: `good` when the gate or the sandbox did what it should; `what` is what it said."""

    group: str
    name: str
    good: bool
    what: str
    seconds: float
    salt: int = 0


@contextmanager
def reduced_allowed(allowed: bool = True) -> Iterator[None]:
    """Whether an admin lets code of agents and people run without bubblewrap."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLOW_REDUCED_ISOLATION", str(allowed))
        get_settings.cache_clear()
        try:
            yield
        finally:
            get_settings.cache_clear()


def _plant(root: Path, body: str, params: str, declares: Iterable[str]) -> None:
    file = plant(root, body) / "detectors" / "planted.py"
    text = file.read_text().replace(N, params)
    flags = "".join(f", {name}=True" for name in declares)
    file.write_text(text.replace("max_age_bars=20)", f"max_age_bars=20{flags})"))


def run_leaks(
    folder: Path, profile: Profile, salts: int = 1, leaks: Iterable[Leak] = LEAKS, done: Done = frozenset()
) -> Iterator[Row]:
    """Each leak through the gate, which should refuse it for looking ahead or repainting; once for each salt.

    What the candles of the salt refuse, the whole gate refuses; the whole one runs for the others. `done` names leaks
    and salts to leave out.
    """
    root = starter(folder / "leaks")
    kinds = ("no_look_ahead", "nothing_withdrawn", "price_unit", "other_years", "same_result", "small_input",
             "output", "bounded_memory", "confirmation_lag")  # fmt: skip
    for salt, leak in product(range(salts), leaks):
        if (leak.name, salt) in done:
            continue
        _plant(root, leak.body, N, leak.declares)
        report = check_contract(root, "planted", {}, profile=SALTED if salts > 1 else profile, salt=str(salt))
        if report.passed and salts > 1:
            report = check_contract(root, "planted", {}, profile=profile, salt=str(salt))
        failure = report.failure
        good = failure is not None and failure.name in kinds and failure.kind not in ("timeout", "isolation")
        what = f"{failure.name}: {failure.detail}" if failure else f"passed after {report.cuts} runs"
        yield Row(leak.group, leak.name, good, what, report.duration_s, salt)


def run_honest(
    folder: Path, profile: Profile, salts: int = 1, honest: Iterable[Honest] = HONEST, done: Done = frozenset()
) -> Iterator[Row]:
    """Each honest detector through the gate, which should let it pass; once for each salt.

    The whole gate runs for the first salt; for the others its part that follows from the salt, for the rest repeats.
    """
    root = starter(folder / "honest")
    for salt, one in product(range(salts), honest):
        if (one.name, salt) in done:
            continue
        _plant(root, one.body, one.params, one.declares)
        report = check_contract(root, "planted", {}, profile=SALTED if salt else profile, salt=str(salt))
        said = " ".join([f"{report.cuts} runs.", *report.exemptions, *report.notes])
        what = said if report.failure is None else f"{report.failure.name}: {report.failure.detail}"
        yield Row("honest", one.name, report.passed, what, report.duration_s, salt)


def run_starter(profile: Profile) -> Iterator[Row]:
    """The detectors that ship with the app, with their defaults."""
    for file in sorted((STARTER / "detectors").glob("*.py")):
        if "SPEC = spec(" not in file.read_text():
            continue
        report = check_contract(STARTER, file.stem, {}, profile=profile)
        what = f"{report.cuts} runs" if report.failure is None else report.failure.detail
        yield Row("starter", file.stem, report.passed, what, report.duration_s)


@contextmanager
def surroundings(folder: Path) -> Iterator[dict[str, str]]:
    """What an attack may look for: a secret file, a server, an abstract socket, an environment variable."""
    secret = folder / "app" / "secret.key"
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text("secret")
    name = f"\0patterndesk-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as local,
        pytest.MonkeyPatch.context() as patch,
    ):
        local.bind(name)
        local.listen()
        patch.setenv("PD_HOSTILE_SECRET", "secret")
        outside = folder / "app" / "outside"
        yield {
            "{secret!r}": repr(str(secret)), "{port}": str(server.getsockname()[1]), "{name!r}": repr(name),
            "{outside!r}": repr(str(outside)), "outside": str(outside),
        }  # fmt: skip


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        if name.startswith("{"):
            text = text.replace(name, value)
    return text


def run_attacks(folder: Path, form: str, attacks: Iterable[Attack] = ATTACKS) -> Iterator[Row]:
    """Each hostile detector in one warm worker, which has to live on and to show the next nothing of it."""
    root = starter(folder / f"attacks-{form}")
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    candles = random_walk(60)
    with surroundings(folder) as values, reduced_allowed(), Worker(root, "planted", limits=QUICK, form=form) as worker:
        for attack in attacks:
            if attack.group == "kernel" and platform.machine() != "x86_64":
                continue
            if form == "reduced" and attack.name in KNOWN_REDUCED:
                continue
            started = time.monotonic()
            code = attack.code if attack.whole or attack.group == "kernel" else _filled(
                attack.code.replace("{{", "\0").replace("}}", "\1"), values | {"{root!r}": repr(str(root))}
            ).replace("\0", "{").replace("\1", "}")  # fmt: skip
            plant(root, code if attack.whole else _tried(code))
            good, what = _attack(worker, candles, attack)
            (root / "detectors" / "planted.py").unlink()
            now = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
            if now != before:
                good, what = False, "the repository was changed"
            yield Row(attack.group, attack.name, good, what, time.monotonic() - started)


def _tried(code: str) -> str:
    body = textwrap.indent(code, "    ")
    return (
        f"try:\n{body}\n    said = 'through'\nexcept BaseException as error:\n"
        "    said = f'{type(error).__name__}: {error}'[:200]\n"
        "return [detection('mark', 0, 0, 0, meta={'said': said})]"
    )


def _attack(worker: Worker, candles: object, attack: Attack) -> tuple[bool, str]:
    try:
        found = worker.detect(candles, {}).detections  # type: ignore[arg-type]
    except DetectorError as error:
        return True, f"{error.kind}: {error}"
    if attack.whole:
        return False, "its answer was accepted"
    said = str(found[0].meta["said"])
    return said != "through", said


def run_hostile_tests(folder: Path, form: str, names: Iterable[str] = tuple(HOSTILE_TESTS)) -> Iterator[Row]:
    """Each hostile file of tests, which should not be taken as passed; nothing outside may have changed."""
    with surroundings(folder) as values, reduced_allowed():
        for number, name in enumerate(names):
            root = folder / f"tests-{form}-{number}"
            starter(root)
            for place, text in HOSTILE_TESTS[name].items():
                (root / place).write_text(_filled(text, values | {"{root!r}": repr(str(root))}))
            before = (root / "detectors" / "swings.py").read_bytes()
            started = time.monotonic()
            report = run_tests(root, "planted", form=form, limits=TESTS)
            good = not report.passed
            what = (report.output.splitlines() or ["no output"])[-1]
            if (root / "detectors" / "swings.py").read_bytes() != before or Path(values["outside"]).exists():
                good, what = False, "a file outside was written"
            shutil.rmtree(root)
            yield Row("tests", name, good, what, time.monotonic() - started)
