"""Ways through JSON of any form, which raise nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Any


def objects(listed: Json, field: str) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """The entries of a list that are objects, with their fields."""
    for index, item in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(item, Mapping):
            yield f"{field}[{index}]", item


def strings(value: Json) -> Iterator[str]:
    """Every string in a definition, or in a part of one, that isn't a member's name."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
