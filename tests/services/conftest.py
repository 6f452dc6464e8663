"""The people and workspaces that most tests of the services begin with."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy.orm import Session

from services.lifecycle import Role
from services.people import Actor
from tests import factories
from tests.support import scenarios


@pytest.fixture
def member(session: Session) -> Actor:
    return factories.person(session)


@pytest.fixture
def admin(session: Session) -> Actor:
    return factories.person(session, Role.ADMIN)


@pytest.fixture
def home(session: Session, member: Actor) -> uuid.UUID:
    """A workspace whose first version is live: in beta."""
    return scenarios.in_beta(session, member)


@pytest.fixture
def undescribed(session: Session, member: Actor) -> uuid.UUID:
    """A workspace that nobody has described yet."""
    return factories.workspace(session, member, described=False)
