"""Candles of datasets in the blob store, read back as a frame or as the array that detectors receive."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from services import storage
from services.candles.bars import COLUMNS, frame_to_table
from services.candles.importer import ImportedCandles
from services.detectors.types import Candles
from services.errors import Unavailable


def save_parquet(root: str, imported: ImportedCandles) -> str:
    """Store imported candles under the storage `root`; returns the key for `candle_datasets.storage_path`."""
    return storage.put(root, imported.parquet, suffix=".parquet")


def load_frame(root: str, key: str) -> pd.DataFrame:
    """A dataset's candles: `time` (datetime64[us, UTC]) and five float64 columns; the caller may change its copy.

    Raises NotFound or Unavailable when the stored file is not there or cannot be read.
    """
    return _frame(root, key).copy(deep=False)  # copy on write: the cached one stays as it is


def load_array(root: str, key: str) -> Candles:
    """A dataset's candles as a read-only array of `CANDLE_DTYPE` (time in UTC seconds). Raises as `load_frame`."""
    return _array(root, key)


def read_array(root: str, key: str) -> Candles:
    """As `load_array`, without keeping it: for those who read a dataset once."""
    return np.asarray(frame_to_table(_frame.__wrapped__(root, key)))


@lru_cache(maxsize=8)
def _frame(root: str, key: str) -> pd.DataFrame:
    try:
        table = pq.read_table(io.BytesIO(storage.get(root, key)), columns=list(COLUMNS))
        frame: pd.DataFrame = table.to_pandas()
    except (pa.ArrowException, ValueError) as error:
        raise Unavailable(f"The stored candles {key} are not in the form that this version reads.") from error
    frame["time"] = frame["time"].dt.as_unit("us")
    return frame


@lru_cache(maxsize=8)
def _array(root: str, key: str) -> Candles:
    table = frame_to_table(_frame(root, key))
    table.flags.writeable = False
    return np.asarray(table)
