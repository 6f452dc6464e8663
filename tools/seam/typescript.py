"""TypeScript types from Python's: TypedDicts and pydantic models become interfaces, everything else is written in place."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Final, Literal, NotRequired, Required, TypeVar, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

from services.timeline import Kept

_PLAIN: Final[Mapping[object, str]] = {
    str: "string", int: "number", float: "number", bool: "boolean", type(None): "null",
    datetime: "string", UUID: "string", Any: "unknown", object: "unknown",
}  # fmt: skip


class Interfaces:
    """The interfaces that types ask for, in the order in which they were met."""

    def __init__(self, known: Mapping[type, str]) -> None:
        """`known` types are declared elsewhere, under these names."""
        self.known = known
        self.written: dict[str, str] = {}
        self._made_of: dict[str, type] = {}

    def of(self, hint: Any) -> str:
        """The TypeScript name of a Python type. Raises TypeError for one that has no such name."""
        if (plain := _PLAIN.get(hint)) is not None:
            return plain
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in (Annotated, Required, NotRequired):
            return self.of(arguments[0])
        if origin is Literal:
            return " | ".join(_literal(value) for value in arguments)
        if origin in (Union, types.UnionType):
            return " | ".join(dict.fromkeys(self.of(each) for each in arguments))
        if origin is tuple:
            return self._tuple(arguments)
        if origin is not None and issubclass(origin, Mapping):
            return f"Record<string, {self.of(arguments[1])}>"
        if origin is not None and issubclass(origin, Sequence):
            return _list_of(self.of(arguments[0]))
        return self._named(hint)

    def _tuple(self, arguments: tuple[Any, ...]) -> str:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _list_of(self.of(arguments[0]))
        return f"[{', '.join(self.of(each) for each in arguments)}]"

    def _named(self, hint: Any) -> str:
        if isinstance(hint, TypeVar) or not isinstance(hint, type):
            raise TypeError(f"{hint!r} has no form in the browser.")
        if issubclass(hint, Enum):
            return " | ".join(_literal(each.value) for each in hint)
        if hint in self.known:
            return self.known[hint]
        name = hint.__name__
        if self._made_of.setdefault(name, hint) is not hint:
            raise TypeError(f"Two types are called {name}.")
        if name not in self.written:
            self.written[name] = ""  # it may hold itself
            self.written[name] = self._interface(name, hint)
        return name

    def _interface(self, name: str, hint: type) -> str:
        if issubclass(hint, BaseModel):
            return _block(name, self._model_lines(hint))
        if typing.is_typeddict(hint):
            return _block(name, self._typed_dict_lines(hint))
        raise TypeError(f"{name} is neither a TypedDict nor a payload.")

    def _typed_dict_lines(self, hint: type) -> list[str]:
        return [
            f"{field}{'?' if get_origin(its) is NotRequired else ''}: {self.of(its)}"
            for field, its in typing.get_type_hints(hint, include_extras=True).items()
        ]

    def _model_lines(self, hint: type[BaseModel]) -> list[str]:
        """A payload is stored without its empty fields, and older messages lack those that came later."""
        lines = []
        for field, its in hint.model_fields.items():
            if any(isinstance(mark, Kept) for mark in its.metadata):
                continue
            empty = type(None) in get_args(its.annotation)
            wanted = (
                [each for each in get_args(its.annotation) if each is not type(None)] if empty else [its.annotation]
            )
            shape = " | ".join(self.of(each) for each in wanted)
            lines.append(f"{field}{'' if its.is_required() and not empty else '?'}: {shape}")
        return lines


def _list_of(shape: str) -> str:
    return f"({shape})[]" if " " in shape else f"{shape}[]"


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _block(name: str, lines: Sequence[str]) -> str:
    return "\n".join([f"interface {name} {{", *(f"  {line}" for line in lines), "}"])
