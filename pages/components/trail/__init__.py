"""Where a screen stands: the way up from it as links, and what of it can be copied."""

from pages.components.trail.component import trail

__all__ = ["trail"]
