"""The HTML-free halves of our own components: stylesheets and scripts, read once when a component is registered."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def asset(*names: str) -> str:
    """The named files joined, in this order; a component's script is one module."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)
