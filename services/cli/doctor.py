"""`patterndesk doctor`: looks at everything that an installation stands on, and says of each what it found."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg

from services import disk, releases, running, storage, words
from services.agents import registry as agents
from services.database import embedded, migrate
from services.database.embedded.paths import binary
from services.database.engine import database_url, is_unreachable, plain_url
from services.deploys import registry as deploys
from services.detectors.isolation import isolation, isolation_note
from services.detectors.repository import check_repository
from services.errors import PatternDeskError, Unavailable
from services.logs import configure, log_unexpected
from services.settings import Settings
from services.web.serve import check_address

OLDEST_GIT: Final = (2, 31)
MOST_CLOCK_S: Final = 2.0
# What nobody else on the machine may read.
PRIVATE: Final = ("secret.key", "postgres", "logs", "storage", "patterns", "backups", "exports", "work")
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `ok` False: something here has to be mended before it works."""

    name: str
    ok: bool
    sentence: str


def examine(settings: Settings) -> list[Check]:
    """Every check, in the order in which an installation needs them. None of them changes anything that stays."""
    checks: list[tuple[str, Callable[[Settings], Check]]] = [
        ("settings", _settings),
        ("data folder", _data_folder),
        ("disk", _disk),
        ("port", _port),
        ("git", _git),
        ("database", _database),
        ("clock", _clock),
        ("storage", _storage),
        ("repository", _repository),
        ("workers", _workers),
        ("sandbox", _sandbox),
        ("agents", _agents),
        ("deploy targets", _targets),
        ("browser", _browser),
        ("keys", _keys),
        ("proxy", _proxy),
    ]
    return [_tried(name, check, settings) for name, check in checks]


def _tried(name: str, check: Callable[[Settings], Check], settings: Settings) -> Check:
    try:
        return check(settings)
    except PatternDeskError as error:
        return Check(name, False, error.sentence)
    except Exception as error:  # noqa: BLE001  # one check that fails must not hide the others
        if is_unreachable(error):
            return Check(name, False, "It could not be looked at, because the database can't be reached.")
        configure("cli", settings.data_dir)
        return Check(name, False, f"It could not be looked at; the log holds the error under {log_unexpected(error)}.")


def _settings(settings: Settings) -> Check:
    check_address(settings)
    if settings.oidc_configured:
        return Check(
            "settings",
            True,
            f"People sign in by {settings.oidc_server_metadata_url}; the app answers at {settings.address}.",
        )
    return Check("settings", True, "Local mode: without OIDC settings only this machine may open the app.")


def _data_folder(settings: Settings) -> Check:
    folder = settings.data_dir
    if not folder.exists():
        return Check("data folder", True, f"{folder} does not exist yet; the first start makes it.")
    if not folder.is_dir():
        return Check("data folder", False, f"{folder} is no folder; set DATA_DIR to one.")
    probe = folder / f".doctor.{os.getpid()}"
    try:
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return Check("data folder", False, f"{folder} can't be written: {error.strerror}.")
    open_to_others = [
        path.name
        for path in (folder / name for name in PRIVATE)
        if folder.stat().st_mode & stat.S_IXOTH  # else nobody gets that far
        and path.exists()
        and stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO & ~stat.S_IXOTH
    ]
    if open_to_others:
        return Check(
            "data folder",
            False,
            f"Other users of this machine can read {', '.join(open_to_others)} in {folder}; "
            f"take it from them: chmod -R o-rwx {' '.join(open_to_others)} there.",
        )
    return Check("data folder", True, f"{folder} can be written.")


def _disk(settings: Settings) -> Check:
    room = disk.look(settings)
    return Check("disk", room.state == "enough", room.sentence)


def _port(settings: Settings) -> Check:
    state = running.read(settings.data_dir)
    if state is not None and state.address:
        return Check("port", True, f"Pattern Desk runs at {state.address} (process {state.pid}).")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if _ours(settings):
                return Check("port", True, f"Pattern Desk answers at {settings.host} port {settings.port}.")
            return Check(
                "port", False, f"Port {settings.port} can't be used ({error.strerror}); set PORT to another one."
            )
    return Check("port", True, f"Port {settings.port} is free.")


def _ours(settings: Settings) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{settings.host}:{settings.port}/healthz", timeout=3) as answer:
            return bool(answer.read(200) == b'{"status":"ok"}')
    except OSError:
        return False


def _git(_settings: Settings) -> Check:
    program = shutil.which("git")
    if program is None:
        return Check("git", False, "git is not installed; the pattern repository needs it.")
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    numbers = tuple(int(part) for part in text.split()[2].split(".")[:2]) if len(text.split()) > 2 else (0, 0)
    if numbers < OLDEST_GIT:
        return Check("git", False, f"{text or 'git'} is too old; {'.'.join(map(str, OLDEST_GIT))} or newer is needed.")
    return Check("git", True, f"{text} is installed.")


