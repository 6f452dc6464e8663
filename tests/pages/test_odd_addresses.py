"""Deep links that name nothing, or nonsense: every page answers with a sentence, for every word of its address."""

from __future__ import annotations

import re
import uuid

import pytest

from pages.components import links
from services.settings import ROOT
from tests.support.product import World, open_page, words

ODD = ("nonsense", str(uuid.UUID(int=7)), "' OR 1=1 --", "9" * 400, "\x00💡<script>")
READ = re.compile(r"(?:query_params(?:\.get\(|\[)|asked\.(?:text|several|id|day|number|whole)\()\"(\w+)\"")


def words_of_addresses() -> set[str]:
    """Every word that a page or its parts read from an address."""
    texts = [path.read_text("utf-8") for path in (ROOT / "pages").rglob("*.py")]
    return {word for text in texts for word in READ.findall(text)}


def test_the_words_are_found() -> None:
    assert {
        "id",
        "mark",
        "message",
        "place",
        "version",
        "workspace",
        "since",
        "retries",
        "fix_low",
    } <= words_of_addresses()


SHORT = ("session.py", "workspaces.py")  # a page of one thing and a list


@pytest.mark.parametrize(
    "file",
    [pytest.param(file, marks=() if file in SHORT else pytest.mark.long) for file in sorted(set(links.FILES.values()))],
)
def test_every_page_answers_an_odd_address_with_a_sentence(world: World, file: str) -> None:
    names = sorted(words_of_addresses())
    for odd in ODD:
        at = open_page(file, world.member, **dict.fromkeys(names, odd))
        assert not at.exception, (odd, at.exception)
        assert words(at).strip(), odd
        assert "Reference" not in words(at), (odd, words(at)[:500])
