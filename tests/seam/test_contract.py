"""What Python sends and what the scripts read are the same, for every message type and every component."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Annotated, NotRequired, TypedDict

import pytest
from pydantic import BaseModel

from services.lifecycle import MessageType
from services.timeline import KEPT, PAYLOADS
from tests.support.node import CHECKERS, ROOT, node
from tools.seam.contract import TYPES, declared
from tools.seam.typescript import Interfaces

TSC = CHECKERS / "typescript" / "bin" / "tsc"
UNREAD = ROOT / "tools" / "seam" / "unread.mjs"


class Inner(TypedDict):
    at: tuple[int, str]
    maybe: NotRequired[float | None]


class Stored(BaseModel):
    name: str
    empty: str | None
    later: int = 0
    times: list[datetime]
    record: Annotated[str, KEPT] = ""


def test_the_types_of_the_scripts_are_those_of_python() -> None:
    assert TYPES.read_text(encoding="utf-8") == declared(), "run `make seam`"


def test_every_message_type_and_every_component_is_in_the_contract() -> None:
    text = declared()
    assert set(PAYLOADS) == set(MessageType)
    assert all(f"\n  {kind.value}: {payload.__name__}\n" in text for kind, payload in PAYLOADS.items())
    doors = [
        path
        for path in (ROOT / "pages").rglob("*.py")
        if "components.v2.component(" in path.read_text(encoding="utf-8")
    ]
    assert doors == [ROOT / "pages" / "components" / "assets" / "__init__.py"], "components are registered by one door"
    scripts = {
        path for path in (ROOT / "pages" / "components").rglob("*.py") if "= component(" in path.read_text("utf-8")
    }
    assert len(scripts) == text.count(": Mounted<")


def test_optional_fields_and_fields_of_the_record_are_told_apart() -> None:
    made = Interfaces({})
    assert made.of(Stored) == "Stored"
    assert (
        made.written["Stored"]
        == "interface Stored {\n  name: string\n  empty?: string\n  later?: number\n  times: string[]\n}"
    )
    assert made.of(list[Inner]) == "Inner[]"
    assert made.written["Inner"] == "interface Inner {\n  at: [number, string]\n  maybe?: number | null\n}"
    with pytest.raises(TypeError, match="neither a TypedDict nor a payload"):
        made.of(Path)


def test_no_script_reads_what_is_not_sent_and_nothing_is_sent_unread() -> None:
    types = node(TSC, checkers=True)
    assert types.returncode == 0, types.stdout
    unread = node(UNREAD, checkers=True)
    assert unread.returncode == 0, f"sent, but no script reads it: {unread.stdout}"


def test_a_field_renamed_on_one_side_fails(tmp_path: Path) -> None:
    """One in Python alone and two in a script alone."""
    copied = copy(tmp_path)
    renamed = [
        ("pages/seam.d.ts", "current_task?: string", "task?: string", "Property 'current_task' does not exist"),
        ("pages/components/workspaces/grid.js", "card.subtitle", "card.caption", "Property 'caption' does not exist"),
        ("pages/components/review/component.js", "row.reviewer", "row.judge", "Property 'judge' does not exist"),
    ]
    for file, before, after, _ in renamed:
        text = (copied / file).read_text(encoding="utf-8")
        assert before in text
        (copied / file).write_text(text.replace(before, after), encoding="utf-8")
    types = node(TSC, "-p", copied, checkers=True)
    assert types.returncode != 0
    assert all(complaint in types.stdout for *_, complaint in renamed), types.stdout


def test_a_field_that_no_script_reads_any_more_fails(tmp_path: Path) -> None:
    copied = copy(tmp_path)
    types = copied / "pages" / "seam.d.ts"
    types.write_text(
        types.read_text(encoding="utf-8").replace("interface CardData {", "interface CardData {\n  owner: string"),
        encoding="utf-8",
    )
    unread = node(UNREAD, copied, checkers=True)
    assert (unread.returncode, unread.stdout) == (1, "CardData.owner\n")


def test_the_linter_finds_markup_made_of_text(tmp_path: Path) -> None:
    eslint = CHECKERS / "eslint" / "bin" / "eslint.js"
    clean = node(eslint, ".", checkers=True)
    assert clean.returncode == 0, clean.stdout
    shutil.copy(ROOT / "eslint.config.js", tmp_path)
    (tmp_path / "node_modules").symlink_to(CHECKERS)
    (tmp_path / "bad.js").write_text(
        "export const show = (node, text) => { node.innerHTML = text }\n", encoding="utf-8"
    )
    found = node(eslint, ".", cwd=tmp_path, checkers=True)
    assert found.returncode == 1 and "Text from people is data" in found.stdout


def copy(place: Path) -> Path:
    """The scripts and what checks them, to be changed."""
    for path in [*(ROOT / "pages").rglob("*.js"), *(ROOT / "pages").rglob("*.mjs"), ROOT / "pages" / "seam.d.ts"]:
        target = place / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    shutil.copy(ROOT / "tsconfig.json", place)
    return place
