"""The pictures of a prompt: what people attached to what is sent, scaled, and a small chart of each corrected place."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from PIL import Image

from services.errors import InvalidInput
from services.feedback import FeedbackRow
from services.prompts import place_chart
from services.prompts.document import Prompt, PromptItem, PromptPicture
from services.workspaces import WorkspaceDetail

MOST: Final = 20  # pictures of one prompt
LONGEST_SIDE: Final = 1092  # pixels; what is larger costs more and shows a model no more
PIXELS_A_TOKEN: Final = 750  # as the Messages API counts a picture: width × height / 750
_PNG_BYTES: Final = 700_000  # a larger one is sent as JPEG


@dataclass(frozen=True, slots=True)
class Offered:
    """A picture that can go with a prompt. `key` is that of an attachment, None for a chart that is drawn."""

    id: str
    title: str
    of: str  # description, comment or correction
    feedback_id: str | None
    key: str | None


def offered(workspace: WorkspaceDetail, items: Sequence[FeedbackRow], images: Mapping[str, str]) -> list[Offered]:
    """What could go along: attached images first, then a chart of each place. `images` are names by storage key.

    Only the description and the items that are sent are looked at, so nothing that is kept for testing gets in.
    """
    found = [
        Offered(f"attached:{key}", images[key], "description", None, key)
        for key in workspace.attachments
        if key in images
    ]
    for item in items:
        of = "comment" if item.verdict == "comment" else "correction"
        found += [
            Offered(f"attached:{key}:{item.id}", images[key], of, str(item.id), key)
            for key in item.attachments
            if key in images
        ]
    found += [
        Offered(f"chart:{item.id}", f"Chart of #{item.candle_index}", "correction", str(item.id), None)
        for item in items
        if item.dataset_id is not None and item.candle_index is not None
    ]
    return found


def chosen(pictures: Sequence[Offered], wanted: Collection[str] | None) -> list[Offered]:
    """The wanted ones in their order; the first MOST where nobody chose. Raises InvalidInput for more than MOST."""
    if wanted is None:
        return list(pictures[:MOST])
    picked = [one for one in pictures if one.id in wanted]
    if len(picked) > MOST:
        raise InvalidInput(f"Up to {MOST} pictures go with a prompt; {len(picked)} are ticked.")
    return picked


def with_pictures(prompt: Prompt, picked: Sequence[Offered], load: Callable[[str], bytes]) -> Prompt:
    """The prompt with these pictures in it, each named beside what it belongs to. `load` reads an attachment."""
    items = {item.feedback_id: item for session in prompt.sessions for item in session.items}
    made: list[PromptPicture] = []
    for one in picked:
        item = items.get(one.feedback_id or "")
        if one.key is None and (item is None or not item.candles):
            continue
        data = load(one.key) if one.key is not None else place_chart.draw(_present(item))
        made.append(_picture(f"picture-{len(made) + 1:02}", one, data))
    names: dict[str | None, list[str]] = {}
    for picture in made:
        names.setdefault(picture.feedback_id, []).append(picture.name)
    sessions = tuple(
        replace(s, items=tuple(replace(i, pictures=tuple(names.get(i.feedback_id, ()))) for i in s.items))
        for s in prompt.sessions
    )
    context = replace(prompt.context, pictures=tuple(names.get(None, ())))
    return replace(prompt, pictures=tuple(made), sessions=sessions, context=context)


def tokens(picture: PromptPicture) -> int:
    """What the picture adds to the prompt, as the API counts it."""
    return math.ceil(picture.width * picture.height / PIXELS_A_TOKEN)


def _present(item: PromptItem | None) -> PromptItem:
    assert item is not None
    return item


def _picture(stem: str, one: Offered, data: bytes) -> PromptPicture:
    scaled, form, width, height = _scaled(data)
    name = f"{stem}.{'png' if form == 'PNG' else 'jpg'}"
    return PromptPicture(
        name=name,
        title=one.title,
        of=one.of,
        feedback_id=one.feedback_id,
        attached=one.key is not None,
        media_type=f"image/{form.lower()}",
        width=width,
        height=height,
        data=base64.b64encode(scaled).decode(),
    )


def _scaled(data: bytes) -> tuple[bytes, str, int, int]:
    """The first frame, no side longer than LONGEST_SIDE: bytes, PNG or JPEG, width, height."""
    with Image.open(io.BytesIO(data)) as source:
        photo = source.format == "JPEG"
        image = source.convert("RGBA" if not photo and source.has_transparency_data else "RGB")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    if image.mode == "RGBA":  # a model sees no transparency
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    sink = io.BytesIO()
    if not photo:
        image.save(sink, "PNG", optimize=True)
    if photo or sink.tell() > _PNG_BYTES:
        sink = io.BytesIO()
        image.save(sink, "JPEG", quality=85)
        return sink.getvalue(), "JPEG", image.width, image.height
    return sink.getvalue(), "PNG", image.width, image.height
