"""Label sets: a workspace's judgements out of the database, its places kept in theirs, and rates counted on them."""

from services.labels.keeping import keep, keep_current, label_set, mark_seen, row_id
from services.labels.rates import (
    SessionScore,
    VersionRates,
    rate_from_json,
    rate_to_json,
    score_session,
    version_rates,
)
from services.labels.reading import copies, judgements, replay_policy

__all__ = [
    "SessionScore",
    "VersionRates",
    "copies",
    "judgements",
    "keep",
    "keep_current",
    "label_set",
    "mark_seen",
    "rate_from_json",
    "rate_to_json",
    "replay_policy",
    "row_id",
    "score_session",
    "version_rates",
]
