"""What is kept for testing: an agent gets nothing of it, and a change that loses it ends without a deploy."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import date

import pytest

from services import actions, executions, feedback, labels, releases, sessions
from services.candles.store import load_array
from services.database.engine import transaction
from services.feedback import MarkPosition
from services.places import Blocks
from services.settings import get_settings
from tests.support.installation import Installation

OHLC = ("open", "high", "low", "close")
SECRET = "quetzal"  # a word that no prompt has of itself


@dataclass(frozen=True)
class Kept:
    """A judged place that is kept for testing."""

    ids: set[str]
    bar: int
    day: date
    epoch: int
    prices: set[str]


def kept(installation: Installation) -> list[Kept]:
    rows = installation.sql(
        "SELECT p.anchor_bar, p.anchor_time, p.level, p.price_low, p.price_high, array_agg(f.id::text), "
        "array_agg(f.price), max(c.storage_path) FROM places p JOIN place_judgements j ON j.place_id = p.id "
        "JOIN feedback_items f ON f.id = j.feedback_id JOIN pattern_sessions s ON s.id = f.session_id "
        "JOIN candle_datasets c ON c.id = s.dataset_id WHERE p.split = 'holdout' GROUP BY p.id"
    )
    found = []
    at_bars = {row[0] for row in rows}
    for bar, at, level, low, high, ids, prices, path in rows:
        candles = load_array(get_settings().storage_root, path)
        numbers = {level, low, high, *prices, *(float(candles[n][bar]) for n in OHLC)}
        # A price that another candle has too may stand in a prompt because of that candle.
        elsewhere = {float(p) for n in OHLC for i, p in enumerate(candles[n]) if i not in at_bars}
        told = {repr(float(n)) for n in numbers if n and float(n) not in elsewhere}
        found.append(Kept(set(ids), bar, at.date(), int(at.timestamp()), told))
    assert sum(len(k.prices) for k in found) > 10
    return found


def judge_across_an_edge(installation: Installation) -> None:
    """Another session over both sides of the edge of a block, with words on each side."""
    workspace_id, dataset = installation.workspace_id(), installation.dataset()
    candles = load_array(get_settings().storage_root, dataset[1])
    ((series,),) = installation.sql("SELECT series_id::text FROM candle_datasets WHERE id = %s", dataset[0])
    rule = Blocks(series, 86_400)
    held = [rule.is_holdout(rule.block(int(t))) for t in candles["time"]]
    edge = next(i for i in range(100, len(held) - 100) if held[i] and not held[i - 1])
    made = actions.run_session(
        workspace_id, dataset_id=dataset[0], start_index=edge - 60, end_index=edge + 59, coverage="exhaustive",
        actor=installation.member,
    )  # fmt: skip
    with transaction() as session:
        for bar, word in ((edge - 30, "plain"), (edge + 30, SECRET)):
            place = MarkPosition(bar, sessions.bar_time(candles, bar), float(candles["high"][bar]))
            feedback.add_missed(
                session, made, kind="swing", direction=1, place=place, reason=f"a {word} top", actor=installation.member
            )
    installation.judge_by_rule(made, "swings", dataset[1])


def test_an_agent_gets_nothing_of_what_is_kept_for_testing(installation: Installation) -> None:
    """Prompt, labels, worktree, refusal, log and checkpoints, searched for indexes, times, prices, ids, words, counts."""
    workspace_id = installation.workspace_id()
    judge_across_an_edge(installation)
    with transaction() as session:
        labels.keep(session, workspace_id)
    places = kept(installation)
    assert len(places) >= 10
    installation.worker(prepare="tests.support.worker_overrides:curious_agent")
    found = installation.run(workspace_id, "failed")
    saw: dict[str, str] = json.loads((installation.root / "agent-saw.json").read_text())
    assert "plain top" in saw["plan prompt"] and saw["refine refusal"], "the search below looks at what an agent gets"
    with transaction() as session:
        log = executions.log_tail(session, found.row.id, 1)
    told = [f"{c.text} {c.details}" for c in found.checkpoints]
    messages = installation.messages(found.row.id)
    texts = saw | {"log": str(log), "checkpoints": "\n".join(told), "messages": json.dumps(messages, default=str)}
    texts["error"] = found.row.error or ""
    leaks = [
        (name, what)
        for name, text in texts.items()
        for what in (*sought(places, numbers="labels" in name or "prompt" in name or "refusal" in name), SECRET)
        if re.search(rf"(?<![\w.-]){re.escape(what)}(?![\w.])", text)
    ]
    assert leaks == []
    assert not any(
        re.search("hold.?out|embargo|kept for testing", text) for name, text in texts.items() if "file" not in name
    )
    counts_are_of_the_rest(installation, found.row.id, saw["refine refusal"])


def sought(places: list[Kept], *, numbers: bool) -> set[str]:
    """What must not stand anywhere. Bar numbers and prices are looked for where numbers are of candles."""
    out = {text for p in places for text in (*p.ids, str(p.day), str(p.epoch))}
    return out | ({str(p.bar) for p in places} | set().union(*(p.prices for p in places)) if numbers else set())


def counts_are_of_the_rest(installation: Installation, execution_id: uuid.UUID, refusal: str) -> None:
    """The numbers of the refusal are those of the places outside the hold-out, which differ from those of all."""
    rows = installation.sql(
        "SELECT r->>'outcome', count(*) FILTER (WHERE p.split = 'tune'), count(*) FROM evaluations e "
        "CROSS JOIN jsonb_array_elements(e.case_results) r "
        "JOIN place_judgements j ON j.feedback_id = (r->>'case_id')::uuid JOIN places p ON p.id = j.place_id "
        "WHERE e.execution_id = %s GROUP BY 1", execution_id,
    )  # fmt: skip
    counted = {outcome: (rest, every) for outcome, rest, every in rows}
    rest, every = counted["broken"]
    assert rest < every, "otherwise the numbers would tell nothing"
    numbers = {int(n) for n in re.findall(r"\b\d+\b", refusal.splitlines()[0])}
    assert rest in numbers and every not in numbers, (counted, refusal)


@pytest.mark.long
@pytest.mark.parametrize("waived", [False, True])
def test_a_change_that_loses_what_is_kept_for_testing_ends_without_a_deploy(
    installation: Installation, waived: bool
) -> None:
    """It breaks no place that the agent may know of, so only the question to the hold-out can stop it.

    A waiver is for places that a person has seen broken, so it does not answer that question.
    """
    workspace_id = installation.workspace_id()
    lost = installation.sql(
        "SELECT f.price FROM places p JOIN place_judgements j ON j.place_id = p.id JOIN feedback_items f "
        "ON f.id = j.feedback_id WHERE p.split = 'holdout' AND p.status = 'present' AND f.verdict = 'confirmed' "
        "ORDER BY p.anchor_bar LIMIT 3"
    )
    assert len(lost) == 3
    (installation.root / "forget.json").write_text(json.dumps([price for (price,) in lost]))
    live = releases.current_commit("swings")
    launched = installation.launch(workspace_id)
    if waived:
        installation.sql(
            "INSERT INTO gate_waivers (id, workspace_id, execution_id, detector_version_id, waived_by_id, reason, broken_ids) "
            "SELECT gen_random_uuid(), workspace_id, %s, id, %s, 'Old.', '{another place}' FROM detector_versions LIMIT 1",
            launched, installation.member.id,
        )  # fmt: skip
    installation.worker(prepare="tests.support.worker_overrides:forgets_agent")
    found = installation.wait(launched)
    assert found.row.status == "completed", found.row.error
    assert "loses what is kept for testing" in json.dumps(installation.messages(found.row.id), default=str)
    assert releases.current_commit("swings") == live and installation.messages(found.row.id, "deploy_started") == []
    assert found.current_version == "0.1.0"
    with transaction() as session:
        assert executions.times_asked(session, workspace_id) == 1
        replay = executions.replay(session, found.row.id)
    assert replay is not None and replay.splits.holdout_word == "worse" and not replay.fixed_ids
    assert installation.sql("SELECT DISTINCT state FROM feedback_items WHERE verdict = 'false_positive'") == [("open",)]
    installation.assert_at_rest()
