"""Node and the checkers that `make check` installs; tests that need them skip without, and fail where CI requires them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
CHECKERS: Final = ROOT / "node_modules"


def node(*arguments: str | Path, cwd: Path = ROOT, checkers: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs node. `checkers` says that TypeScript and eslint are needed too."""
    own = ROOT / ".venv" / "bin" / "node"
    program = str(own) if own.exists() else shutil.which("node")
    if program is None or (checkers and not CHECKERS.exists()):
        missing = "node" if program is None else "node_modules"
        if os.environ.get("PATTERNDESK_REQUIRE_NODE"):
            pytest.fail(f"{missing} is missing; `make check` installs it.")
        pytest.skip(f"{missing} is missing, so the scripts were not checked; `make check` installs it.")
    return subprocess.run([program, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)
