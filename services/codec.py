"""Where JSON becomes a frozen dataclass and a frozen dataclass becomes JSON: both ways checked, faults name the field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from services.errors import PatternDeskError

T = TypeVar("T")
JsonObject = dict[str, Any]


class DoesNotFit(PatternDeskError):
    """JSON, or a value that was to become JSON, that lacks the form it should have. `field` is a path such as `a.0.b`."""

    exit_code = 1
    failure = "engine"

    def __init__(self, what: str, field: str, reason: str) -> None:
        where = f" in the field '{field}'" if field else ""
        super().__init__(f"The {what} does not fit{where}: {reason}.")
        self.field = field


class Codec(Generic[T]):
    """Reads and writes one dataclass. `what` names it in errors.

    Writing is strict: a value of another type than its field's is refused. Reading takes what an older release of the
    app wrote: unknown fields are left out, and missing ones take their default. With `exact` reading is strict too.
    """

    def __init__(self, shape: type[T], what: str, *, exact: bool = False) -> None:
        self._what, self._exact = what, exact
        self._adapter: TypeAdapter[T] = TypeAdapter(shape)

    def to_json(self, value: T) -> JsonObject:
        """The value as JSON-able data. Raises DoesNotFit when a field holds another type than it declares."""
        self.to_text(value)
        data: JsonObject = self._adapter.dump_python(value, mode="json")
        return data

    def to_text(self, value: T) -> str:
        """The value as JSON text. Raises DoesNotFit as `to_json` does."""
        try:
            text = self._adapter.dump_json(value, warnings=False).decode()
        except PydanticSerializationError as error:
            raise DoesNotFit(self._what, "", str(error)) from error
        self._read(text, exact=True)
        return text

    def from_json(self, stored: object) -> T:
        """Reads data that was JSON. Raises DoesNotFit."""
        return self._read(json.dumps(stored, default=str), exact=self._exact)

    def from_text(self, text: str | bytes) -> T:
        """Reads JSON text. Raises DoesNotFit, also when it is no JSON."""
        return self._read(text, exact=self._exact)

    def _read(self, text: str | bytes, *, exact: bool) -> T:
        try:
            return self._adapter.validate_json(text, strict=exact, extra="forbid" if exact else "ignore")
        except ValidationError as error:
            raise self._fault(error) from error

    def _fault(self, error: ValidationError) -> DoesNotFit:
        first = error.errors(include_url=False, include_context=False)[0]
        return DoesNotFit(self._what, ".".join(str(part) for part in first["loc"]), first["msg"])


def to_json_list(codec: Codec[T], values: Sequence[T]) -> list[JsonObject]:
    return [codec.to_json(value) for value in values]


def from_json_list(codec: Codec[T], stored: Sequence[object] | None) -> tuple[T, ...]:
    """None counts as nothing."""
    return tuple(codec.from_json(one) for one in stored or ())


def from_json_map(codec: Codec[T], stored: Mapping[str, object] | None) -> dict[str, T]:
    """None counts as nothing."""
    return {name: codec.from_json(one) for name, one in (stored or {}).items()}
