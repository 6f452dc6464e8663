"""A workspace's timeline: typed messages, written with the change they tell of, read by pages or live."""

from services.timeline.reading import (
    FILTERS,
    PAGE,
    TimelineEntry,
    attachment_names,
    entries_after,
    entry,
    full,
    page,
)
from services.timeline.writing import (
    LIVE_CHANNEL,
    announce,
    append,
    comment,
    delete_comment,
    edit_comment,
    update_progress,
)

__all__ = [
    "FILTERS",
    "LIVE_CHANNEL",
    "PAGE",
    "TimelineEntry",
    "announce",
    "append",
    "attachment_names",
    "comment",
    "delete_comment",
    "edit_comment",
    "entries_after",
    "entry",
    "full",
    "page",
    "update_progress",
]
