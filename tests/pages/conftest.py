"""A product to look at, and a browser's tab to draw in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Error, Page, sync_playwright

from services.database.engine import engine_for, get_engine
from services.settings import get_settings
from services.web import tokens
from tests.conftest import Databases
from tests.support import product
from tests.support.product import World


@pytest.fixture(scope="module")
def world(databases: Databases, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    name = databases.clone()
    url = databases.address(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        patch.setenv("DATA_DIR", str(tmp_path_factory.mktemp("sessions")))
        for variable in ("STORAGE_URL", "PATTERN_REPOSITORY", "OIDC_CLIENT_ID"):
            patch.delenv(variable, raising=False)
        _forget()
        yield product.build()
        engine_for(url).dispose()
    _forget()
    databases.drop(name)


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
