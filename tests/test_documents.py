"""The documents name things that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from services.cli.main import app
from services.settings import ROOT, Settings

DOCUMENTS = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "AGENTS.md", ROOT / "ARCHITECTURE.md"])
OURS = ("services/", "pages/", "tests/", "migrations/", "docs/", "benchmarks/", "tools/")
# Written by a run, or by the reader.
ABSENT = {"tests/browser/artifacts/"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_path_and_link_of_a_document_leads_somewhere(path: Path) -> None:
    text = path.read_text()
    named = {name for name in re.findall(r"`([\w./-]+)`", text) if name.startswith(OURS) and "NNNN" not in name}
    assert {name for name in named - ABSENT if not (ROOT / name).exists()} == set()
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link}
    assert {link for link in links if link and not (path.parent / link).exists()} == set()


def test_the_index_of_decisions_has_every_decision() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"^\| \[(\d{4})\]\(([\w-]+\.md)\)", (folder / "README.md").read_text(), re.MULTILINE)
    there = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [name for _, name in listed] == there
    assert all(name.startswith(number) for number, name in listed)


def test_the_readme_has_every_setting_and_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    own = {"GATE_PROFILE"}  # for tests alone
    settings = {str(field.validation_alias or name.upper()) for name, field in Settings.model_fields.items()}
    assert {name for name in settings - own if f"`{name}`" not in text} == set()
    group = typer.main.get_group(app)
    assert {name for name in group.commands if not re.search(rf"`(patterndesk )?{name}\b", text)} == set()


def test_the_architecture_names_every_room_of_the_services() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = {path.name for path in (ROOT / "services").iterdir() if path.name[0] not in "_."}
    assert {name for name in rooms if not re.search(rf"[`/ ]{re.escape(name)}\b", text)} == set()
