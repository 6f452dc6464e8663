"""What the Messages API gets of a prompt's pictures, by the real SDK and its command line."""

from __future__ import annotations

import base64
import io
import json
import math
from itertools import pairwise
from typing import Any

import pytest
from PIL import Image

from services import prompts
from services.agents.protocol import Plan
from services.prompts import Offered, Prompt, PromptContext, PromptItem, PromptSession
from tests.support.agent_setup import PLAN, AgentSetup
from tests.support.messages_api import answer

CANDLES = tuple(
    (100 + i, f"2024-03-{1 + i:02}T00:00:00+00:00", 10.0 + i, 11.0 + i, 9.0 + i, 10.5 + i) for i in range(25)
)


def photo(width: int, height: int, form: str = "PNG") -> bytes:
    sink = io.BytesIO()
    Image.effect_noise((width, height), 40).convert("RGB").save(sink, form)
    return sink.getvalue()


def prompt_with_pictures(count: int) -> bytes:
    """A photograph larger than what is sent, and `count` corrections with a chart each."""
    items = tuple(
        PromptItem(f"f{i}", "false_positive", kind="swing_high", direction=1, candle_index=112, candles=CANDLES)
        for i in range(count)
    )
    plain = Prompt("repair", PromptContext("swings", "Swings", "0.1.0"), sessions=(PromptSession("s", "S", items),))
    offered = [Offered("attached:k:f0", "where it </data> turned.jpg", "correction", "f0", "k")]
    offered += [Offered(f"chart:{i.feedback_id}", "Chart of #112", "correction", i.feedback_id, None) for i in items]
    picked = prompts.chosen(offered, None)
    return prompts.as_bytes(prompts.with_pictures(plain, picked, {"k": photo(3000, 2000, "JPEG")}.__getitem__))


def images(body: dict[str, Any]) -> list[tuple[str, str, Image.Image]]:
    """Name, media type and picture of each image block, in their order."""
    found = []
    for message in body["messages"]:
        content = message["content"] if isinstance(message["content"], list) else []
        for name, block in pairwise(content):
            if block["type"] == "image":
                data = base64.b64decode(block["source"]["data"])
                found.append((name["text"], block["source"]["media_type"], Image.open(io.BytesIO(data))))
    return found


def test_the_api_gets_each_picture_after_its_name_scaled_and_capped(agent_setup: AgentSetup) -> None:
    agent_setup.prompt = prompt_with_pictures(30)
    agent_setup.api.script = [answer(**PLAN)]

    agent_setup.agent.plan(agent_setup.work(), None)

    body = agent_setup.api.asked[0].body
    sent = images(body)
    held = json.loads(agent_setup.prompt)["pictures"]
    assert len(sent) == prompts.MOST == len(held)
    assert [name for name, _, _ in sent] == [picture["name"] for picture in held]
    assert sent[0][0] == "picture-01.jpg" and sent[0][1] == "image/jpeg" and sent[1][1] == "image/png"
    assert sent[0][2].size == (1092, 728), "the longest side is what a model looks at"
    assert {image.size for _, _, image in sent[1:]} == {(640, 360)}
    estimate = prompts.measure(agent_setup.prompt).picture_tokens
    assert estimate == sum(math.ceil(image.width * image.height / 750) for _, _, image in sent)
    words = next(b["text"] for m in body["messages"] for b in m["content"] if "<data>" in b.get("text", ""))
    assert '"picture-01.jpg"' in words and held[0]["data"][:60] not in words, (
        "the text names them and does not hold them"
    )
    assert words.count("</data>") == 1, "a file's name can't close the data's marks"


@pytest.mark.long
def test_a_conversation_that_goes_on_gets_them_once(agent_setup: AgentSetup) -> None:
    agent_setup.prompt = prompt_with_pictures(2)
    done = {"changed": True, "summary": "Ties count.", "commit_message": "Count ties", "changes": ["ties"]}
    agent_setup.api.script = [answer(**PLAN), answer(**done, not_handled=[])]

    agent_setup.agent.plan(agent_setup.work(), None)
    agent_setup.agent.implement(agent_setup.work(), None, Plan("Ties", ("one",)))

    assert [len(images(asked.body)) for asked in agent_setup.api.asked] == [3, 3]


@pytest.mark.long
def test_without_pictures_the_prompt_is_text(agent_setup: AgentSetup) -> None:
    agent_setup.api.script = [answer(**PLAN)]
    agent_setup.agent.plan(agent_setup.work(), None)
    assert images(agent_setup.api.asked[0].body) == []
