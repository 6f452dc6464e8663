"""`patterndesk token` and what a machine does with it: exports by address, in three formats, until it is revoked."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import update

from services.database.engine import transaction
from services.models import AccessToken, now
from tests import factories
from tests.cli.conftest import Command
from tests.support.asking import get

OWNER = "ada@desk.example"


@pytest.fixture
def owner(command: Command) -> str:
    command("people", "add", OWNER, "--name", "Ada =1+1", "--role", "admin")
    with transaction() as session:
        admin = factories.person(session, name='Bo 😀, "quoted"\nsecond line')
        factories.workspace(session, admin, name="=cmd()")
    return OWNER


def made(command: Command, *reports: str, **options: str) -> str:
    named = [part for report in reports for part in ("--report", report)]
    more = [part for key, value in options.items() for part in (f"--{key}", value)]
    answer = command("token", "create", "--as", OWNER, *named, *more, "--json")
    assert answer.code == 0, answer.err
    return str(answer.json["token"])


def test_a_report_comes_in_three_formats_with_the_same_rows(command: Command, owner: str) -> None:
    token = made(command, "people", "workspaces")
    as_csv = get("/exports/people.csv", token)
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(as_csv.text)))
    as_json: list[dict[str, Any]] = get("/exports/people.json", token).json()
    as_table = pq.read_table(io.BytesIO(get("/exports/people.parquet", token).content)).to_pylist()
    assert [row["email"] for row in rows] == [row["email"] for row in as_json] == [row["email"] for row in as_table]
    assert {row["name"] for row in as_json} == {row["name"] for row in as_table} == {
        "Ada =1+1", "Bo 😀, \"quoted\"\nsecond line",
    }  # fmt: skip
    assert get("/exports/workspaces.json", token).json()[0]["name"] == "=cmd()"
    assert "'=cmd()" in get("/exports/workspaces.csv", token).text


def test_an_unchanged_report_is_not_sent_again(command: Command, owner: str) -> None:
    token = made(command, "workspaces")
    first = get("/exports/workspaces.csv", token)
    tag = first.headers["etag"]
    again = get("/exports/workspaces.csv", token, if_none_match=tag)
    assert (again.status_code, again.content) == (304, b"")
    with transaction() as session:
        factories.workspace(session, factories.person(session), name="One more")
    changed = get("/exports/workspaces.csv", token, if_none_match=tag)
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_gzip_is_used_where_it_is_taken(command: Command, owner: str) -> None:
    token = made(command, "workspaces")
    packed = get("/exports/workspaces.csv", token, accept_encoding="gzip")
    plain = get("/exports/workspaces.csv", token, accept_encoding="identity")
    refused = get("/exports/workspaces.csv", token, accept_encoding="gzip;q=0")
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in refused.headers
    assert packed.text == plain.text == refused.text


def test_a_token_opens_its_own_reports_and_nothing_else(command: Command, owner: str) -> None:
    token = made(command, "workspaces")
    for path, status, sentence in (
        ("/exports/people.csv", 403, "for other reports: workspaces"),
        ("/exports/workspaces.xml", 400, "asked for as"),
        ("/exports/workspaces.csv?status=gone", 400, "is no status"),
        ("/exports/workspaces.csv?colour=red", 400, "has no filter 'colour'"),
        ("/metrics", 403, "for other reports"),
    ):
        answer = get(path, token)
        assert (answer.status_code, sentence in answer.text) == (status, True), answer.text
    assert get("/exports/workspaces.csv", token + "x").status_code == 403
    assert get("/exports/workspaces.csv").status_code == 401
    assert get("/metrics", made(command, "metrics")).status_code == 200


def test_the_life_of_a_token(command: Command, owner: str) -> None:
    token = made(command, "workspaces", name="Nightly report", days="30")
    with transaction() as session:
        stored = session.query(AccessToken).one()
        assert token not in json.dumps([stored.hint, stored.name, stored.token_sha256])
        assert stored.last_used_at is None
    assert get("/exports/workspaces.csv", token).status_code == 200
    [listed] = command("token", "list", "--as", OWNER, "--json").json["tokens"]
    assert (listed["name"], listed["active"]) == ("Nightly report", True)
    assert listed["last_used_at"] is not None
    assert token not in command("token", "list", "--as", OWNER).out
    assert command("token", "revoke", listed["id"], "--as", OWNER).code == 0
    assert "was revoked" in get("/exports/workspaces.csv", token).text
    assert "revoked already" in command("token", "revoke", listed["id"], "--as", OWNER).err


def test_an_expired_token_and_one_of_a_person_shut_out_open_nothing(command: Command, owner: str) -> None:
    token = made(command, "workspaces", days="1")
    with transaction() as session:
        session.execute(update(AccessToken).values(expires_at=now() - timedelta(seconds=1)))
    assert "has expired" in get("/exports/workspaces.csv", token).text
    other = made(command, "workspaces")
    command("people", "add", "second@desk.example", "--name", "Second", "--role", "admin")
    command("people", "deactivate", OWNER)
    assert get("/exports/workspaces.csv", other).status_code == 403


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--report", "secrets"), "There is no report 'secrets'"),
        (("--report", "people", "--name", "  "), "Give the token a name"),
        (("--report", "people", "--days", "0"), "good for 1 to"),
    ],
)
def test_tokens_that_cannot_be_made(command: Command, owner: str, arguments: tuple[str, ...], sentence: str) -> None:
    answer = command("token", "create", "--as", OWNER, *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert sentence in answer.err
    assert command("token", "list", "--as", OWNER, "--json").json["tokens"] == []


def test_a_viewer_gets_no_token_for_what_viewers_may_not_export(command: Command, owner: str) -> None:
    command("people", "add", "vi@desk.example", "--name", "Vi")
    answer = command("token", "create", "--as", "vi@desk.example", "--report", "people")
    assert "takes a admin or member" in answer.err


def test_somebody_elses_token_cannot_be_revoked_by_a_member(command: Command, owner: str) -> None:
    made(command, "people")
    [listed] = command("token", "list", "--as", OWNER, "--json").json["tokens"]
    command("people", "add", "mo@desk.example", "--name", "Mo", "--role", "member")
    assert "no such token of yours" in command("token", "revoke", listed["id"], "--as", "mo@desk.example").err
