"""Workspaces: one a pattern, from `soon` to `verified`."""

from services.workspaces.changing import (
    archive,
    create,
    describe,
    has_live_execution,
    link,
    lock,
    move,
    restore,
    set_blind_review,
)
from services.workspaces.reading import (
    FullWorkspace,
    WorkspaceDetail,
    WorkspaceRow,
    find_id,
    get,
    list_workspaces,
    moved_id,
    sparklines,
    with_timeline,
)

__all__ = [
    "FullWorkspace",
    "WorkspaceDetail",
    "WorkspaceRow",
    "archive",
    "create",
    "describe",
    "find_id",
    "get",
    "has_live_execution",
    "link",
    "list_workspaces",
    "lock",
    "move",
    "moved_id",
    "restore",
    "set_blind_review",
    "sparklines",
    "with_timeline",
]