def _database(settings: Settings) -> Check:
    if not settings.database_url and embedded.running_url(settings.data_dir) is None:
        binary("postgres")
        return Check("database", True, "The embedded database does not run now; 'patterndesk up' starts it.")
    reason = migrate.readiness(database_url())
    kind = "The database at DATABASE_URL" if settings.database_url else "The embedded database"
    return Check("database", reason is None, reason or f"{kind} answers and is at revision {migrate.head()}.")


def _clock(settings: Settings) -> Check:
    try:
        with psycopg.connect(plain_url(database_url()), connect_timeout=5) as connection:
            before = time.time()
            row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
            assert row is not None
            apart = float(row[0]) - (before + time.time()) / 2
    except (Unavailable, psycopg.OperationalError):
        return Check(
            "clock", True, f"It is {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC here; no database runs to compare with."
        )
    if abs(apart) > MOST_CLOCK_S:
        return Check(
            "clock", False, f"This machine's clock and the database's are {apart:+.1f} s apart; set them by NTP."
        )
    return Check("clock", True, f"This machine's clock and the database's agree ({apart:+.2f} s).")


def _storage(settings: Settings) -> Check:
    if not settings.storage_url and not settings.data_dir.exists():
        return Check("storage", True, "Stored files go to the data folder once it is made.")
    key = storage.put(settings.storage_root, b"patterndesk doctor", suffix=".probe")
    storage.get(settings.storage_root, key)
    where = "STORAGE_URL" if settings.storage_url else "the data folder"
    return Check("storage", True, f"A file was stored in {where} and read back.")


def _repository(settings: Settings) -> Check:
    path = settings.repository_path
    if "://" not in path and not Path(path).exists():
        return Check(
            "repository", True, "The pattern repository is made from the starter detectors at the first start."
        )
    repository = releases.repository()
    check_repository(repository, clean=False)
    return Check("repository", True, f"The pattern repository at {repository} has its main branch.")


def _workers(_settings: Settings) -> Check:
    from services import system
    from services.database.engine import transaction

    try:
        with transaction() as session:
            count = len(system.list_workers(session))
    except Unavailable:
        return Check("workers", True, "No database runs, so no worker does.")
    if not count:
        return Check(
            "workers", False, "No worker is connected: executions wait until 'patterndesk worker' runs somewhere."
        )
    return Check("workers", True, f"{count} worker{'s are' if count > 1 else ' is'} connected.")


def _sandbox(_settings: Settings) -> Check:
    form, note = isolation(), isolation_note()
    if form != "bubblewrap":
        return Check("sandbox", False, f"Detectors run with reduced isolation: {note or 'bubblewrap is missing'}")
    return Check("sandbox", True, "Detectors run in bubblewrap, without a network.")


def _agents(_settings: Settings) -> Check:
    known = agents.agents()
    lines = [
        f"{a.title} is connected" if a.available else words.why_not_connected(a.title, a.reason or "").rstrip(".")
        for a in known
    ]
    return Check("agents", any(a.available for a in known), _sentence(lines))


def _targets(_settings: Settings) -> Check:
    known = deploys.targets()
    lines = [
        f"{t.title} is connected" if t.available else words.why_not_connected(t.title, t.reason or "").rstrip(".")
        for t in known
    ]
    return Check("deploy targets", any(t.available for t in known), _sentence(lines))


def _browser(_settings: Settings) -> Check:
    names = ("chromium", "chromium-browser", "google-chrome", "firefox")
    program = next((name for name in names if shutil.which(name)), None)
    what = f"{program} is installed here" if program else "No browser is installed here"
    return Check("browser", True, f"{what}; only the tests need one on this machine.")


def _keys(settings: Settings) -> Check:
    path = settings.data_dir / "secret.key"
    if not path.exists():
        return Check("keys", True, "The key that signs links and cookies is made at the first start.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Check("keys", False, f"{path} can be read by others (mode {mode:o}); it must be 600.")
    if len(path.read_text("ascii", "replace").strip()) != 64:
        return Check("keys", False, f"{path} is damaged; delete it to make a new key, which signs everybody out.")
    return Check("keys", True, "The key that signs links and cookies is there and private.")


def _proxy(_settings: Settings) -> Check:
    given = [name for name in _PROXIES if os.environ.get(name)]
    if not given:
        return Check("proxy", True, "No proxy is set.")
    return Check("proxy", True, f"{', '.join(given)} is set; calls to this machine itself go around it.")


def _sentence(parts: list[str]) -> str:
    return "; ".join(part.rstrip(". )") + (")" if part.endswith((")", ".)")) else "") for part in parts) + "."
