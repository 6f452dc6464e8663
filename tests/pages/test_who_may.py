"""Every page for every role, and for who is shut out. A page that is not in the table fails the test."""

from __future__ import annotations

import uuid

import pytest

from pages.components import links
from services import people
from services.database.engine import transaction
from services.lifecycle import Role
from tests.support.product import World, open_page, words

# Who sees what the page is for; others are told why not.
PAGES = {
    "workspaces.py": set(Role),
    "workspace.py": set(Role),
    "sessions.py": set(Role),
    "session.py": set(Role),
    "dataset.py": set(Role),
    "corrections.py": set(Role),
    "versions.py": set(Role),
    "disputes.py": set(Role),
    "executions.py": set(Role),
    "earlier.py": set(Role),
    "execution.py": set(Role),
    "review.py": set(Role),
    "stats.py": set(Role),
    "account.py": set(Role),
    "admin.py": {Role.MEMBER, Role.ADMIN},
}
REFUSED = "This is for members and admins"


def test_every_page_is_in_the_table() -> None:
    assert set(PAGES) == set(links.FILES.values())


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("file", sorted(PAGES))
def test_each_role_and_then_nobody(world: World, file: str, role: Role) -> None:
    with transaction() as session:
        name = f"{role} {uuid.uuid4().hex[:6]}"
        person = people.ensure_person(session, email=f"{name.replace(' ', '.')}@example.com", name=name, role=role)
    at = open_page(file, person)
    assert not at.exception
    assert (REFUSED in words(at)) is (role not in PAGES[file])
    with transaction() as session:
        people.set_active(session, person.id, False, actor=world.admin)
    at.run()
    assert not at.exception
    assert "no longer active" in words(at)
    assert [button.label for button in at.button] == ["Pick somebody else"]
