"""Notices through a real worker to a real receiver: each event by its cause, receivers that fail, workers that die."""

from __future__ import annotations

import re
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest

from services import actions, feedback, notifications, review, sessions
from services.database.engine import transaction
from services.errors import Conflict, InvalidInput
from services.lifecycle import NotificationEvent, Verdict
from services.notifications import NoticeRow, sender
from tests.support.installation import Installation
from tests.support.notice_receiver import Receiver, receiving
from tests.support.processes import Worker, eventually, gone
from tests.support.run_checks import BROKEN
from tests.support.stages import BARS, WINDOWS

SECRET = "s3cr3t-t0ken-94f1"
EAGER = "tests.support.worker_overrides:notices_retry_at_once"
LINGERING = "tests.support.worker_overrides:notices_wait_forever"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def subscribe(installation: Installation, *urls: str) -> uuid.UUID:
    workspace_id = installation.workspace_id()
    with transaction() as session:
        notifications.set_urls(session, workspace_id, urls, actor=installation.member)
    return workspace_id


def tell(installation: Installation, title: str = "It failed") -> uuid.UUID:
    """A notice without its event, for what happens to notices."""
    with transaction() as session:
        made = notifications.notify(
            session, installation.workspace_id(), NotificationEvent.RUN_FAILED, title=title, body="Look at it.", link="/x",
            dedupe_key=str(uuid.uuid4()),
        )  # fmt: skip
    assert made is not None
    return made


def notice(installation: Installation, notification_id: uuid.UUID | None = None) -> NoticeRow:
    with transaction() as session:
        found = notifications.latest(session, installation.workspace_id(), actor=installation.member)
    return next(n for n in found if notification_id in (None, n.id))


def outcomes(installation: Installation, notification_id: uuid.UUID | None = None) -> list[tuple[str, str | None]]:
    return [(o.state, o.said) for o in notice(installation, notification_id).outcomes]


def ends(
    installation: Installation, notification_id: uuid.UUID | None, status: str, seconds: float = 60.0
) -> NoticeRow:
    reached = eventually(lambda: notice(installation, notification_id).status == status, seconds)
    assert reached, (notice(installation, notification_id), [w.said()[-2000:] for w in installation.workers])
    return notice(installation, notification_id)


