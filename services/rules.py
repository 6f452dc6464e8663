"""The rules that several rooms ask about, each once: a name in Python and, where SQL needs it, the same as a fragment.

A fragment is a condition made from the constants of `services.lifecycle`. It takes the alias of its table, so that it
can stand in any statement, and is the text of the index over open corrections too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, LiteralString, Protocol

from services.lifecycle import LIVE_EXECUTION, QUIET_VERDICTS, AuthorType, FeedbackState, MadeBy

PROVISIONAL_BELOW: Final = 10  # judged marks; under it a rate is a first impression
AGENT_NAMES: Final = {"claude": "Claude", "tuner": "Tuner", "manual": "By hand"}


def listed(words: Iterable[str]) -> str:
    """Our own constants as the inside of an SQL list: 'a', 'b'."""
    return ", ".join(f"'{word}'" for word in words)


def _of(alias: str) -> str:
    return f"{alias}." if alias else ""


def asks(verdict: str) -> bool:
    """Whether a verdict asks for a change: everything but "right" and "unsure" does."""
    return verdict not in QUIET_VERDICTS


def asks_sql(alias: str = "") -> str:
    return f"{_of(alias)}verdict NOT IN ({listed(QUIET_VERDICTS)})"


def is_original(made_by: str) -> bool:
    """Whether the judgement was given, and not carried over into a retest as a copy."""
    return made_by != MadeBy.CARRIED


def original_sql(alias: str = "") -> str:
    return f"{_of(alias)}made_by <> '{MadeBy.CARRIED}'"


def is_correction(verdict: str, made_by: str) -> bool:
    """Whether a feedback item is a correction: it asks for a change, and is not the copy of one."""
    return is_original(made_by) and asks(verdict)


def correction_sql(alias: str = "") -> str:
    return f"{original_sql(alias)} AND {asks_sql(alias)}"


def is_open_correction(verdict: str, made_by: str, state: str) -> bool:
    """Whether a feedback item is a correction that waits to be sent."""
    return state == FeedbackState.OPEN and is_correction(verdict, made_by)


def open_correction_sql(alias: str = "") -> str:
    return f"{_of(alias)}state = '{FeedbackState.OPEN}' AND {correction_sql(alias)}"


def is_live(status: str | None) -> bool:
    """Whether an execution of this status has not ended."""
    return status in LIVE_EXECUTION


def live_sql(alias: str = "") -> str:
    return f"{_of(alias)}status IN ({listed(LIVE_EXECUTION)})"


def is_provisional(n: int) -> bool:
    """Whether a rate rests on too few judged marks to be more than a first impression."""
    return n < PROVISIONAL_BELOW


class Describable(Protocol):
    """What holds a pattern's description: the row of a workspace, or what screens get of it."""

    @property
    def description(self) -> Any: ...
    @property
    def user_reasoning(self) -> Any: ...
    @property
    def identification_steps(self) -> Any: ...


def is_described(workspace: Describable) -> bool:
    """Whether people said what the pattern is: a description, the reasoning and the steps."""
    return bool(workspace.description and workspace.user_reasoning and workspace.identification_steps)


def agent_name(agent: str) -> str:
    """What an agent is called on screens."""
    return AGENT_NAMES.get(agent, agent.capitalize())


def agent_in_words(agent: str) -> str:
    """What an agent is called inside a sentence."""
    return {"claude": agent_name(agent), "manual": "the gates"}.get(agent, "the tuner")


def agent_author(agent: str) -> AuthorType:
    """Whose name the messages of an agent's run carry: the tuner is a part of the application."""
    return AuthorType.CLAUDE if agent == "claude" else AuthorType.SYSTEM


def masked_sql(alias: LiteralString) -> LiteralString:
    """Whether the judgement is kept from the person `viewer` (a parameter; NULL sees everything): another's, in a blind
    review that goes on, on a mark that the viewer has not judged. Of what was missed, every mark has to be judged; one
    that a retest carried over is."""
    of_mark: LiteralString = "SELECT 1 FROM feedback_items o WHERE o.state <> 'withdrawn' AND o.detection_id = "
    own: LiteralString = " AND o.author_id = %(viewer)s"
    judged: LiteralString = " AND (o.author_id = %(viewer)s OR o.made_by = 'carried')"
    return (
        "(%(viewer)s::uuid IS NOT NULL AND "
        + alias
        + ".author_id <> %(viewer)s AND "
        + alias
        + ".made_by = 'person' AND EXISTS "
        "(SELECT 1 FROM pattern_sessions bs JOIN pattern_workspaces bw ON bw.id = bs.workspace_id "
        "WHERE bs.id = "
        + alias
        + ".session_id AND bs.status = 'active' AND bw.blind_review) AND CASE WHEN "
        + alias
        + ".detection_id IS NOT NULL THEN NOT EXISTS ("
        + of_mark
        + alias
        + ".detection_id"
        + own
        + ") ELSE EXISTS (SELECT 1 FROM detections bd WHERE bd.session_id = "
        + alias
        + ".session_id AND NOT EXISTS ("
        + of_mark
        + "bd.id"
        + judged
        + ")) END)"
    )


def kept_back_sql(alias: LiteralString) -> LiteralString:
    """Whether a message of a timeline tells `viewer` of a judgement that is kept from them: one correction, a dispute, or
    the score of a session that was completed and is open again."""
    f: LiteralString = "EXISTS (SELECT 1 FROM feedback_items bf WHERE " + masked_sql("bf") + " AND "
    return (
        "(CASE "
        + alias
        + ".type WHEN 'feedback_added' THEN "
        + f
        + "bf.id = "
        + alias
        + ".feedback_id) WHEN 'mark_disputed' THEN "
        + f
        + "bf.id::text IN (SELECT jsonb_array_elements_text("
        + alias
        + ".data -> 'feedback_ids'))) WHEN 'session_completed' THEN EXISTS (SELECT 1 FROM pattern_sessions bo WHERE bo.id = "
        + alias
        + ".session_id AND bo.status = 'active') AND "
        + f
        + "bf.session_id = "
        + alias
        + ".session_id AND bf.state <> 'withdrawn') ELSE false END)"
    )
