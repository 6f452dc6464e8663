"""Label sets: a workspace's judgements out of the database, its places kept in theirs, and rates counted on them."""

from services.labels.keeping import held_bars, keep, keep_current, label_set, mark_seen, row_id
from services.labels.rates import (
    Comparison,
    KeptRates,
    SessionScore,
    VersionRates,
    compare_versions,
    forget_rates,
    kept_rates,
    note_rate,
    rate_from_json,
    rate_to_json,
    rates_to_json,
    score_session,
    version_fit,
    version_rates,
)
from services.labels.reading import (
    approval_policy,
    copies,
    judgements,
    policy_from_json,
    replay_policy,
    series_seconds,
)
from services.labels.reading import released as released_blocks

__all__ = [
    "Comparison",
    "KeptRates",
    "SessionScore",
    "VersionRates",
    "approval_policy",
    "compare_versions",
    "copies",
    "forget_rates",
    "held_bars",
    "judgements",
    "keep",
    "keep_current",
    "kept_rates",
    "label_set",
    "mark_seen",
    "note_rate",
    "policy_from_json",
    "rate_from_json",
    "rate_to_json",
    "rates_to_json",
    "released_blocks",
    "replay_policy",
    "row_id",
    "score_session",
    "series_seconds",
    "version_fit",
    "version_rates",
]
