"""Limits: reached, said with when to try again, each person for themselves, released by time, and changed by a setting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services import limiting
from services.errors import InvalidInput, TooMany
from services.settings import get_settings


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LIMITS", "launch=2/second, token=1/hour")
    get_settings.cache_clear()
    limiting.forget()
    yield
    limiting.forget()
    monkeypatch.undo()
    get_settings.cache_clear()


def test_a_limit_is_reached_by_one_person_and_not_by_the_others() -> None:
    limiting.spend("token", "ada")
    with pytest.raises(TooMany, match=r"more than 1 new tokens in one hour; try again in 60 minutes\.") as refused:
        limiting.spend("token", "ada")
    assert refused.value.retry_after_s is not None
    assert 3500 < refused.value.retry_after_s <= 3600
    with pytest.raises(TooMany):
        limiting.check("token", "ada")
    limiting.check("token", "bo")
    limiting.spend("token", "bo")
    limiting.spend("launch", "ada")


def test_a_limit_is_released_when_its_time_has_passed() -> None:
    limiting.spend("launch", "ada")
    limiting.spend("launch", "ada")
    with pytest.raises(TooMany) as refused:
        limiting.spend("launch", "ada")
    assert refused.value.retry_after_s is not None
    import time

    deadline = time.monotonic() + 60
    while True:
        try:
            limiting.spend("launch", "ada")
            break
        except TooMany:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_refused_try_counts_nothing() -> None:
    for _ in range(2):
        limiting.spend("launch", "ada")
    limiting.check("sign_in", "1.2.3.4")
    for _ in range(20):
        limiting.check("sign_in", "1.2.3.4")
        limiting.spend("sign_in", "1.2.3.4")
    with pytest.raises(TooMany):
        limiting.check("sign_in", "1.2.3.4")


@pytest.mark.parametrize("setting", ["launch", "launch=often", "lunch=1/hour", "launch=1/fortnight"])
def test_a_setting_that_cannot_be_read_is_said(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMITS", setting)
    get_settings.cache_clear()
    with pytest.raises(InvalidInput, match="LIMITS has"):
        limiting.spend("launch", "ada")
