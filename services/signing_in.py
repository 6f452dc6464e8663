"""What an identity provider's claims mean here: who it is, whether the address is proven, and which role they give."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from services.errors import InvalidInput, NotAllowed
from services.lifecycle import Role
from services.settings import Settings

_RANK: Final = {role: rank for rank, role in enumerate((Role.VIEWER, Role.MEMBER, Role.ADMIN))}
_TRUE: Final = {"true", "1", "yes"}


@dataclass(frozen=True, slots=True)
class SignIn:
    """A person whom the provider vouches for. `role` None: the settings say nothing, so an admin decides."""

    email: str
    name: str | None
    image: str | None
    role: Role | None


def read_claims(claims: Mapping[str, object], settings: Settings) -> SignIn | None:
    """What the claims of an id token say; None when the provider's own time for them is over.

    Raises NotAllowed when the address is missing or the provider says that it is not verified (some send the word
    "false" as text), InvalidInput when OIDC_GROUP_ROLES can't be read.
    """
    ends = claims.get("exp")
    if isinstance(ends, int | float) and ends <= time.time():
        return None
    email = str(claims.get("email") or "").strip().lower()
    if "@" not in email:
        raise NotAllowed("The identity provider sent no e-mail address; ask whoever runs it for the e-mail claim.")
    if not _verified(claims.get("email_verified")):
        raise NotAllowed("The identity provider has not verified this e-mail address.")
    return SignIn(email, _text(claims.get("name")), _text(claims.get("picture")), _role(email, claims, settings))


def _verified(claim: object) -> bool:
    """A provider that says nothing of it vouches for its own addresses, as most company directories do."""
    if claim is None:
        return True
    return claim is True or (isinstance(claim, str) and claim.strip().lower() in _TRUE)


def _role(email: str, claims: Mapping[str, object], settings: Settings) -> Role | None:
    """The highest role that ADMIN_EMAILS and the provider's groups give. Without a matching group: viewer where
    groups are in use, else nothing is said."""
    if email in admin_emails(settings.admin_emails):
        return Role.ADMIN
    by_group = group_roles(settings.oidc_group_roles)
    if not by_group:
        return None
    held = claims.get(settings.oidc_groups_claim)
    groups = [held] if isinstance(held, str) else held if isinstance(held, list | tuple) else []
    roles = [by_group[str(group)] for group in groups if str(group) in by_group]
    return max(roles, key=lambda role: _RANK[role], default=Role.VIEWER)


@lru_cache(maxsize=8)
def admin_emails(setting: str) -> frozenset[str]:
    """ADMIN_EMAILS as addresses in lower case."""
    return frozenset(part.strip().lower() for part in setting.split(",") if part.strip())


@lru_cache(maxsize=8)
def group_roles(setting: str) -> dict[str, Role]:
    """OIDC_GROUP_ROLES as a role by group. Raises InvalidInput with the part that can't be read."""
    roles: dict[str, Role] = {}
    for part in filter(None, (part.strip() for part in setting.split(","))):
        group, sign, role = (text.strip() for text in part.rpartition("="))
        if not sign or not group or role not in set(Role):
            raise InvalidInput(
                f"OIDC_GROUP_ROLES has '{part[:80]}'; write each as group=role, role being viewer, member or admin."
            )
        roles[group] = Role(role)
    return roles


def _text(claim: object) -> str | None:
    return str(claim) if claim else None
