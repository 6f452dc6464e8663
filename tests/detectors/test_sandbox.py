"""What a detector can't do, in both forms of isolation, and that a worker outlives what it does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from services.detectors import isolation as isolation_module
from services.detectors.answers import read_value
from services.detectors.outputs import complete_params, parse_detections
from services.detectors.repository_tests import run_tests
from services.detectors.sandbox import Limits, Worker, describe, isolation, run_detector, warm
from services.detectors.types import DetectorSpec, ParamSpec
from services.errors import Cancelled, DetectorError, InvalidInput
from tests.support.bad_detectors import plant, random_walk, starter
from tests.support.corpus.running import reduced_allowed
from tests.support.processes import slower

CANDLES = random_walk(300, 3)
QUICK = Limits(wall_s=8.0, cpu_s=8, memory_mb=320, output_mb=2)
SHORT = replace(QUICK, wall_s=0.6, cpu_s=1)  # for what never ends


def need_bubblewrap() -> None:
    """Without bubblewrap its tests can't run; that is said where a quiet run shows it, and fails in CI."""
    if isolation() != "bubblewrap":
        told = f"THE SANDBOX IS NOT TESTED: {isolation_module.isolation_note()}"
        if os.environ.get("CI"):
            pytest.fail(told)
        warnings.warn(told, stacklevel=2)
        pytest.skip(told)


@pytest.fixture(scope="module", params=["bubblewrap", "reduced"])
def form(request: pytest.FixtureRequest) -> Iterator[str]:
    """Either form; the reduced one as an admin allows it."""
    if request.param == "bubblewrap":
        need_bubblewrap()
    with reduced_allowed():
        yield str(request.param)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return starter(tmp_path_factory.mktemp("sand box") / "repository")  # a path with a space


@pytest.fixture(scope="module")
def worker(root: Path, form: str) -> Iterator[Worker]:
    plant(root, "return []")
    with warm(root, "planted", limits=QUICK, form=form) as made:
        made.spec()
        yield made


def said(worker: Worker, body: str) -> DetectorError:
    plant(worker.root, body)
    with pytest.raises(DetectorError) as caught:
        worker.detect(CANDLES, {})
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    return caught.value


def meta(worker: Worker, body: str) -> object:
    """What the detector's own code saw: `body` sets x."""
    plant(worker.root, f"{body}\nreturn [detection('mark', 0, 0, 0, meta={{'x': x}})]")
    return worker.detect(CANDLES, {}).detections[0].meta["x"]


def test_the_right_form_is_used_and_the_filter_holds(worker: Worker, form: str) -> None:
    run = worker.detect(CANDLES, {})
    assert run.isolation == form
    plant(worker.root, "import os; os.sync(); return []")
    assert said(worker, "import os; os.getxattr('/', 'user.x'); return []").kind == "crash"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("print('x')\nreturn []", "noise"),
        ("import os; os.write(1, b'x')\nreturn []", "noise"),
        ("while True: pass", "timeout"),
        ("import time; time.sleep(9)", "timeout"),
        ("import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", "timeout"),
        ("return [np.ones(1 << 28)]", "memory"),
        ("x = []\nwhile True: x.append('x' * 1_000_000)", "memory"),
        ("raise ValueError('no')", "crash"),
        ("import os; os._exit(0)", "crash"),
        ("import os; os._exit(7)", "crash"),
        ("raise SystemExit(0)", "crash"),
        ("import ctypes; ctypes.string_at(0)", "crash"),
        ("return None", "rubbish"),
        ("return [1]", "rubbish"),
        ("return [object()]", "rubbish"),
        ("return [detection('mark', 0, 0, 0, price=float('nan'))]", "rubbish"),
        ("return [{'kind': 'mark'}]", "rubbish"),
        ("return ['x' * 3_000_000]", "rubbish"),
        ("x = []\nx.append(x)\nreturn x", "rubbish"),
    ],
)
def test_what_goes_wrong_has_its_kind_and_the_worker_goes_on(worker: Worker, body: str, kind: str) -> None:
    worker.limits = SHORT if kind == "timeout" else QUICK
    started = time.monotonic()
    assert said(worker, body).kind == kind
    assert time.monotonic() - started < (3 if kind == "timeout" else 8) * slower()
    worker.limits, process = QUICK, worker._process
    plant(worker.root, "return [detection('mark', 1, 2, 3)]")
    assert len(worker.detect(CANDLES, {}).detections) == 1
    assert worker._process is process


def test_a_crash_keeps_its_log(worker: Worker) -> None:
    assert "ZeroDivisionError" in said(worker, "1 / 0").log


