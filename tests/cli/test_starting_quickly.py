"""A command that needs no database doesn't load what talks to one: it would be slower by seconds."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("sqlalchemy", "pandas", "numpy", "streamlit", "plotly", "structlog")


def test_the_help_loads_neither_the_database_nor_the_tables() -> None:
    code = (
        "import sys\nfrom services.cli.main import run\nassert run(['--help']) == 0\n"
        f"print('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"
