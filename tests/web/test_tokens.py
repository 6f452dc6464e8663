"""Tokens: bound to purpose, person and object, and to a key that is made once."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest

from services.errors import NotAllowed, Unavailable
from services.web import tokens

PERSON = "018f0000-0000-7000-8000-000000000001"


def test_a_token_gives_back_what_it_was_minted_for(data_dir: Path) -> None:
    grant = tokens.read("export", tokens.mint("export", PERSON, report="executions", filters={"days": 30}))
    assert (grant.person_id, grant.object) == (PERSON, {"report": "executions", "filters": {"days": 30}})
    assert grant.expires_at.tzinfo is not None


def test_missing_forged_foreign_and_expired_tokens_are_refused(data_dir: Path) -> None:
    token = tokens.mint("export", PERSON, report="executions")
    for refused in (None, "", "x.y.z", token[:-1], "A" + token):
        with pytest.raises(NotAllowed):
            tokens.read("export", refused)
    with pytest.raises(NotAllowed):
        tokens.read("live", token)
    with pytest.raises(NotAllowed, match="expired"):
        tokens.read("export", token, max_age=-1)
    with pytest.raises(ValueError, match="purpose"):
        tokens.mint("anything", PERSON)


def test_another_key_does_not_open_it(data_dir: Path) -> None:
    token = tokens.mint("export", PERSON)
    (data_dir / tokens.KEY_FILE).unlink()
    tokens._stored_key.cache_clear()
    with pytest.raises(NotAllowed):
        tokens.read("export", token)


def _read_key(folder: Path) -> str:
    return tokens._stored_key.__wrapped__(folder)


def test_processes_that_start_together_share_one_private_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        for round_ in range(10):
            assert len(set(pool.map(_read_key, [tmp_path / str(round_)] * 8, chunksize=1))) == 1
    folder = tmp_path / "0"
    assert [path.name for path in folder.iterdir()] == [tokens.KEY_FILE]
    assert stat.S_IMODE((folder / tokens.KEY_FILE).stat().st_mode) == 0o600


def test_a_damaged_key_and_a_missing_folder_get_a_sentence(tmp_path: Path) -> None:
    (tmp_path / tokens.KEY_FILE).write_text("short")
    with pytest.raises(Unavailable, match="damaged"):
        _read_key(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot hold the secret key"):
        _read_key(tmp_path / "file" / "below")
