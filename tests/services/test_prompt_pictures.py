"""Which pictures a prompt offers, takes and counts, and that nothing kept for testing is among them."""

from __future__ import annotations

import base64
import io
import uuid
from dataclasses import replace

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from services import feedback, prompts, workspaces
from services.errors import InvalidInput
from services.lifecycle import Verdict
from services.models import CandleDataset
from services.places.blocks import in_share
from tests import factories
from tests.support import scenarios


def picture(width: int = 2000, height: int = 500, form: str = "PNG") -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(sink, form)
    return sink.getvalue()


def test_attached_ones_come_first_then_a_chart_of_each_place_and_only_of_what_is_sent(session: Session) -> None:
    member = factories.person(session)
    stored = factories.dataset(session, member)
    home = scenarios.in_beta(session, member)
    made = scenarios.run_session(session, home, member, stored, anchors=[10, 20])
    ids = scenarios.detections(session, made)
    for index, key in ((10, "shown.png"), (20, "notes.csv")):
        feedback.judge(session, ids[index], Verdict.FALSE_POSITIVE, attachments=[key], actor=member)
    batch = feedback.open_batch(session, home)
    offered = prompts.offered(workspaces.get(session, home), batch, {"shown.png": "where it turned.png"})
    assert [(one.id.split(":")[0], one.title) for one in offered] == [
        ("attached", "where it turned.png"), ("chart", "Chart of #10"), ("chart", "Chart of #20"),
    ]  # fmt: skip
    assert prompts.offered(workspaces.get(session, home), batch[1:], {"shown.png": "x.png"})[0].title == "Chart of #20"


def test_a_correction_that_is_kept_for_testing_offers_nothing(session: Session) -> None:
    member = factories.person(session)
    stored = factories.dataset(session, member)
    home = scenarios.in_beta(session, member)
    made = scenarios.run_session(session, home, member, stored, anchors=[10])
    [mark] = scenarios.detections(session, made).values()
    feedback.judge(session, mark, Verdict.FALSE_POSITIVE, attachments=["secret.png"], actor=member)
    scenarios.row(session, home).holdout_share = 0.5
    block = int(factories.DAY_ONE.timestamp()) // (250 * 86_400)
    kept = session.scalars(select(CandleDataset).where(CandleDataset.id == stored.id)).one()
    kept.series_id = next(i for i in map(uuid.UUID, map("{:032x}".format, range(99))) if all(
        in_share(str(i), k, 0.5) for k in (block, block + 1)))  # fmt: skip
    session.flush()
    known = feedback.open_corrections(session, home)
    batch, held = known.sent, known.held
    assert (batch, held) == ([], 1)
    assert prompts.offered(workspaces.get(session, home), batch, {"secret.png": "secret.png"}) == []


def test_each_is_named_beside_its_correction_scaled_and_counted(session: Session) -> None:
    item = prompts.PromptItem(
        "f1", "adjustment", kind="swing_high", direction=1, candle_index=3, expected_index=99, original={},
        candles=tuple((i, "2024-03-05T00:00:00+00:00", 1.0, 1.2, 0.9, 1.1) for i in range(8)),
    )  # fmt: skip
    plain = prompts.Prompt(
        "repair", prompts.PromptContext("swings", "Swings", "0.1.0"), sessions=(prompts.PromptSession("s", "S", (item,)),)
    )  # fmt: skip
    offered = [
        prompts.Offered("attached:d", "idea.png", "description", None, "d"),
        prompts.Offered("attached:k:f1", "photo.jpg", "correction", "f1", "k"),
        prompts.Offered("chart:f1", "Chart of #3", "correction", "f1", None),
    ]
    made = prompts.with_pictures(plain, offered, {"d": picture(), "k": picture(300, 200, "JPEG")}.__getitem__)
    assert [(p.name, p.media_type, p.width, p.height) for p in made.pictures] == [
        ("picture-01.png", "image/png", 1092, 273), ("picture-02.jpg", "image/jpeg", 300, 200),
        ("picture-03.png", "image/png", 640, 360),
    ]  # fmt: skip
    assert made.context.pictures == ("picture-01.png",)
    assert made.sessions[0].items[0].pictures == ("picture-02.jpg", "picture-03.png")
    stored = prompts.as_bytes(made)
    assert prompts.read(stored) == made
    size = prompts.measure(stored)
    assert (size.pictures, size.picture_tokens) == (3, 398 + 80 + 308)
    assert size.size < len(prompts.as_bytes(replace(made, pictures=()))) + 1000, "their bytes are no text"
    assert "picture-02.jpg: photo.jpg, attached to the correction, 300 × 200" in prompts.readable(made)
    with Image.open(io.BytesIO(base64.b64decode(made.pictures[2].data))) as chart:
        assert len(chart.getcolors(100_000) or ()) > 10, "something is drawn"


def test_more_than_go_along_are_refused_and_the_first_are_taken_by_themselves() -> None:
    offered = [prompts.Offered(f"chart:{i}", "", "correction", str(i), None) for i in range(prompts.MOST + 5)]
    assert prompts.chosen(offered, None) == offered[: prompts.MOST]
    assert prompts.chosen(offered, {"chart:3"}) == [offered[3]]
    with pytest.raises(InvalidInput, match="25 are ticked"):
        prompts.chosen(offered, {one.id for one in offered})


def test_a_stored_prompt_of_an_older_format_has_no_picture() -> None:
    old = b'{"task": "repair", "format": 2, "context": {"pattern_type": "a", "name": "A", "version": "1"}}'
    assert prompts.measure(old).pictures == 0
