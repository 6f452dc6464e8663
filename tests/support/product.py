"""A real product for the tests of screens: database, candles, pattern repository, a deployed detector that ran."""

from __future__ import annotations

import csv
import io
import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from pages.components.runs.state import spoken
from services import actions, exports, people, releases, workspaces
from services.candles.demo import demo_files
from services.database.engine import transaction
from services.datasets import DatasetRow
from services.detectors import repository
from services.detectors.sandbox import warm
from services.lifecycle import Role, VersionStatus, WorkspaceStatus
from services.models import DetectorVersion, PatternWorkspace, new_id, now
from services.people import Actor
from services.settings import ROOT
from services.web import tokens

ROUTER = ROOT / "pages" / "router.py"


@dataclass(frozen=True)
class World:
    """A workspace of swings with a deployed version, one of BOS without, 3,000 candles, and a person of each role."""

    admin: Actor
    member: Actor
    viewer: Actor
    swings: uuid.UUID
    bos: uuid.UUID
    dataset: DatasetRow

    def run(self, *, start: int = 1500, bars: int = 120, coverage: str = "partial") -> uuid.UUID:
        return actions.run_session(
            self.swings, dataset_id=self.dataset.id, start_index=start, end_index=start + bars - 1, coverage=coverage,
            actor=self.member,
        )  # fmt: skip

    def deploy(self, number: str, **changed: float) -> None:
        """Another version of the swings detector is live from now on; only its parameters differ."""
        root = releases.release(head())
        with warm(root, "swings") as worker:
            spec = worker.spec()
        with transaction() as session:
            live = DetectorVersion.workspace_id == self.swings, DetectorVersion.status == VersionStatus.DEPLOYED
            session.execute(update(DetectorVersion).where(*live).values(status=VersionStatus.RETIRED, retired_at=now()))
            made = DetectorVersion(
                id=new_id(), workspace_id=self.swings, version=number, commit_hash=head(),
                module_path="detectors/swings.py", code_sha256=repository.code_sha256(root, "swings"),
                params=spec.defaults() | changed, param_schema=[asdict(p) for p in spec.params], origin="starter",
                status=VersionStatus.DEPLOYED, deployed_at=now(),
            )  # fmt: skip
            session.add(made)
            session.flush()
            row = session.get_one(PatternWorkspace, self.swings)
            row.status, row.version, row.deployed_version_id = WorkspaceStatus.BETA, number, made.id


def head() -> str:
    return repository.head(releases.repository())


def build() -> World:
    with transaction() as session:
        admin, member, viewer = (
            people.ensure_person(session, email=f"{role}@example.com", name=f"{role.capitalize()} One", role=role)
            for role in (Role.ADMIN, Role.MEMBER, Role.VIEWER)
        )
        swings, bos = (
            workspaces.create(session, pattern_type=kind, name=title, category="Structure", actor=member)
            for kind, title in (("swings", "Swings"), ("bos", "Break of structure"))
        )
    demo = demo_files()[0]
    dataset = actions.import_candles(
        Path(demo.path).read_bytes(), filename=demo.path.name, symbol=demo.symbol, timeframe=demo.timeframe,
        licence_note=demo.licence_note, price_adjustment=demo.price_adjustment, actor=member,
    )  # fmt: skip
    made = World(admin, member, viewer, swings, bos, dataset)
    made.deploy("0.1.0")
    return made


def open_page(file: str, actor: Actor, **query: str) -> AppTest:
    """The screen as this person sees it, by the router."""
    at = AppTest.from_file(str(ROUTER), default_timeout=30)
    at.session_state["person_id"] = actor.id
    at.run()
    for key, value in query.items():
        at.query_params[key] = value
    at.switch_page(file).run()
    return at


def words(at: AppTest) -> str:
    """Everything that stands on the screen as text, also where the browser counts a time in it."""
    kinds = (at.title, at.markdown, at.caption, at.text, at.info, at.warning, at.error, at.success)
    plain = [str(element.value) for kind in kinds for element in kind]
    return "\n".join([*plain, *ticking(at)])


def ticking(at: AppTest) -> list[str]:
    """The texts whose time the browser counts, as they read now."""
    lines: list[Any] = [data["text"] for data in drawn(at, "line")]
    for data in drawn(at, "doing"):
        lines += [data["figures"], *(notice["text"] for notice in data["notices"])]
    tasks = [f"{data['task']} {data['percent']}" for data in drawn(at, "doing")]
    return [*tasks, *(spoken(text, now()) for text in lines)]


def given(at: AppTest) -> list[dict[str, Any]]:
    """What our components were given to draw."""
    return [json.loads(c.proto.json) for c in at.get("bidi_component") if c.proto.json]


def downloaded(at: AppTest, report: str) -> list[dict[str, str]]:
    """The file for a spreadsheet that the page's link leads to, read back: what its signed token asks for, streamed."""
    (link,) = (link.proto for link in at.get("link_button") if f"/exports/{report}.csv" in link.proto.url
               and link.proto.label == "For a spreadsheet")  # fmt: skip
    grant = tokens.read("export", parse_qs(urlsplit(link.url).query)["token"][0])
    assert grant.object["report"] == report
    sheet = exports.read_sheet(grant.object["sheet"])
    chunks = exports.stream_sheet(report, grant.object["filters"], sheet, actor_id=uuid.UUID(grant.person_id))
    text = b"".join(chunks).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=sheet.delimiter)
    return [{exports.restore(name): exports.restore(value) for name, value in row.items()} for row in rows]


def drawn(at: AppTest, kind: str) -> list[dict[str, Any]]:
    """What our components were given to draw, of one kind."""
    return [data for data in given(at) if data.get("kind") == kind]
