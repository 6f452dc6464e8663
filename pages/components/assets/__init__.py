"""The stylesheets and scripts of our own components, read once when a component is registered. This folder holds what
several components share; what one component alone needs stands beside the Python that mounts it."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def asset(*files: str | Path) -> str:
    """The files joined, in this order; a component's script is one module. A name is a file of this folder."""
    paths = (_HERE / file if isinstance(file, str) else file for file in files)
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)
