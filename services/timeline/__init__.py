"""A workspace's timeline: typed messages, written with the change they tell of, read by pages or live."""

from services.timeline.json import (
    AttachmentJson,
    EntryBase,
    EntryJson,
    ExecutionJson,
    LookJson,
    PhaseJson,
    PhaseRun,
    phase_json,
)
from services.timeline.payloads import KEPT, PAYLOADS, Kept
from services.timeline.reading import (
    FILTERS,
    PAGE,
    AttachmentName,
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
    "KEPT",
    "LIVE_CHANNEL",
    "PAGE",
    "PAYLOADS",
    "AttachmentJson",
    "AttachmentName",
    "EntryBase",
    "EntryJson",
    "ExecutionJson",
    "Kept",
    "LookJson",
    "PhaseJson",
    "PhaseRun",
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
    "phase_json",
    "update_progress",
]
