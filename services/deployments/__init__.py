"""Detector versions and their deploys."""

from services.deployments.recording import (
    MAX_LOG,
    deploy_failed,
    deploy_moved,
    deploy_retry,
    deploy_started,
    deploy_succeeded,
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
    "VersionRow",
    "add_candidate",
    "add_replay",
    "candidate_params",
    "deploy_failed",
    "deploy_moved",
    "deploy_retry",
    "deploy_started",
    "deploy_succeeded",
    "get_version",
    "list_versions",
    "reject_candidate",
]
