"""What every table shares: naming of constraints, UUIDv7 keys, UTC times, CHECKs that mirror an enum."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import uuid_utils.compat
from sqlalchemy import CheckConstraint, DateTime, ForeignKey, MetaData, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, mapped_column

from services.rules import listed

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        uuid.UUID: UUID(as_uuid=True),
        str: Text,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        list[str]: ARRAY(Text),
        list[uuid.UUID]: ARRAY(UUID(as_uuid=True)),
    }


def new_id() -> uuid.UUID:
    """A UUIDv7: grows with time, so that keys made later sort later."""
    return uuid_utils.compat.uuid7()


def now() -> datetime:
    return datetime.now(UTC)


Id = Annotated[uuid.UUID, mapped_column(primary_key=True, default=new_id)]
CreatedAt = Annotated[datetime, mapped_column(server_default=func.now(), default=now)]
UserRef = Annotated[uuid.UUID, mapped_column(ForeignKey("users.id"))]


def one_of(column: str, values: type[StrEnum], *, name: str | None = None) -> CheckConstraint:
    """A named CHECK that mirrors the enum; NULL passes, as everywhere in SQL."""
    return CheckConstraint(f"{column} IN ({listed(values)})", name=name or f"{column}_known")
