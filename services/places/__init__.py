"""Places: what people's judgements make of the candles, and every number that rests on them. Pure values, no database.

`values` and `deriving` turn judgements into places, `matching` says which detection is which place, `counting` and
`rates` make numbers with their interval, `claims` and `policies` say what two versions may be told of, `blocks` what
is kept for testing, `labels` all that is known of a workspace at one time, `refusals` which judgement contradicts its own author.
"""

from services.places.blocks import BLOCK_BARS, Blocks, Split, embargo_bars
from services.places.claims import Change, Claim, claim, compare, mcnemar, seen_words
from services.places.counting import Counts, Fate, Fit, Run, fit, moves
from services.places.deriving import derive, label_set_hash, unconfirmed_for
from services.places.labels import LabelSet, Window
from services.places.matching import Mark, distance, mark_of, match
from services.places.policies import ApprovalPolicy, Policy, Verdict, default_policy, holdout_ends, replay
from services.places.rates import Coverage, Rate, pooled, rate, rate_of, rate_of_fit, units
from services.places.refusals import refusal
from services.places.replaying import CaseResult, ReplayResult, replay_versions
from services.places.values import Decision, Judgement, Place, Spot, Stretch, statements

__all__ = [
    "BLOCK_BARS",
    "ApprovalPolicy",
    "Blocks",
    "CaseResult",
    "Change",
    "Claim",
    "Counts",
    "Coverage",
    "Decision",
    "Fate",
    "Fit",
    "Judgement",
    "LabelSet",
    "Mark",
    "Place",
    "Policy",
    "Rate",
    "ReplayResult",
    "Run",
    "Split",
    "Spot",
    "Stretch",
    "Verdict",
    "Window",
    "claim",
    "compare",
    "default_policy",
    "derive",
    "distance",
    "embargo_bars",
    "fit",
    "holdout_ends",
    "label_set_hash",
    "mark_of",
    "match",
    "mcnemar",
    "moves",
    "pooled",
    "rate",
    "rate_of",
    "rate_of_fit",
    "refusal",
    "replay",
    "replay_versions",
    "seen_words",
    "statements",
    "unconfirmed_for",
    "units",
]
