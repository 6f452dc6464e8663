"""Starts the app from a checkout in surroundings that break tools of this kind, each to /readyz, and says how it went.

    python -m tests.support.surroundings [--only NAME ...] [--write docs/surroundings.md]

Each start has a data folder of its own and is ended again. Those with DATABASE_URL use a PostgreSQL server that listens
on loopback for this run and asks for passwords.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from services.database import embedded
from services.database.embedded.paths import PORT, Home, programs_in
from services.database.engine import plain_url
from services.settings import ROOT
from tests.support.earlier_postgres import installed, make_cluster
from tests.support.waiting import free_port

READY_S = 300.0
PASSWORD = "p@ss:w/rd%41?#é 'x'&+"  # every sign that an address can trip over
DROPPED = ("PG", "DATABASE_URL", "DATA_DIR", "HOST", "OIDC_", "STREAMLIT_", "PYTEST", "LC_", "LANG", "TZ", "GIT_")


@dataclass(frozen=True)
class Place:
    """Where a start runs: the checkout, the data folder, and the database server for those that need one."""

    checkout: Path
    data_dir: Path
    scratch: Path
    server: str  # postgresql://…@127.0.0.1:port/ of the server's administrator


@dataclass(frozen=True)
class Surrounding:
    """One surrounding. `env` None takes a variable away; `long` puts everything below a long path with other letters."""

    name: str
    what: str
    env: Callable[[Place], Mapping[str, str | None]] = lambda _place: {}
    umask: int = 0o022
    long: bool = False
    refused: str | None = None  # it does not start, and says this
    files: Mapping[str, str] = field(default_factory=dict)  # in a home folder made for it
    owner: str | None = None  # the account that the checkout belongs to; a start as root then
    read_only: bool = False  # the checkout lies on a mount that nobody writes to; needs root
    programs: Path | None = None  # of the PostgreSQL that DATABASE_URL leads to


def database_url(place: Place, *, scheme: str = "postgresql", query: str = "", schema: str | None = None) -> str:
    """A database of a role without superuser, whose password has every sign."""
    name = f"desk_{os.urandom(4).hex()}"
    with psycopg.connect(place.server, autocommit=True) as connection:
        password = sql.Literal(PASSWORD)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), password))
        connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
    if schema is not None:
        with psycopg.connect(place.server, dbname=name, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(sql.Identifier(schema), sql.Identifier(name))
            )
            connection.execute(
                sql.SQL("ALTER ROLE {} SET search_path = {}, public").format(
                    sql.Identifier(name), sql.Identifier(schema)
                )
            )
    return f"{scheme}://{name}:{quote(PASSWORD, safe='')}@{urlsplit(place.server).hostname}:{PORT}/{name}{query}"


def pooled_url(place: Place) -> str:
    """A database behind PgBouncer that lends by the transaction; the program is found on the PATH."""
    direct = database_url(place)
    name = direct.rpartition("/")[2]
    port = free_port()
    (place.scratch / "users.txt").write_text(f'"{name}" "{PASSWORD}"\n')
    (place.scratch / "bouncer.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={PORT}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"auth_type = plain\nauth_file = {place.scratch / 'users.txt'}\npool_mode = transaction\nunix_socket_dir =\n"
        "ignore_startup_parameters = options,extra_float_digits\ndefault_pool_size = 5\n"
    )
    program = shutil.which("pgbouncer") or "pgbouncer"
    as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        [program, *as_nobody, str(place.scratch / "bouncer.ini")], stderr=(place.scratch / "bouncer.log").open("w")
    )
    (place.scratch / "bouncer.pid").write_text(str(process.pid))
    time.sleep(1)
    return f"{direct.rpartition('@')[0]}@127.0.0.1:{port}/{name}"


PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
GIT = """
[core]
    hooksPath = {home}/hooks
    autocrlf = true
    fsmonitor = true
[commit]
    gpgSign = true
[user]
    signingKey = none
[init]
    defaultBranch = trunk
[safe]
    directory = /nowhere
