from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from services import storage
from services.candles.demo import demo_files
from services.candles.importer import read_candles
from services.candles.store import load_array, load_frame, save_parquet
from services.detectors.types import CANDLE_DTYPE
from services.errors import InvalidInput, NotFound, Unavailable


@pytest.fixture(params=["folder", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield str(tmp_path / "blobs and more") if request.param == "folder" else "memory://blobs"
    MemoryFileSystem.store.clear()


def test_bytes_come_back_by_their_content(root: str) -> None:
    digest = hashlib.sha256(b"abc").hexdigest()
    key = storage.put(root, b"abc", suffix=".png")
    assert key == f"{digest[:2]}/{digest[2:4]}/{digest}.png"
    assert storage.put(root, b"abc", suffix=".png") == key
    assert storage.get(root, key) == b"abc"
    assert storage.exists(root, key)
    assert not storage.exists(root, storage.put("memory://elsewhere", b"other", suffix=""))


def test_missing_and_impossible_keys(root: str) -> None:
    digest = hashlib.sha256(b"nothing").hexdigest()
    with pytest.raises(NotFound):
        storage.get(root, f"{digest[:2]}/{digest[2:4]}/{digest}")
    for key in ("", "../../etc/passwd", "/etc/passwd", f"{digest[:2]}/{digest[2:4]}/../{digest}", f"00/00/{digest}",
                f"{digest[:2]}/{digest[2:4]}/{digest}/..", f"{digest[:2]}/{digest[2:4]}/{digest}\n"):  # fmt: skip
        for use in (storage.get, storage.exists):
            with pytest.raises(InvalidInput):
                use(root, key)
    for suffix in ("png", "../x", ".p/ng", ".PNG", ".a.b.c", "."):
        with pytest.raises(InvalidInput):
            storage.put(root, b"abc", suffix=suffix)


def test_local_writes_leave_one_whole_file(tmp_path: Path) -> None:
    key = storage.put(str(tmp_path), b"x" * 1000, suffix=".bin")
    (tmp_path / key).write_bytes(b"half")  # as a crash of another program may leave it
    with pytest.raises(Unavailable, match="damaged"):
        storage.get(str(tmp_path), key)
    assert storage.put(str(tmp_path), b"x" * 1000, suffix=".bin") == key
    assert storage.get(str(tmp_path), key) == b"x" * 1000
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / key]


def test_a_store_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unavailable, match="cannot be written"):
        storage.put(str(tmp_path / "file"), b"abc", suffix="")
    with pytest.raises(Unavailable, match="cannot be used") as caught:
        storage.put("nosuch://user:secret@host/x", b"abc", suffix="")
    assert "secret" not in caught.value.sentence


def test_candles_come_back_as_they_were(root: str) -> None:
    file = demo_files()[2]
    imported = read_candles(file.path.read_bytes(), filename=file.path.name)
    key = save_parquet(root, imported)
    frame = load_frame(root, key)
    assert frame.equals(imported.frame)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "time": "datetime64[us, UTC]", "open": "float64", "high": "float64", "low": "float64", "close": "float64",
        "volume": "float64"}  # fmt: skip
    array = load_array(root, key)
    assert array.dtype == CANDLE_DTYPE
    assert array["close"].tolist() == frame["close"].tolist()
    assert array["time"][0] == int(frame["time"][0].timestamp()) == 951_868_800
    again = read_candles(imported.parquet, filename="again.parquet")
    assert again.content_sha256 == imported.content_sha256


def test_loaded_candles_cannot_be_spoilt_for_others(root: str) -> None:
    file = demo_files()[1]
    key = save_parquet(root, read_candles(file.path.read_bytes(), filename=file.path.name))
    frame = load_frame(root, key)
    frame.loc[0, "close"] = -1.0
    frame["extra"] = 1
    assert load_frame(root, key)["close"][0] > 0
    assert "extra" not in load_frame(root, key)
    assert load_array(root, key) is load_array(root, key)
    with pytest.raises(ValueError, match="read-only"):
        load_array(root, key)["close"][0] = 1.0
    assert np.asarray(load_array(root, key)["close"])[0] > 0
