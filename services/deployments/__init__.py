"""Detector versions and their deploys."""

from services.deployments.history import Period, PlacedRow, VersionStory, WindowRow, history, places_in, windows
from services.deployments.recording import (
    MAX_LOG,
    deploy_failed,
    deploy_moved,
    deploy_retry,
    deploy_started,
    deploy_succeeded,
)
from services.deployments.rolling_back import (
    PENDING,
    RollBack,
    baseline_moved,
    fail_roll_back,
    finish_roll_back,
    get_roll_back,
    last_roll_back,
    pending_roll_back,
    request_roll_back,
)
from services.deployments.versions import (
    VersionRow,
    add_candidate,
    add_replay,
    candidate_params,
    get_version,
    list_versions,
    reject_candidate,
)

__all__ = [
    "MAX_LOG",
    "PENDING",
    "Period",
    "PlacedRow",
    "RollBack",
    "VersionRow",
    "VersionStory",
    "WindowRow",
    "add_candidate",
    "add_replay",
    "baseline_moved",
    "candidate_params",
    "deploy_failed",
    "deploy_moved",
    "deploy_retry",
    "deploy_started",
    "deploy_succeeded",
    "fail_roll_back",
    "finish_roll_back",
    "get_roll_back",
    "get_version",
    "history",
    "last_roll_back",
    "list_versions",
    "pending_roll_back",
    "places_in",
    "reject_candidate",
    "request_roll_back",
    "windows",
]
