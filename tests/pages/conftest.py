"""A product to look at, and a browser's tab to draw in."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from services.database.engine import engine_for, get_engine
from services.settings import ROOT, get_settings
from services.web import tokens
from tests.conftest import Databases
from tests.support import product
from tests.support.installation import copy_tree
from tests.support.product import World
from tests.support.web_server import free_port

STARTS_S = 120


@pytest.fixture(scope="module")
def world(databases: Databases, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A copy of the product for the tests of one file; the first file of the run builds it."""
    kept = _built(databases)
    name, folder = databases.clone(kept.database), tmp_path_factory.mktemp("product") / "data"
    copy_tree(kept.folder, folder)
    with _living_in(databases.address(name), folder):
        yield kept.world
    databases.drop(name)


@dataclass(frozen=True)
class Kept:
    """The product as it was built: a database that nobody may enter, and its data folder."""

    database: str
    folder: Path
    world: World


def _built(databases: Databases) -> Kept:
    record = databases.shared / "product.pickle"
    with databases.alone("product"):
        if not record.exists():
            name, folder = databases.clone(), databases.shared / "product"
            with _living_in(databases.address(name), folder):
                made = product.build()
            databases.close_for_all(name)
            record.write_bytes(pickle.dumps(Kept(name, folder, made)))
    kept: Kept = pickle.loads(record.read_bytes())
    return kept


@contextmanager
def _living_in(url: str, folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        patch.setenv("DATA_DIR", str(folder))
        for variable in ("STORAGE_URL", "PATTERN_REPOSITORY", "OIDC_CLIENT_ID"):
            patch.delenv(variable, raising=False)
        _forget()
        yield
        engine_for(url).dispose()
    _forget()


def _forget() -> None:
    get_settings.cache_clear()
    get_engine.cache_clear()
    tokens._stored_key.cache_clear()


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium") or None, args=["--no-sandbox"]
            )
        except Error as problem:
            pytest.skip(
                f"Chromium is not installed, so our components were not tried in a browser: {problem.message[:80]}"
            )
        yield browser.new_page(viewport={"width": 900, "height": 700})
        browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            program = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        except Error as problem:
            pytest.skip(f"Chromium is not installed: {problem.message[:80]}")
        yield program
        program.close()


@pytest.fixture(scope="module")
def address(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the real screens on the product's data."""
    settings, port = get_settings(), free_port()
    own = {"DATABASE_URL": str(settings.database_url), "DATA_DIR": str(settings.data_dir), "PORT": str(port)}
    log = tmp_path_factory.mktemp("server") / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.web.serve"], cwd=ROOT, stdout=output, stderr=output,
            env=os.environ | own | {"PATTERNDESK_SUPERVISED": "1"},
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{url}/healthz", log)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(url: str, log: Path) -> None:
    ends = time.monotonic() + STARTS_S
    while time.monotonic() < ends:
        try:
            if httpx.get(url, timeout=20).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(log.read_text())
