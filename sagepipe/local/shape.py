"""Reads JSON into dataclasses, strictly: what a file on disk holds may be anything.

Records, cache entries and the like are written by this program and read by a later run of it. In
between, disks fill up, editors save halves and versions change. So nothing of such a file is used
before all of it has the shape that its dataclass declares.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

Json = Any
T = TypeVar("T")


class ShapeError(ValueError):
    """JSON of the right syntax and the wrong shape; says where and what."""


def read(kind: type[T], value: Json, where: str = "") -> T:
    """A dataclass's value from JSON.

    Fields are those of JSON (str, int, float, bool, None, Any), Path, StrEnum, dataclasses,
    Mapping, Sequence and tuple of them. A member with a default may be missing.

    Raises:
        ShapeError: another shape.
    """
    found: T = _read(kind, value, where)
    return found


def write(value: Any) -> Json:
    """The reverse of `read`: plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: write(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): write(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [write(item) for item in value]
    return str(value) if isinstance(value, (Path, StrEnum)) else value


def _read(kind: Any, value: Json, where: str) -> Any:
    if kind is Any:
        return value
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in inner:
            return None
        return _read(next(one for one in inner if one is not type(None)), value, where)
    if origin is typing.Literal:
        _require(value in inner, where, f"one of {', '.join(map(str, inner))}", value)
        return value
    if isinstance(origin, type) and issubclass(origin, Mapping):
        _require(isinstance(value, dict), where, "an object", value)
        return {key: _read(inner[1], item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        _require(isinstance(value, list), where, "a list", value)
        found = [_read(inner[0], item, f"{where}[{n}]") for n, item in enumerate(value)]
        return tuple(found) if origin is tuple else found
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(kind, value, where)
    return _read_plain(kind, value, where)


def _read_dataclass(kind: Any, value: Json, where: str) -> Any:
    _require(isinstance(value, dict), where, "an object", value)
    hints = _hints(kind)
    members = {}
    for field in dataclasses.fields(kind):
        name = f"{where}.{field.name}".lstrip(".")
        if field.name in value:
            members[field.name] = _read(hints[field.name], value[field.name], name)
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise ShapeError(f"{name} is missing")
    if unknown := sorted(value.keys() - hints.keys()):
        raise ShapeError(f"{f'{where}.'.lstrip('.')}{unknown[0]} is not known")
    return kind(**members)


def _read_plain(kind: type, value: Json, where: str) -> Any:
    if issubclass(kind, StrEnum):
        _require(value in [one.value for one in kind], where, "one of its words", value)
        return kind(value)
    if kind is Path:
        _require(isinstance(value, str) and "\0" not in value, where, "a path", value)
        return Path(value)
    if kind is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        _require(number, where, "a number", value)
        return float(value)
    right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    _require(right, where, {str: "text", int: "a whole number"}.get(kind, kind.__name__), value)
    return value


def _require(right: bool, where: str, wanted: str, value: Json) -> None:
    if not right:
        raise ShapeError(f"{where or 'it'} should be {wanted}, not {str(value)[:40]!r}")


@functools.cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)
