"""What a command leaves behind when a test calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """Its exit code and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]