def senders(worker: Worker) -> list[psutil.Process]:
    """The processes of a worker that send notices."""
    found = []
    for child in worker.process.children(recursive=True):
        try:
            if any(part.endswith("notifications/sender.py") for part in child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:
            pass
    return found


def left_of_runs(installation: Installation, execution_id: uuid.UUID) -> list[Any]:
    """What a run's rows say, without what grows by itself."""
    return installation.sql(
        "SELECT status, epoch, progress, retry_count, error FROM claude_executions WHERE id = %s", execution_id
    ) + installation.sql("SELECT count(*) FROM workspace_messages WHERE execution_id = %s", execution_id)


# The events


def test_a_run_that_fails_for_good_sends_a_notice(new_installation: Installation, receiver: Receiver) -> None:
    installation = new_installation
    workspace_id = subscribe(installation, receiver.url("a", user=f"me:{SECRET}"), receiver.url("b"))
    worker = installation.worker(
        prepare="tests.support.worker_overrides:shared_file_agent", PUBLIC_URL="https://desk.example.com"
    )
    found = installation.run(workspace_id, "failed")
    taken = dict(receiver.waits_for(2))
    assert set(taken) == {"a", "b"}
    said = taken["a"]
    assert (said["title"], said["type"]) == ("Swings: execution 1 failed", "failure")
    assert "The change touches detectors/base.py" in said["message"] and "run it again" in said["message"]
    assert said["message"].endswith(f"https://desk.example.com/execution?id={found.row.id}")
    told = ends(installation, None, "sent")
    assert (told.event, told.tries, told.sent_at is not None) == ("run_failed", 1, True)
    assert [o.address for o in told.outcomes] == [f"json://127.0.0.1:{receiver.port}"] * 2
    assert gone(senders(worker))
    installation.assert_at_rest()
    assert SECRET not in worker.said()
    assert SECRET not in "".join(file.read_text() for file in (installation.root / "logs").glob("*"))


@pytest.mark.long
def test_a_deploy_that_fails_for_good_sends_one_notice(new_installation: Installation, receiver: Receiver) -> None:
    installation = new_installation
    workspace_id = subscribe(installation, receiver.url("a"))
    installation.person_commits({"detectors/broken.py": BROKEN})
    installation.worker(prepare="tests.support.worker_overrides:short_pauses")
    found = installation.wait(installation.launch(workspace_id, max_retries=1), seconds=90)
    assert found.row.status == "failed"
    told = ends(installation, None, "sent")
    assert told.event == "deploy_failed"
    ((_, said),) = receiver.taken
    assert said["title"] == "Swings: the deploy of execution 1 failed"
    assert "after 2 attempts" in said["message"] and "detectors/broken.py has no detect" in said["message"]
    assert installation.sql("SELECT event FROM notifications") == [("deploy_failed",)]


@pytest.mark.long
def test_a_rate_that_fell_and_a_review_that_waits_send_notices(installation: Installation, receiver: Receiver) -> None:
    """The second version is deployed by a real run; what it marks is then judged worse than what the first one did."""
    workspace_id = subscribe(installation, receiver.url("a"))
    installation.worker()
    assert installation.run(workspace_id).current_version == "0.1.1"
    worst(installation, workspace_id)
    told = ends(installation, None, "sent")
    assert told.event == "success_rate_fell"
    ((_, said),) = receiver.taken
    assert said["type"] == "warning" and "On the window that both ran on, v0.1.0 had " in said["message"]
    fell = re.search(r"v0\.1\.0 had (\d+)%.* v0\.1\.1, which followed it, has (\d+)%", said["message"])
    assert fell and int(fell[1]) > int(fell[2]), said["message"]
    with transaction() as session:
        review.approve(session, workspace_id, actor=installation.member)
    _, (_, said) = receiver.waits_for(2)
    assert said["title"] == "Swings v0.1.1 waits for review"
    assert f"/review?id={workspace_id}" in said["message"] and "Mara approved it" in said["message"]


def worst(installation: Installation, workspace_id: uuid.UUID) -> None:
    """On the first version's windows: what the live version no longer marks was right after all."""
    dataset, _ = installation.dataset()
    for first in WINDOWS:
        (earlier,) = installation.sql(
            "SELECT id FROM pattern_sessions WHERE workspace_id = %s AND start_index = %s", workspace_id, first
        )
        made = actions.run_session(
            workspace_id, dataset_id=dataset, start_index=first, end_index=first + BARS - 1, actor=installation.member
        )
        with transaction() as session:
            was = sessions.marks(session, earlier[0]).to_dict("records")
            for mark in sessions.marks(session, made).to_dict("records"):
                feedback.judge(session, uuid.UUID(mark["detection_id"]), Verdict.CONFIRMED, actor=installation.member)
            for mark in was:
                if mark["verdict"] != Verdict.FALSE_POSITIVE:
                    continue
                place = feedback.MarkPosition(mark["anchor_index"], mark["anchor_time"], mark["price"])
                with suppress(InvalidInput, Conflict), session.begin_nested():  # the live version marks it still
                    feedback.add_missed(
                        session, made, kind=mark["kind"], direction=mark["direction"], place=place,
                        actor=installation.member,
                    )  # fmt: skip
            sessions.complete(session, made, actor=installation.member)


# Receivers that fail


@pytest.mark.long
def test_a_receiver_that_is_down_then_answers_500_then_hangs_then_recovers(
    new_installation: Installation, receiver: Receiver
) -> None:
    """Who has the notice gets it once; who had not gets it when they are back."""
    installation = new_installation
    subscribe(installation, receiver.url("good"), receiver.url("bad"))
    receiver.answers["bad"] = 500
    receiver.stop()
    installation.worker(prepare="tests.support.worker_overrides:notices_retry_often")
    made = tell(installation)
    down = ("failed", sender.UNREACHABLE)
    assert eventually(lambda: outcomes(installation, made) == [down, down], 40), outcomes(installation, made)
    receiver.start()
    refused = ("failed", "It answered with the error 500.")
    assert eventually(lambda: outcomes(installation, made) == [("sent", "Sent."), refused], 40), outcomes(
        installation, made
    )
    for silent in ("hang", "drip"):
        receiver.answers["bad"] = silent
        late = ("failed", "It did not answer in time.")
        assert eventually(lambda late=late: outcomes(installation, made)[1] == late, 40), outcomes(installation, made)
        receiver.answers["bad"] = 500
        assert eventually(lambda: outcomes(installation, made)[1] == refused, 40), outcomes(installation, made)
    assert notice(installation, made).status == "pending"
    receiver.answers["bad"] = 200
    told = ends(installation, made, "sent")
    assert told.tries >= 5
    assert sorted(path for path, _ in receiver.taken) == ["bad", "good"]
    assert receiver.asked.count("good") == 1


@pytest.mark.long
def test_after_five_tries_it_is_given_up_and_the_page_can_say_why(
    new_installation: Installation, receiver: Receiver
) -> None:
    installation = new_installation
    receiver.answers["bad"] = 404
    subscribe(installation, receiver.url("bad"))
    installation.worker(prepare=EAGER)
    told = ends(installation, tell(installation), "failed")
    assert (told.tries, receiver.asked) == (5, ["bad"] * 5)
    assert outcomes(installation) == [("failed", "It answered with the error 404.")]
    with transaction() as session:
        tried = notifications.send_test(session, installation.workspace_id(), actor=installation.member)
    assert ends(installation, tried, "failed").tries == 1


def test_a_test_reaches_the_receiver(new_installation: Installation, receiver: Receiver) -> None:
    installation = new_installation
    subscribe(installation, receiver.url("a"))
    installation.worker()
    with transaction() as session:
        notifications.send_test(session, installation.workspace_id(), actor=installation.member)
    ((_, said),) = receiver.waits_for(1)
    assert (said["title"], said["type"]) == ("Swings: a test", "info")
    assert "Mara tries the addresses" in said["message"]


@pytest.mark.long
def test_an_address_that_the_rules_no_longer_take_is_not_used(new_installation: Installation) -> None:
    """Put past the check into the row: the sender's own check refuses it."""
    installation = new_installation
    with pytest.raises(InvalidInput):
        subscribe(installation, "syslog://")
    installation.sql("UPDATE pattern_workspaces SET notification_urls = '{syslog://}'")
    installation.worker(prepare=EAGER)
    told = ends(installation, tell(installation), "failed")
    assert (told.outcomes[0].said or "").startswith("The address is not taken: syslog:// works on the server itself")


# Runs


@pytest.mark.long
def test_receivers_that_hang_cost_a_run_nothing(new_installation: Installation, receiver: Receiver) -> None:
    """Every place in the notices' queue is taken by a receiver that never answers, before, while and after a run."""
    installation = new_installation
    receiver.answers["hang"] = "hang"
    workspace_id = subscribe(installation, receiver.url("hang"))
    worker = installation.worker(prepare=LINGERING)
    made = [tell(installation) for _ in range(4)]
    assert eventually(lambda: len(receiver.asked) == 2, 40)
    found = installation.run(workspace_id)
    assert found.row.status == "completed" and found.current_version == "0.1.0"
    assert len(senders(worker)) == 2 and len(receiver.asked) == 2
    assert [notice(installation, m).status for m in made] == ["pending"] * 4
    before = left_of_runs(installation, found.row.id)
    asked = time.monotonic()
    worker.signal(signal.SIGTERM)  # nor does it hold the end of the worker
    assert worker.ended(15), worker.said()
    print(f"ended after {time.monotonic() - asked:.1f} s")
    receiver.answers["hang"] = 200
    installation.worker()
    for notification_id in made:
        ends(installation, notification_id, "sent")
    assert left_of_runs(installation, found.row.id) == before


# Workers that die


@pytest.mark.fault
def test_killed_while_it_sends_another_worker_sends_the_rest(
    new_installation: Installation, receiver: Receiver
) -> None:
    installation = new_installation
    receiver.answers["hang"] = "hang"
    subscribe(installation, receiver.url("good"), receiver.url("hang"))
    first = installation.worker(prepare=LINGERING)
    made = tell(installation)
    assert eventually(lambda: outcomes(installation, made)[0][0] == "sent" and "hang" in receiver.asked, 40)
    sending = senders(first)
    assert len(sending) == 1
    first.signal(signal.SIGKILL)
    assert first.ended()
    assert gone(sending)  # nobody has to kill it: it ends with its worker
    receiver.answers["hang"] = 200
    installation.worker()
    ends(installation, made, "sent")
    assert sorted(path for path, _ in receiver.taken) == ["good", "hang"]
    assert receiver.asked.count("good") == 1


@pytest.mark.fault
@pytest.mark.long
def test_killed_between_two_tries_the_next_one_is_made_by_another_worker(
    new_installation: Installation, receiver: Receiver
) -> None:
    installation = new_installation
    receiver.answers["bad"] = 500
    subscribe(installation, receiver.url("good"), receiver.url("bad"))
    first = installation.worker(prepare="tests.support.worker_overrides:notices_retry_in_seconds")
    made = tell(installation)
    assert eventually(lambda: notice(installation, made).tries == 1, 40), first.said()
    first.signal(signal.SIGKILL)
    assert first.ended()
    receiver.answers["bad"] = 200
    installation.worker()
    told = ends(installation, made, "sent")
    assert told.tries == 2
    assert receiver.asked.count("good") == 1 and receiver.asked.count("bad") == 2


@pytest.mark.long
@pytest.mark.fault
@pytest.mark.parametrize("when", ["queued", "sending"])
def test_a_notice_that_an_older_release_left_is_delivered(
    new_installation: Installation, receiver: Receiver, when: str
) -> None:
    installation = new_installation
    receiver.answers["a"] = "hang" if when == "sending" else 200
    subscribe(installation, receiver.url("a"))
    made = tell(installation)
    if when == "sending":
        first = installation.worker(prepare=LINGERING)
        assert eventually(lambda: receiver.asked == ["a"], 40)
        first.signal(signal.SIGKILL)
        assert first.ended()
    installation.sql("UPDATE engine.workflow_status SET application_version = '1' WHERE queue_name = 'notifications'")
    receiver.answers["a"] = 200
    installation.worker()
    assert ends(installation, made, "sent").tries == 1
    assert len(receiver.taken) == 1