def test_warnings_do_not_spoil_the_answer(worker: Worker) -> None:
    plant(worker.root, "import warnings; warnings.warn('careful')\nreturn []")
    assert worker.detect(CANDLES, {}).detections == ()


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n    os.fork()",
        "import subprocess; subprocess.run(['true'])",
        "import multiprocessing; multiprocessing.get_context('fork').Process(target=print).start()",
        "os.posix_spawn('/usr/bin/true', ['true'], {})",
        "os.execv('/usr/bin/true', ['true'])",
        "os.kill(os.getppid(), 9)",
        "import ctypes; ctypes.CDLL(None).fork() == -1 and 1 / 0",
    ],
)
def test_it_starts_and_ends_no_process(worker: Worker, body: str) -> None:
    assert said(worker, "import os\n" + body).kind == "crash"
    assert worker.request("describe").body


def test_it_reaches_no_network(worker: Worker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        error = said(worker, f"import socket; socket.create_connection(('127.0.0.1', {port}), 0.5)")
    assert error.kind == "crash" and "Error" in str(error)


def test_it_sees_no_secret(root: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("PYTHONPATH", "/secret")
    plant(root, "return []")
    with warm(root, "planted", limits=QUICK, form=form) as worker:
        names = str(meta(worker, "import os; x = dict(os.environ)"))
        assert "secret" not in names and "DATABASE_URL" not in names
        seen = meta(worker, "import sys; x = [p for p in sys.path if 'secret' in p or p.endswith('services')]")
        assert seen == []


def test_the_app_cannot_be_imported(worker: Worker) -> None:
    assert "ModuleNotFoundError" in str(said(worker, "import services.settings"))


def test_it_writes_nothing_into_the_repository(worker: Worker, root: Path) -> None:
    before = sorted(root.rglob("*"))
    for body in (
        "(Path(__file__).parent / 'x.py').write_text('x')",
        "Path(__file__).unlink()",
        "Path(__file__).rename(Path(__file__).with_name('y.py'))",
        "(Path(__file__).parent / 'x').mkdir()",
        "Path('/tmp/x').write_text('x')",
    ):
        assert said(worker, "from pathlib import Path\n" + body).kind == "crash"
    assert sorted(root.rglob("*")) == before


def test_under_bubblewrap_the_rest_of_the_disk_and_other_processes_are_not_there(root: Path, tmp_path: Path) -> None:
    need_bubblewrap()
    secret = tmp_path / "secret"
    secret.write_text("x")
    plant(root, "return []")
    with warm(root, "planted", limits=QUICK, form="bubblewrap") as worker:
        assert meta(worker, f"import os; x = os.path.exists({str(secret)!r})") is False
        assert (
            meta(worker, "import os; x = [os.path.exists(p) for p in ('/proc/1', '/etc/passwd', '/home')]")
            == [False] * 3
        )
        assert meta(worker, "import os; x = os.access(os.path.dirname(__file__), os.W_OK)") is False


def test_nothing_is_left_from_one_request_to_the_next(worker: Worker) -> None:
    body = "import builtins; x = getattr(builtins, 'kept', 0); builtins.kept = x + 1"
    assert [meta(worker, body), meta(worker, body)] == [0, 0]


def test_a_worker_and_its_detector_end_when_cancelled(worker: Worker) -> None:
    plant(worker.root, "import time; time.sleep(5); return []")
    process, started = worker._process, time.monotonic()
    assert process is not None
    with pytest.raises(Cancelled):
        worker.detect(CANDLES, {}, cancelled=lambda: time.monotonic() - started > 0.2)
    assert time.monotonic() - started < min(2.5 * slower(), 4.9)  # its detector sleeps five seconds
    assert process.poll() is not None
    assert _processes_with(worker.root) == []
    plant(worker.root, "return []")
    assert worker.detect(CANDLES, {}).detections == ()


def test_killing_the_app_ends_the_worker_and_its_detector(root: Path, form: str) -> None:
    plant(root, "import time; time.sleep(30)", name="sleeper")
    code = f"""
from pathlib import Path
from services.detectors.sandbox import Limits, warm
from tests.support.bad_detectors import random_walk
with warm(Path({str(root)!r}), "sleeper", form={form!r}, limits=Limits(wall_s=30)) as w:
    w.spec()
    print(w._process.pid, flush=True)
    w.detect(random_walk(50), {{}})
"""
    app = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert app.stdout is not None
    pid = int(app.stdout.readline())
    time.sleep(0.3)
    assert len(_group(pid)) >= 2  # the worker and the detector
    group = _group(pid)
    app.kill()
    app.wait()
    app.stdout.close()
    deadline = time.monotonic() + 3
    while any(_alive(p) for p in group) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [p for p in group if _alive(p)]


def _group(pid: int) -> list[int]:
    """The process and all below it."""
    process = psutil.Process(pid)
    return [process.pid, *(child.pid for child in process.children(recursive=True))]


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _processes_with(root: Path) -> list[int]:
    mine = psutil.Process().children(recursive=True)
    return [p.pid for p in mine if p.status() != psutil.STATUS_ZOMBIE and str(root) in " ".join(p.cmdline())]


def test_two_workers_at_once(root: Path, form: str) -> None:
    plant(root, "return [detection('mark', 1, 2, 3)]")
    found: list[int] = []

    def run() -> None:
        found.append(len(run_detector(root, "planted", CANDLES, {}, form=form).detections))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1]


def test_indexes_and_times_are_those_of_the_dataset(root: Path) -> None:
    plant(root, "return [detection('mark', 1, 2, 4, start=1, end=3, refs=[0], price=np.float64(3))]")
    (found,) = run_detector(root, "planted", CANDLES[100:150], {}, offset=100).detections
    assert (found.start_index, found.anchor_index, found.end_index, found.confirmed_index) == (101, 102, 103, 104)
    assert found.refs == (100,)
    assert found.anchor_time == CANDLES["time"][102]
    assert found.price == 3.0


def test_a_module_declares_itself(root: Path) -> None:
    spec = describe(root, "swings")
    assert spec.kinds == ("swing",) and spec.defaults()["left"] == 5
    for name in ("nothing_here", "base"):
        with pytest.raises(DetectorError) as caught:
            describe(root, name)
        assert caught.value.kind == "missing"
    with pytest.raises(DetectorError):
        describe(root / "gone", "swings")
    for name in ("../swings", "Swings", "a.b", ""):
        with pytest.raises(InvalidInput):
            describe(root, name)


def test_candles_of_another_shape_are_refused(root: Path) -> None:
    with pytest.raises(InvalidInput):
        run_detector(root, "swings", np.zeros(3, dtype=[("close", "<f8")]), {})


SPEC = DetectorSpec("p", ("mark",), (ParamSpec("n", "int", 3, 1, 9), ParamSpec("on", "bool", False)), 0, 0, 0)
GOOD = {"kind": "mark", "direction": 1, "anchor_index": 5, "confirmed_index": 6}


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"}, {"kind": None}, {"direction": 2}, {"direction": True}, {"direction": 1.0},
        {"anchor_index": -1}, {"anchor_index": 300}, {"anchor_index": 5.0}, {"anchor_index": None},
        {"confirmed_index": 4}, {"confirmed_index": 300}, {"start_index": 6}, {"end_index": 7}, {"end_index": 4},
        {"price": "1"}, {"price": float("inf")}, {"price_low": 1.0}, {"price_low": 2.0, "price_high": 1.0},
        {"confidence": 1.5}, {"refs": [300]}, {"refs": "5"}, {"refs": [1.5]}, {"meta": []},
        {"price": 10**400}, {"meta": {"a": 10**400}}, {"meta": {"a": "\ud800"}}, {"meta": {"\udc00": 1}},
        {"meta": {"a": float("nan")}}, {"meta": {"a": "x" * 5000}}, {"meta": {"a": "\0"}}, {"surprise": 1},
    ],
)  # fmt: skip
def test_each_kind_of_wrong_output_is_named(change: dict[str, object]) -> None:
    assert len(parse_detections([GOOD], CANDLES, SPEC)) == 1
    with pytest.raises(DetectorError) as caught:
        parse_detections([GOOD, {**GOOD, "direction": -1, **change}], CANDLES, SPEC)
    assert caught.value.kind == "rubbish" and "detection 1 " in str(caught.value)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return [[] for _ in range(1_600_000)]", "at most 1,500,000 are read"),
        ("return [detection('mark', 0, 0, 0)] * 40_001", "at most"),
        ("return [detection('mark', 0, 0, 0, price=float('inf'))]", "Infinity, which is not finite"),
        ("return [detection('mark', 0, 0, 0, price=10**400)]", "no finite number"),
        ("return [detection('mark', 0, 0, 0, price_low=-1e308, price_high=1e308)]", "too large to be reckoned with"),
        ("return [detection('mark', 0, 0, 0, meta={'a': '\\ud800'})]", "half of a character"),
        ("raise ValueError('\\ud800 \\0')", "crashed: ValueError"),
    ],
)
def test_large_and_odd_answers_are_refused_before_they_are_parsed(root: Path, body: str, says: str) -> None:
    with warm(root, "planted", limits=replace(QUICK, output_mb=16)) as worker:
        error = said(worker, body)
    assert says in str(error)
    (str(error) + error.log).encode()