"""
SURROUNDINGS = (
    Surrounding("plain", "nothing set"),
    Surrounding(
        "pg-variables", "`PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`, `PGSSLMODE`, `PGOPTIONS`, `PGSERVICE`",
        lambda _: {
            "PGHOST": "nowhere.invalid", "PGPORT": "1", "PGUSER": "nobody", "PGPASSWORD": "x", "PGDATABASE": "none",
            "PGSSLMODE": "verify-full", "PGOPTIONS": "-c search_path=none", "PGDATA": "/nowhere",
        },
    ),
    Surrounding("posix-locale", "`LC_ALL=POSIX`", lambda _: {"LC_ALL": "POSIX"}),
    Surrounding("c-locale", "`LC_ALL=C`, `PYTHONUTF8=0`", lambda _: {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"}),
    Surrounding("time-zone", "`TZ=Pacific/Apia`", lambda _: {"TZ": "Pacific/Apia"}),
    Surrounding("proxies", "proxies in the environment that answer nothing", lambda _: dict.fromkeys(PROXIES, "http://127.0.0.1:9")),
    Surrounding("no-home", "no `HOME`", lambda _: {"HOME": None, "XDG_CONFIG_HOME": None, "XDG_CACHE_HOME": None}),
    Surrounding("umask", "`umask 077`", umask=0o077),
    Surrounding("long-path", "a path of 200 signs with blanks and other letters", long=True),
    Surrounding(
        "git-config", "git's global hooks, signing, autocrlf, another first branch",
        lambda place: {"HOME": str(place.scratch)},
        files={".gitconfig": GIT, "hooks/pre-commit": "#!/bin/sh\nexit 1\n", "hooks/post-checkout": "#!/bin/sh\nexit 1\n"},
    ),
    Surrounding("postgres-address", "`DATABASE_URL=postgres://…`, a role without superuser, a password with every sign",
                lambda place: {"DATABASE_URL": database_url(place, scheme="postgres")}),
    Surrounding("driver-address", "`DATABASE_URL=postgresql+psycopg2://…`",
                lambda place: {"DATABASE_URL": database_url(place, scheme="postgresql+psycopg2")}),
    Surrounding("sslmode", "`?sslmode=prefer` in the address",
                lambda place: {"DATABASE_URL": database_url(place, query="?sslmode=prefer")}),
    Surrounding("search-path", "a role that looks in another schema first",
                lambda place: {"DATABASE_URL": database_url(place, schema="desk's own")}),
    Surrounding("pgbouncer", "PgBouncer in transaction mode", lambda place: {"DATABASE_URL": pooled_url(place)},
                refused="connection pooler that lends by the transaction"),
    Surrounding("other-owner", "a checkout that belongs to another account than the one that starts", owner="nobody"),
    Surrounding("read-only", "a checkout on a mount that nobody can write to", read_only=True),
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    surrounding: Surrounding
    seconds: float
    answer: str
    ok: bool


def other_versions(folders: list[Path]) -> list[Surrounding]:
    """A start on each PostgreSQL whose programs lie in the folders."""
    found = []
    for programs in folders:
        said = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
        version = said.split()[2]
        found.append(
            Surrounding(
                f"postgresql-{version.split('.')[0]}",
                f"`DATABASE_URL` of a PostgreSQL {version}, a role without superuser",
                lambda place: {"DATABASE_URL": database_url(place)},
                programs=programs,
            )
        )
    return found


def run(surrounding: Surrounding, server: str, scratch: Path) -> Result:
    """One start to /readyz, and its end."""
    base = scratch / surrounding.name
    if surrounding.programs is not None:
        base.mkdir()
        with password_server(base, surrounding.programs, "127.0.0.9") as other:
            return _run(surrounding, other, base)
    return _run(surrounding, server, base)


def _run(surrounding: Surrounding, server: str, base: Path) -> Result:
    if surrounding.long:
        base = base / ("Märkte und Kerzen 蜡烛 " * 6).strip() / ("weit unten " * 5).strip()
    base.mkdir(parents=True, exist_ok=True)
    checkout = base / "checkout"
    _check_out(checkout)
    if surrounding.owner is not None:
        subprocess.run(["chown", "-R", surrounding.owner, checkout], check=True)
    if surrounding.read_only:
        subprocess.run(["mount", "--bind", checkout, checkout], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", checkout], check=True)
    place = Place(checkout, base / "data", base, server)
    for name, text in surrounding.files.items():
        file = base / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.replace("{home}", str(base)))
        file.chmod(0o755)
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
    env |= {"DATA_DIR": str(place.data_dir), "PORT": str(port), "DEMO": "false"}
    for variable, given in surrounding.env(place).items():
        env.pop(variable, None)
        if given is not None:
            env[variable] = given
    began = time.monotonic()
    with (base / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up"], cwd=checkout, env=env, stdout=output, stderr=output,
            stdin=subprocess.DEVNULL, umask=surrounding.umask,
        )  # fmt: skip
        try:
            answer = _ready(process, port, began + READY_S)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
            if surrounding.read_only:
                subprocess.run(["umount", "--lazy", checkout], check=True)
            if (base / "bouncer.pid").exists():
                os.kill(int((base / "bouncer.pid").read_text()), signal.SIGTERM)
    seconds = time.monotonic() - began
    said = (base / "output.txt").read_text("utf-8", "replace")
    if surrounding.refused is not None:
        ok = answer != "ready" and surrounding.refused in said
        return Result(surrounding, seconds, f"refused: {_last(said)}", ok)
    return Result(surrounding, seconds, answer if answer == "ready" else f"{answer}: {_last(said)}", answer == "ready")


def _check_out(to: Path) -> None:
    """What git knows of the tree as it stands, without its history."""
    names = (
        subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        .stdout.decode()
        .split("\0")
    )
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, to / name)


def _ready(process: subprocess.Popen[bytes], port: int, deadline: float) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return f"ended with code {process.returncode}"
        try:
            with opener.open(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                if json.load(answer)["status"] in ("ok", "degraded"):
                    return "ready"
        except (OSError, urllib.error.URLError, ValueError):
            pass
        time.sleep(0.2)
    return "not ready in time"


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip() and "[info" not in line]
    return lines[-1][:200] if lines else "it said nothing"


@contextmanager
def password_server(scratch: Path, programs: Path | None = None, host: str = "127.0.0.1") -> Iterator[str]:
    """A server on loopback that asks everybody for a password; the address of its administrator."""
    if programs is not None:
        make_cluster(scratch / "server", programs)
    with programs_in(programs), embedded.start(scratch / "server", settings={"listen_addresses": host}) as server:
        with psycopg.connect(plain_url(server.url), autocommit=True) as connection:
            connection.execute("CREATE ROLE keeper SUPERUSER LOGIN PASSWORD 'keeper'")
            rules = Home.of(scratch / "server").cluster / "pg_hba.conf"
            kept = rules.read_text()
            rules.write_text(f"host all all {host}/32 scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n{kept}")
            connection.execute("SELECT pg_reload_conf()")
        yield f"postgresql://keeper:keeper@{host}:{PORT}/postgres"


def table(results: list[Result]) -> str:
    rows = [f"| `{r.surrounding.name}` | {r.surrounding.what} | {r.answer} | {r.seconds:.0f} s |" for r in results]
    return "\n".join(["| name | what surrounds it | result | took |", "| --- | --- | --- | --- |", *rows])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--write", type=Path)
    parser.add_argument("--postgres", nargs="*", type=Path, default=installed(), help="programs of other versions")
    options = parser.parse_args()
    chosen = [
        s for s in (*SURROUNDINGS, *other_versions(options.postgres)) if not options.only or s.name in options.only
    ]
    scratch = Path(tempfile.mkdtemp(prefix="pd-around-"))
    scratch.chmod(0o755)
    results = []
    try:
        with password_server(scratch) as server:
            for surrounding in chosen:
                results.append(run(surrounding, server, scratch))
                done = results[-1]
                print(
                    f"{'ok ' if done.ok else 'NOT'} {surrounding.name}: {done.answer} ({done.seconds:.0f} s)",
                    flush=True,
                )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if options.write:
        head = (
            "# Surroundings\n\nEach is a start of `patterndesk up` from a checkout to `/readyz`, with a data folder of its "
            "own, by\n`python -m tests.support.surroundings --write docs/surroundings.md`. A busy machine takes longer.\n\n"
        )
        options.write.write_text(f"{head}{table(results)}\n")
    return 0 if all(result.ok for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
