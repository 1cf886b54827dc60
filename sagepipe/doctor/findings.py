"""Findings, and the registry of checks: a check is a generator of findings over a `Case`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sagepipe.doctor.case import Case

Severity = Literal["stops", "warns", "unknown"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that couldn't be looked at.

    Attributes:
        severity: it stops a start or makes it fail; it deserves a look; it couldn't be checked.
        where: what it is about: a setting, a step, a bucket, a role.
        what: what is wrong there.
        mend: the command that mends it, words in CAPITALS being the reader's to fill in.
    """

    severity: Severity
    where: str
    what: str
    mend: str = ""


Look = Callable[["Case"], Iterator[Finding]]


@dataclass(frozen=True)
class Check:
    """A check by its name. `cheap`: a call or two, so that every start can afford it."""

    name: str
    look: Look
    cheap: bool


CHECKS: list[Check] = []


def check(*, cheap: bool = False) -> Callable[[Look], Look]:
    """Registers a check under its function's name; they run in the order of registration."""

    def register(function: Look) -> Look:
        CHECKS.append(Check(function.__name__, function, cheap))
        return function

    return register
