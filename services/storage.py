"""A content-addressed store for bytes: a local folder by default, any fsspec URL (`s3://…`, `memory://…`) by setting.

The key of a blob is `ab/cd/<sha256><suffix>`: the same bytes have the same key, a blob never changes, and reading it
back checks that it is still the bytes that were put in.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from services.errors import InvalidInput, NotFound, Unavailable

_TIMES = ("mtime", "LastModified", "created", "updated")  # what each backend calls it
_SUFFIX = re.compile(r"(?:\.[a-z0-9]{1,16}){0,2}")
_KEY = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/((?:\1\2)[0-9a-f]{60})((?:\.[a-z0-9]{1,16}){0,2})")


def put(root: str, data: bytes, *, suffix: str = "") -> str:
    """Store `data` under `root` (a folder or an fsspec URL) and return its key. Storing it again changes nothing.

    Raises InvalidInput for a suffix other than up to two `.ext`, Unavailable when the store cannot be written.
    """
    if not _SUFFIX.fullmatch(suffix):
        raise InvalidInput(f'"{suffix}" is no file suffix that can be stored.')
    digest = hashlib.sha256(data).hexdigest()
    key = f"{digest[:2]}/{digest[2:4]}/{digest}{suffix}"
    files, path = _locate(root, key)
    try:
        if files.exists(path) and files.size(path) == len(data) and _renewed(files, path):
            return key
        if isinstance(files, LocalFileSystem):
            _write_local(Path(path), data)
        else:
            files.pipe_file(path, data)
    except Exception as error:  # each backend has its own exceptions; all of them mean this
        raise Unavailable(f"The storage at {_shown(root)} cannot be written ({type(error).__name__}).") from error
    return key


def _renewed(files: Any, path: str) -> bool:
    """Makes a stored blob new again, so that nobody removes it as one that nothing refers to while it is used again.

    False where that takes writing it once more.
    """
    if not isinstance(files, LocalFileSystem):
        return False
    try:
        os.utime(path)
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored file: bytes, and when it was last put."""

    size: int
    put_at: datetime


def listing(root: str) -> dict[str, Blob]:
    """Every stored file by its key. Raises Unavailable."""
    try:
        files, base = url_to_fs(root)
        base = str(base).rstrip("/")
        if not files.exists(base):
            return {}
        found = files.find(base, detail=True)
        keys = {str(path).removeprefix(base).lstrip("/"): info for path, info in found.items()}
        return {
            key: Blob(
                int(info["size"]), _moment(files, f"{base}/{key}", next((info[n] for n in _TIMES if info.get(n)), None))
            )
            for key, info in keys.items()
            if _KEY.fullmatch(key)
        }
    except Exception as error:  # as in put
        raise Unavailable(f"The storage at {_shown(root)} cannot be read ({type(error).__name__}).") from error


def _moment(files: Any, path: str, told: object) -> datetime:
    """When a blob was written: by its listing, or asked for by itself where that says nothing."""
    if isinstance(told, int | float):
        return datetime.fromtimestamp(told, UTC)
    if isinstance(told, str):
        told = datetime.fromisoformat(told)
    at: datetime = told if isinstance(told, datetime) else files.modified(path)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def remove(root: str, key: str) -> None:
    """Removes a blob; nothing when it is gone already. Raises Unavailable."""
    files, path = _locate(root, key)
    try:
        files.rm_file(path)
    except FileNotFoundError:
        return
    except Exception as error:  # as in put
        raise Unavailable(f"The storage at {_shown(root)} cannot be written ({type(error).__name__}).") from error


def get(root: str, key: str) -> bytes:
    """The bytes that were stored under `key`.

    Raises InvalidInput for what is no key, NotFound when there is no such blob, Unavailable when it cannot be read or
    is no longer what was stored.
    """
    files, path = _locate(root, key)
    try:
        data = files.cat_file(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NotFound(f"The stored file {key} does not exist.") from error
    except Exception as error:  # as in put
        raise Unavailable(f"The storage at {_shown(root)} cannot be read ({type(error).__name__}).") from error
    content = bytes(data)
    if hashlib.sha256(content).hexdigest() != _digest(key):
        raise Unavailable(f"The stored file {key} is damaged: its content is no longer what was stored.")
    return content


def exists(root: str, key: str) -> bool:
    """Whether a blob is stored under `key`. Raises InvalidInput for what is no key."""
    files, path = _locate(root, key)
    try:
        return bool(files.isfile(path))
    except Exception as error:  # as in put
        raise Unavailable(f"The storage at {_shown(root)} cannot be read ({type(error).__name__}).") from error


def _digest(key: str) -> str:
    match = _KEY.fullmatch(key)
    if match is None:
        raise InvalidInput("That is no key of a stored file.")
    return match.group(3)


def _locate(root: str, key: str) -> tuple[Any, str]:
    _digest(key)
    try:
        files, base = url_to_fs(root)
    except (ImportError, ValueError) as error:
        raise Unavailable(f"The storage address {_shown(root)} cannot be used: {error}.") from error
    return files, f"{str(base).rstrip('/')}/{key}"


def _shown(root: str) -> str:
    """The address without the credentials that a URL may carry."""
    return re.sub(r"//[^/@]*@", "//", root.split("?", 1)[0])


def _write_local(path: Path, data: bytes) -> None:
    """Write beside the target and rename, so that a reader or a crash never meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".put-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
