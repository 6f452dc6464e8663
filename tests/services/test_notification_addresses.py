"""The addresses of notices: on a network or refused, shown and logged without their secrets, links to the app."""

from __future__ import annotations

import logging
import re
import uuid
from pathlib import Path

import apprise
import pytest
from apprise.manager_plugins import NotificationManager
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from services import notifications
from services.errors import InvalidInput
from services.notifications import addresses, sender
from services.notifications.addresses import HOSTED, redacted
from services.people import Actor
from services.settings import Settings
from tests import factories

SECRET = "s3cr3t-t0ken-94f1"
URL = f"json://user:{SECRET}@127.0.0.1:9/{SECRET}/?+X-Key={SECRET}"


@pytest.fixture
def home(session: Session, member: Actor) -> uuid.UUID:
    """A workspace with an address."""
    made = factories.workspace(session, member)
    notifications.set_urls(session, made, [URL], actor=member)
    return made


BAD: list[tuple[str, str]] = [
    ("hello", "no address that apprise knows"),
    ("json://", "no address that apprise knows"),
    ("nosuch://host/", "no address that apprise knows"),
    ("file:///etc/passwd", "no address that apprise knows"),
    ("python://x", "no address that apprise knows"),
    ("config:///etc/apprise.yml", "no address that apprise knows"),
    ("https://example.com/hook", "no address that apprise knows"),
    ("javascript:alert(1)", "no address that apprise knows"),
    ("syslog://", "works on the server itself"),
    ("SYSLOG://local0/", "works on the server itself"),
    ("dbus://", "works on the server itself"),
    ("kde://", "works on the server itself"),
    ("qt://", "works on the server itself"),
    ("glib://", "works on the server itself"),
    ("gnome://", "works on the server itself"),
    ("macosx://", "works on the server itself"),
    ("windows://", "works on the server itself"),
    ("blink1://serial/", "works on the server itself"),
    ("vapid://me@example.com/you@example.com?subfile=/etc/passwd", "works on the server itself"),
    ("fcm://project/target?mode=oauth2&keyfile=/etc/passwd", "'keyfile' would read a file"),
    ("fcm://project/target?mode=oauth2&KeyFile=file:///etc/passwd", "'keyfile' would read a file"),
    ("mailtos://u:p@example.com?pgp=encrypt&pgppub=/etc/passwd", "'pgppub' would read a file"),
    ("mailtos://u:p@example.com?pgpprv=/etc/passwd", "'pgpprv' would read a file"),
    ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#a?template=/etc/passwd", "'template' would read a file"),
    ("https://discord.com/api/webhooks/1234567890/abcdefghij?template=/etc/passwd", "'template' would read a file"),
    ("tgram://123456789:abcdefg_hijklmnop/12315544/?template=file:///etc/passwd", "'template' would read a file"),
    ("workflows://host:443/workflow/signature/?template=/etc/passwd", "'template' would read a file"),
    ("json://host/\x00", "characters that can't be seen"),
    ("json://host/" + "x" * 3000, "more than 2,000 characters"),
    ("slack://token", "missing or wrong"),
    ("discord://only_one", "missing or wrong"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "why"), BAD, ids=[url[:60] for url, _ in BAD])
