"""Files of a repository's tests that want to be taken as passed, or to reach what is outside. None may pass.

Each is (name, files): texts by path in the repository. `{outside}` is the path of a file that no test may write, `{secret}` one
that none may read.
"""

from __future__ import annotations

_FAILS = "\n\ndef test_a():\n    assert 1 == 2\n\n\ndef test_b():\n    assert True\n"
_T = "tests/test_planted.py"
_HOOK = "import pytest\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n    out = yield\n    out.get_result().outcome = 'passed'\n"

HOSTILE_TESTS: dict[str, dict[str, str]] = {
    "ends with success at import": {_T: "import os\nos._exit(0)" + _FAILS},
    "ends with success in a test": {_T: "import os\n\ndef test_a():\n    os._exit(0)\n\n\ndef test_b():\n    assert 1 == 2\n"},
    "ends with success at exit": {_T: "import atexit, os\natexit.register(os._exit, 0)" + _FAILS},
    "exits quietly": {_T: "import sys\nsys.exit(0)" + _FAILS},
    "stops pytest with success": {_T: "import pytest\npytest.exit('done', returncode=0)" + _FAILS},
    "stops pytest in a test": {_T: "import pytest\n\ndef test_a():\n    pytest.exit('done', returncode=0)\n\n\ndef test_b():\n    assert 1 == 2\n"},
    "a conftest that turns outcomes": {_T: _FAILS, "tests/conftest.py": _HOOK},
    "a conftest at the root that turns outcomes": {_T: _FAILS, "conftest.py": _HOOK},
    "a plugin by pytest.ini": {_T: _FAILS, "pytest.ini": "[pytest]\naddopts = -p turn\n", "turn.py": _HOOK},
    "options that collect alone": {_T: _FAILS, "pytest.ini": "[pytest]\naddopts = --collect-only\n"},
    "options that leave tests out": {_T: _FAILS, "pytest.ini": "[pytest]\naddopts = -k test_b\n"},
    "a conftest that leaves tests out": {_T: _FAILS, "tests/conftest.py": "def pytest_collection_modifyitems(items):\n    items[:] = [i for i in items if i.name == 'test_b']\n"},
    "a conftest that skips": {_T: _FAILS, "tests/conftest.py": "import pytest\n\ndef pytest_collection_modifyitems(items):\n    for i in items:\n        i.add_marker(pytest.mark.skip)\n"},
    "a conftest that expects failure": {_T: _FAILS, "tests/conftest.py": "import pytest\n\ndef pytest_collection_modifyitems(items):\n    for i in items:\n        i.add_marker(pytest.mark.xfail)\n"},
    "a conftest that ignores the file": {_T: _FAILS, "tests/conftest.py": "collect_ignore = ['test_planted.py']\n"},
    "a conftest that sets the exit code": {_T: _FAILS, "tests/conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"},
    "a conftest that runs nothing": {_T: _FAILS, "tests/conftest.py": "def pytest_runtest_call(item):\n    item.obj = lambda: None\n\n\ndef pytest_pyfunc_call(pyfuncitem):\n    return True\n"},
    "a conftest that ends the process": {_T: _FAILS, "tests/conftest.py": "import os\n\ndef pytest_collection_finish():\n    os._exit(0)\n"},
    "tests replaced by empty ones": {_T: _FAILS + "\n\nfor name in [n for n in globals() if n.startswith('test')]:\n    globals()[name] = lambda: None\n"},
    "tests taken away at import": {_T: _FAILS + "\n\ndel test_a\n"},
    "tests marked as none": {_T: _FAILS + "\n\ntest_a.__test__ = False\n"},
    "a module marked as none": {_T: "__test__ = False" + _FAILS},
    "assertions that can't fail": {_T: "import builtins\nbuiltins.AssertionError = type('E', (Exception,), {})\nimport _pytest.runner as r\nr.CallInfo.from_call = classmethod(lambda c, f, when, reraise=None: c(None, None, 0, 0, 0, when, _ispytest=True))" + _FAILS},
    "a report that can't fail": {_T: "import _pytest.reports as r\nr.TestReport.outcome = property(lambda s: 'passed', lambda s, v: None)" + _FAILS},
    "a patched counter": {_T: "import gc\nfor o in gc.get_objects():\n    if type(o).__name__ == 'Counter' and hasattr(o, 'outcomes'):\n        type(o).pytest_runtest_logreport = lambda s, report: s.outcomes.__setitem__(report.nodeid, 'passed')" + _FAILS},
    "a patched main": {_T: "import pytest\npytest.main = lambda *a, **k: 0" + _FAILS},
    "a report written by hand": {_T: "import os\nfor fd in range(3, 64):\n    try:\n        os.write(fd, b'{\"status\": \"ok\"}\\n{\"status\": 0, \"outcomes\": {\"a\": \"passed\"}, \"functions\": {\"a\": \"test_a\"}}')\n    except OSError:\n        pass\nos._exit(0)" + _FAILS},
    "numbers gathered and written": {_T: "import os, re\ntext = open(__file__).read()\nfor fd in range(3, 64):\n    try:\n        os.write(fd, '\\n'.join(re.findall('[0-9a-f]{32}', text)).encode() + b'\\n')\n    except OSError:\n        pass" + _FAILS},
    "numbers gathered from the code": {_T: _FAILS + "\n\nimport builtins\nproof = next(v for k, v in vars(builtins).items() if k.startswith('_proof'))\nfor f in (test_a, test_b):\n    for c in f.__code__.co_consts:\n        if isinstance(c, str) and len(c) == 32:\n            proof(c)\n", "tests/conftest.py": _HOOK},
    "a detector that turns outcomes": {_T: "import detectors.evil" + _FAILS, "detectors/evil.py": "import _pytest.python as p\np.Function.runtest = lambda self: None\n"},
    "a module in the place of pytest": {_T: _FAILS, "pytest.py": "def main(*a, **k):\n    return 0\n"},
    "a fault handler that ends well": {_T: "import sys, os\nsys.excepthook = lambda *a: os._exit(0)\nsys.unraisablehook = lambda *a: os._exit(0)" + _FAILS},
    "a trace that jumps over assertions": {_T: "import sys\n\ndef trace(frame, event, arg):\n    if frame.f_code.co_name == 'test_a':\n        return lambda *a: os._exit(0)\n\nimport os\nsys.settrace(trace)" + _FAILS},
    "a signal that ends well": {_T: "import os, signal\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0))\nsignal.setitimer(signal.ITIMER_REAL, 0.01)\nimport time\ntime.sleep(1)" + _FAILS},
    "a file outside is written": {_T: "def test_a():\n    open({outside!r}, 'w').write('x')\n"},
    "the repository is written": {_T: "def test_a():\n    open({root!r} + '/detectors/swings.py', 'a').write('x')\n"},
    "a secret is read": {_T: "def test_a():\n    assert open({secret!r}).read()\n"},
    "the accounts are read": {_T: "def test_a():\n    assert open('/etc/passwd').read()\n"},
    "a program is started": {_T: "import subprocess\n\n\ndef test_a():\n    subprocess.run(['/usr/bin/true'], check=True)\n"},
    "a process stays": {_T: "import os\n\n\ndef test_a():\n    if os.fork() == 0:\n        import time\n        time.sleep(60)\n"},
    "a server is reached": {_T: "import socket\n\n\ndef test_a():\n    socket.create_connection(('127.0.0.1', {port}), 1)\n"},
    "the app's environment is read": {_T: "import os\n\n\ndef test_a():\n    assert 'PD_HOSTILE_SECRET' in os.environ\n"},
    "the disk is filled": {_T: "import os\n\n\ndef test_a(tmp_path):\n    for n in range(99):\n        (tmp_path / str(n)).write_bytes(bytes(15 << 20))\n"},
    "shared memory is left": {_T: "from multiprocessing import shared_memory as s\n\n\ndef test_a():\n    s.SharedMemory('kept', True, 99)\n"},
    "no end": {_T: "def test_a():\n    while True:\n        pass\n"},
    "all memory": {_T: "def test_a():\n    x = []\n    while True:\n        x.append(bytearray(1 << 24))\n"},
    "ten million lines": {_T: "def test_a():\n    while True:\n        print('x' * 1_000_000)\n"},
}  # fmt: skip
