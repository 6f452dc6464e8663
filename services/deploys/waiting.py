"""Waiting for a remote target: how long each kind of trouble is waited out, when to ask again, and how a cancel ends the wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from services.deploys.protocol import DeployTargetError
from services.errors import Cancelled

T = TypeVar("T")
SLICE_S = 0.1  # how long it may take until a cancel is noticed


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between two looks at a deploy, and how long each kind of trouble is waited out."""

    poll_s: float = 2.0
    timeout_s: float = 20.0  # of one request
    deadline_s: float = 3600.0  # from the first look of a process until the deploy has to be at its end
    first_pause_s: float = 1.0  # after a fault; doubles up to `longest_pause_s`
    longest_pause_s: float = 30.0
    patience_s: float = 300.0  # of faults in a row
    rate_limit_s: float = 900.0  # of waiting for a rate limit's reset
    alias_s: float = 60.0  # from built to served
    cancel_s: float = 20.0  # until a cancel is confirmed


class Watch:
    """Waits and calls that notice a cancel within SLICE_S and raise Cancelled then."""

    def __init__(self, cancelled: Callable[[], bool] | None) -> None:
        self._cancelled = cancelled

    def check(self) -> None:
        if self._cancelled and self._cancelled():
            raise Cancelled("The deploy was canceled.")

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            self.check()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, SLICE_S))

    def call(self, ask: Callable[[], T]) -> T:
        """Only for what may be left alone: after a cancel the request ends by itself and its answer is dropped."""
        if self._cancelled is None:
            return ask()
        answers: list[T] = []
        faults: list[BaseException] = []

        def run() -> None:
            try:
                answers.append(ask())
            except BaseException as error:  # noqa: BLE001  # raised again where it was asked for
                faults.append(error)

        thread = threading.Thread(target=run, name="vercel", daemon=True)
        thread.start()
        while thread.is_alive():
            self.check()
            thread.join(SLICE_S)
        if faults:
            raise faults[0]
        return answers[0]


class Backoff:
    """When to ask again after a fault. A success between two faults calls for `reset`."""

    def __init__(self, pace: Pace, patience_s: float | None = None) -> None:
        self._pace = pace
        self._patience_s = pace.patience_s if patience_s is None else patience_s
        self.reset()

    def reset(self) -> None:
        self._since: float | None = None
        self._pause = self._pace.first_pause_s

    def after(self, error: DeployTargetError) -> float:
        """Seconds to wait. Raises the error itself when it is final, or when the patience is spent."""
        if not error.passes:
            raise error
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        limited = error.retry_after_s
        patience, wait = self._patience_s, self._pause
        if limited is None:
            self._pause = min(2 * self._pause, self._pace.longest_pause_s)
        else:
            patience, wait = max(patience, self._pace.rate_limit_s), max(limited, self._pace.first_pause_s)
        if now - self._since + wait > patience:
            raise error
        return wait


def patiently(ask: Callable[[], T], pace: Pace, watch: Watch, patience_s: float | None = None) -> T:
    """Asks, and asks again after faults that pass. A cancel ends the waits; it does not end a request."""
    backoff = Backoff(pace, patience_s)
    while True:
        try:
            return ask()
        except DeployTargetError as error:
            watch.wait(backoff.after(error))