def test_a_large_answer_costs_no_memory_beyond_its_size() -> None:
    body = b"[" + b"[]," * 3_000_000 + b"[]]"
    tracemalloc.start()
    try:
        with pytest.raises(DetectorError, match="at most 1,500,000 are read"):
            read_value(body)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_the_reduced_form_runs_what_ships_with_the_app_and_no_other_code(root: Path) -> None:
    plant(root, "return []")
    with reduced_allowed(False), warm(root, "planted", form="reduced") as worker:
        with pytest.raises(DetectorError, match="ALLOW_REDUCED_ISOLATION") as caught:
            worker.spec()
        assert caught.value.kind == "isolation"
        worker.turn_to("swings")
        worker.spec()
        worker.turn_to("planted")
        with pytest.raises(DetectorError, match="may not run here"):
            worker.spec()
        report = run_tests(root, "swings", form="reduced")
    assert not report.passed and "may not run here" in report.output


def test_the_screens_are_told_how_detectors_are_shut_in(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isolation_module.state().sealed == (isolation() == "bubblewrap")
    monkeypatch.setattr(isolation_module, "_probe", lambda: ([], "bubblewrap (bwrap) isn't installed"))
    with reduced_allowed(False):
        now = isolation_module.state()
    assert (now.form, now.sealed, now.allowed) == ("reduced", False, False)
    assert now.sentence.startswith("Only the detectors that ship with the app run here")
    with reduced_allowed():
        now = isolation_module.state()
    assert now.allowed and "an admin allowed that" in now.sentence


def test_detections_come_sorted_and_once_each() -> None:
    rows = [{**GOOD, "anchor_index": n} for n in (5, 2, 4)]
    assert [d.anchor_index for d in parse_detections(rows, CANDLES, SPEC)] == [2, 4, 5]
    with pytest.raises(DetectorError, match="twice"):
        parse_detections([GOOD, GOOD], CANDLES, SPEC)


@pytest.mark.parametrize("params", [{"n": 0}, {"n": 10}, {"n": 2.0}, {"n": True}, {"on": 1}, {"other": 1}])
def test_parameters_outside_of_their_declaration_are_refused(params: dict[str, object]) -> None:
    assert complete_params(SPEC, {"n": 4}) == {"n": 4, "on": False}
    with pytest.raises(DetectorError):
        complete_params(SPEC, params)


def test_the_repositorys_tests_are_counted(root: Path, form: str) -> None:
    tests = root / "tests"
    (tests / "test_planted.py").write_text(
        "def test_a(): pass\ndef test_b(): assert 1 == 2\ndef test_c(tmp_path): pass\n"
    )
    report = run_tests(root, "planted", form=form)
    assert (report.passed, report.total, report.failed) == (False, 3, 1)
    assert "assert 1 == 2" in report.output
    (tests / "test_planted.py").unlink()


@pytest.mark.parametrize("text", ["import nothing_like_it\n", "import os\nos._exit(0)\n", ""])
def test_broken_or_empty_tests_have_not_passed(root: Path, text: str) -> None:
    file = root / "tests" / "test_planted.py"
    file.write_text(text)
    report = run_tests(root, "planted")
    file.unlink()
    assert not report.passed
    assert "There is no tests/test_planted.py" in run_tests(root, "planted").output


def test_endless_tests_end(root: Path) -> None:
    (root / "tests" / "test_planted.py").write_text("def test_a():\n    while True: pass\n")
    report = run_tests(root, "planted", limits=Limits(wall_s=1.5, cpu_s=5))
    (root / "tests" / "test_planted.py").unlink()
    assert not report.passed and "took too long" in report.output


def test_without_bubblewrap_the_form_is_reduced_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    isolation_module._tried.cache_clear()
    try:
        monkeypatch.setenv("PATH", "/nowhere")
        assert isolation() == "reduced"
        assert "isn't installed" in isolation_module.isolation_note()
    finally:
        isolation_module._tried.cache_clear()


def test_a_machine_too_busy_to_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stand-in for bubblewrap sleeps beyond the time that it is given, then does what it was asked."""
    busy, asked = tmp_path / "busy", tmp_path / "asked"
    stand_in = tmp_path / "bwrap"
    stand_in.write_text(f"#!/bin/sh\necho once >> {asked}\n[ ! -e {busy} ] || exec /bin/sleep 30\nexit 0\n")
    stand_in.chmod(0o755)
    busy.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(isolation_module, "PROBE_S", 0.3)
    isolation_module._tried.cache_clear()
    try:
        assert isolation() == "reduced"
        assert isolation_module.isolation_note() == "bubblewrap did not answer within 0.3 seconds"
        with pytest.raises(RuntimeError, match="did not answer"):
            isolation_module.worker_command(tmp_path, "bubblewrap", tmp="/tmp", writable=False)
        so_far = len(asked.read_text().splitlines())
        assert so_far >= 3, "each question tried it again"
        busy.unlink()
        monkeypatch.setattr(isolation_module, "PROBE_S", 60)
        assert isolation() == "bubblewrap"
        assert isolation_module.isolation_note() == ""
        assert len(asked.read_text().splitlines()) == so_far + 1, "an answer is remembered"
    finally:
        isolation_module._tried.cache_clear()
