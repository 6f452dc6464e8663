"""What crosses to the browser: every message type's payload, every component's data and triggers, every route's answer."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Final

import pages.components
from pages.components.assets import REGISTERED
from services.judging import AnswerJson, StateJson
from services.timeline import PAYLOADS, EntryBase, EntryJson
from services.web.board import FileJson
from services.web.routes import FoundJson
from tools.seam.typescript import Interfaces

TYPES: Final = Path(__file__).resolve().parents[2] / "pages" / "seam.d.ts"
ANSWERS: Final[dict[str, type]] = {
    "board/state": StateJson,
    "board/judgements": AnswerJson,
    "board/files": FileJson,
    "find": FoundJson,
}  # by the route's path
_HEAD: Final = """\
// Made from the Python types by `python -m tools.seam`; a test fails when it is not current. Don't edit it by hand.
"""
_TAIL: Final = """\
/** A component as Streamlit mounts it: its data, the root it draws in, and how it tells Python what a person did. */
interface Mounted<Data, Trigger extends string> {
  data: Data
  parentElement: HTMLElement | ShadowRoot
  setTriggerValue(name: Trigger, value: unknown): void
}

/** A message of the timeline with the payload of its type. */
type EntryOf<T extends keyof Payloads> = EntryBase & { type: T; data: Payloads[T] }
type Entry = { [T in keyof Payloads]: EntryOf<T> }[keyof Payloads]
"""


def declared() -> str:
    """The whole file of types."""
    for module in pkgutil.walk_packages(pages.components.__path__, "pages.components."):
        importlib.import_module(module.name)
    found = Interfaces({EntryJson: "Entry"})
    found.of(EntryBase)
    payloads = [f"  {kind.value}: {found.of(payload)}" for kind, payload in PAYLOADS.items()]
    components = []
    for name, each in sorted(REGISTERED.items()):
        triggers = " | ".join(f'"{trigger}"' for trigger in each.triggers) or "never"
        components.append(f"  {name}: Mounted<{found.of(each.data_type)}, {triggers}>")
    answers = [f'  "{path}": {found.of(its)}' for path, its in ANSWERS.items()]
    return "\n\n".join(
        [
            _HEAD.rstrip(),
            *found.written.values(),
            "\n".join(["interface Payloads {", *payloads, "}"]),
            "\n".join(["interface Components {", *components, "}"]),
            "\n".join(["interface Answers {", *answers, "}"]),
            _TAIL,
        ]
    )
