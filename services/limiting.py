"""How often a person or an address may do what costs something. Counted in this process by a moving window.

The counts live in memory: several servers behind one address each count for themselves, and a restart forgets. That is
enough against a loop that went wrong and against guessing, which is what the limits are for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from services.errors import InvalidInput, TooMany
from services.settings import get_settings

# What is limited: how often, and how the sentence calls it. LIMITS in the settings changes the first.
RULES: Final[Mapping[str, tuple[str, str]]] = {
    "sign_in": ("20/minute", "sign-ins from this address"),
    "launch": ("60/hour", "launches"),
    "ask": ("30/hour", "questions to the agent"),
    "upload": ("120/minute", "uploads"),
    "judge": ("3000/minute", "judgements"),
    "export": ("120/minute", "exports"),
    "token": ("30/hour", "new tokens"),
    "wrong_token": ("30/minute", "tokens that are not known, from this address"),
    "notice_test": ("20/hour", "test notices"),
}
_limiter: Final = MovingWindowRateLimiter(MemoryStorage())


def spend(rule: str, key: object, *, times: int = 1) -> None:
    """Counts uses of `rule` by a person or an address. Raises TooMany, saying when to try again, and counts none then."""
    item = _items(get_settings().limits)[rule]
    if _limiter.hit(item, rule, str(key), cost=times):
        return
    resets_at = _limiter.get_window_stats(item, rule, str(key)).reset_time
    raise _refusal(rule, item, max(1.0, resets_at - time.time()))


def check(rule: str, key: object) -> None:
    """Raises TooMany when nothing is left of `rule`; counts nothing."""
    item = _items(get_settings().limits)[rule]
    if not _limiter.test(item, rule, str(key)):
        resets_at = _limiter.get_window_stats(item, rule, str(key)).reset_time
        raise _refusal(rule, item, max(1.0, resets_at - time.time()))


def forget() -> None:
    """Starts every count anew; for tests."""
    _limiter.storage.reset()


def _refusal(rule: str, item: RateLimitItem, seconds: float) -> TooMany:
    span = {1: item.GRANULARITY.name}.get(item.multiples, f"{item.multiples} {item.GRANULARITY.name}s")
    return TooMany(
        f"That was more than {item.amount} {RULES[rule][1]} in one {span}; try again in {_spoken(seconds)}.",
        retry_after_s=seconds,
    )


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{math.ceil(seconds)} seconds"
    return f"{math.ceil(seconds / 60)} minutes"


@lru_cache(maxsize=8)
def _items(setting: str) -> Mapping[str, RateLimitItem]:
    """The rules with LIMITS applied: `launch=10/hour, export=600/minute`. Raises InvalidInput for what can't be read."""
    items = {name: parse(text) for name, (text, _) in RULES.items()}
    for part in filter(None, (part.strip() for part in setting.split(","))):
        name, _, text = (piece.strip() for piece in part.partition("="))
        try:
            if name not in items:
                raise ValueError(name)
            items[name] = parse(text)
        except ValueError:
            raise InvalidInput(
                f"LIMITS has '{part[:60]}'; write each as name=number/hour, the names being {', '.join(RULES)}."
            ) from None
    return items
