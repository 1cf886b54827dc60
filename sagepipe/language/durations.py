"""Durations of the step cache's ExpireAfter: ISO 8601, in either case, with or without its P."""

from __future__ import annotations

import re

# Nine digits a count: more is no time that anybody means, nor a number to calculate with.
_DURATION = re.compile(
    r"P?(?=[0-9T])(?:([0-9]{1,9})Y)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?)?",
    re.IGNORECASE,
)
_DAY = 86_400
_SECONDS = (365 * _DAY, 30 * _DAY, 7 * _DAY, _DAY, 3600, 60, 1)


def seconds(text: str) -> float | None:
    """The length of a duration, a year having 365 days and a month 30; None if it is none."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    return float(sum(int(n or 0) * unit for n, unit in zip(match.groups(), _SECONDS, strict=True)))
