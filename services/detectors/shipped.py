"""Whether a detector is one that ships with the app: all of its code has the text of the starter's."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from services.detectors.bundle import code_sha256
from services.errors import PatternDeskError

STARTER = Path(__file__).parent / "starter"


@lru_cache(maxsize=64)
def _shipped_hash(pattern_type: str) -> str | None:
    try:
        return code_sha256(STARTER, pattern_type)
    except PatternDeskError:
        return None


def is_shipped(root: Path, pattern_type: str | None) -> bool:
    """True when the module and all that it imports in the repository are those of the starter."""
    if pattern_type is None:
        return False
    ours = _shipped_hash(pattern_type)
    try:
        return ours is not None and ours == code_sha256(root, pattern_type)
    except PatternDeskError:
        return False