def test_what_works_on_the_server_or_reads_its_files_is_refused(
    session: Session, home: uuid.UUID, member: Actor, url: str, why: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        notifications.set_urls(session, home, ["json://127.0.0.1:9/", "", url], actor=member)
    assert why in str(refused.value) and str(refused.value).startswith("Line 3 ")
    assert notifications.get_urls(session, home, actor=member) == [URL]


def test_every_service_that_needs_no_address_is_refused() -> None:
    """A plugin for the machine itself that a later apprise brings would show here."""
    manager = NotificationManager()
    local = {s for s in manager.schemas() if any(re.fullmatch(r"\{schema\}://[_/]*", f) for f in manager[s].templates)}
    assert local | {"vapid"} == sender.LOCAL
    for scheme in sender.LOCAL:
        with pytest.raises(sender.AddressRefused):
            sender.service(f"{scheme}://")


def test_plugins_that_take_files_by_parameters_are_the_known_ones() -> None:
    """Those that build an attachment out of a parameter: each of their parameters is refused."""
    folder = Path(apprise.__path__[0]) / "plugins"
    sources = {file.relative_to(folder): file.read_text() for file in folder.rglob("*.py")}
    built = re.compile(r"^\s*(self\.\w+|attach) = AppriseAttachment\(asset", re.MULTILINE)
    found = {name.parts[0].removesuffix(".py") for name, source in sources.items() if built.search(source)}
    assert found == {"discord", "fcm", "slack", "telegram", "vapid", "workflows"}
    assert [name.stem for name, source in sources.items() if "subprocess" in source] == ["macosx"]


def test_a_plugin_s_own_attachment_is_never_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second lock: were a parameter overlooked, apprise could still not open the file."""
    monkeypatch.setattr(sender, "TEMPLATE_FILES", frozenset())
    token = "abcdefghij" * 8
    assert sender.service(f"discord://1234567890/{token}") is not None
    for path in ("/etc/passwd", "file:///etc/passwd", "etc/passwd"):
        with pytest.raises(sender.AddressRefused, match="missing or wrong"):
            sender.service(f"discord://1234567890/{token}?template={path}")


def test_good_addresses_are_kept_once_each_and_apprise_s_own_switches_do_nothing(
    session: Session, home: uuid.UUID, member: Actor
) -> None:
    lines = [" json://127.0.0.1:9/a ", "", "json://127.0.0.1:9/a", "mailtos://u:p@example.com?to=a@example.com"]
    kept = notifications.set_urls(session, home, lines, actor=member)
    assert kept == ["json://127.0.0.1:9/a", "mailtos://u:p@example.com?to=a@example.com"]
    made = sender.service("json://127.0.0.1:9/?optional=yes&retry=5&wait=50")
    assert (made.optional, made.retry) == (False, 0)
    eleven = [f"json://127.0.0.1:9/{n}" for n in range(11)]
    with pytest.raises(InvalidInput, match="up to 10 addresses; these are 11"):
        notifications.set_urls(session, home, eleven, actor=member)
    assert notifications.set_urls(session, home, eleven[:10], actor=member) == eleven[:10]
    assert notifications.set_urls(session, home, [], actor=member) == []


@settings(max_examples=150)
@given(st.one_of(st.text(max_size=80), st.text(max_size=60).map(lambda t: f"json://{t}"),
                 st.text(max_size=60).map(lambda t: f"slack://{t}")))  # fmt: skip
def test_any_line_is_kept_or_refused_with_a_sentence_that_does_not_quote_it(line: str) -> None:
    try:
        kept = addresses.checked([line])
    except InvalidInput as error:
        assert str(error).startswith("Line 1 can't be used: ") and str(error).endswith(".")
    else:
        assert kept == ([line.strip()] if line.strip() else [])


def test_the_host_is_shown_only_where_no_service_puts_a_token() -> None:
    manager = NotificationManager()
    form = re.compile(r"^\{schema\}://([^/]*@)?\{host\}(:\{port\})?(/|\{path\}|$)")
    hosted = {
        scheme
        for scheme in manager.schemas()
        if manager[scheme].templates
        and all(form.match(template) for template in manager[scheme].templates)
        and not manager[scheme].template_tokens["host"].get("private")
    }
    assert hosted | {"http", "https"} == HOSTED


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "json://127.0.0.1:9"),
        (f"tgram://123456:{SECRET}/42/", "tgram://…"),
        (f"discord://123/{SECRET}", "discord://…"),
        (f"https://hooks.slack.com/services/T/A/{SECRET}", "https://hooks.slack.com"),
        (f"json://user:{SECRET}/x@host/", "json://…"),
        (f"json://user:12/{SECRET}@host/", "json://…"),
        (f"json://h:{SECRET}/", "json://…"),
        (f"json://[::1/{SECRET}", "json://…"),
        ("jsons://[::1]:8080/x", "jsons://::1:8080"),
        (f"mailtos://u:{SECRET}@example.com?to=a@b.de", "mailtos://…"),
    ],
)
def test_addresses_are_shown_without_their_secrets(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_refusing_an_address_logs_nothing_of_it(
    session: Session, home: uuid.UUID, member: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for url in (f"discord://{SECRET}", f"json://user:{SECRET}@host:bad/{SECRET}?verify=maybe", URL):
            try:
                notifications.set_urls(session, home, [url], actor=member)
            except InvalidInput as error:
                assert SECRET not in str(error)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("given", "address"),
    [(None, "http://127.0.0.1:8501"), ("https://desk.example.com/", "https://desk.example.com"),
     ("http://desk:8080", "http://desk:8080"), ("", "http://127.0.0.1:8501")],
)  # fmt: skip
def test_links_begin_with_the_address_that_people_use(
    monkeypatch: pytest.MonkeyPatch, given: str | None, address: str
) -> None:
    for name in ("PUBLIC_URL", "PORT", "HOST"):
        monkeypatch.delenv(name, raising=False)
    if given is not None:
        monkeypatch.setenv("PUBLIC_URL", given)
    assert Settings().address == address


@pytest.mark.parametrize("wrong", ["desk.example.com", "ftp://desk", "https://desk/app?x=1", "javascript:alert(1)"])
def test_a_public_address_is_one_of_the_web(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("PUBLIC_URL", wrong)
    with pytest.raises(ValueError, match="PUBLIC_URL"):
        Settings()
