"""Retry policies: which failures are tried again, with the service's types, ranges and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

INTERNAL = "SageMaker.JOB_INTERNAL_ERROR"
TYPES = (
    "Step.SERVICE_FAULT",
    "Step.THROTTLING",
    INTERNAL,
    "SageMaker.CAPACITY_ERROR",
    "SageMaker.RESOURCE_LIMIT",
)
DEFAULT_TYPES = ("Step.SERVICE_FAULT", "Step.THROTTLING")  # tried again without a policy
RANGES: Mapping[str, tuple[float, float]] = {
    "IntervalSeconds": (0, 43_200),
    "BackoffRate": (0, float("inf")),
    "MaxAttempts": (0, 20),
    "ExpireAfterMin": (0, 14_400),
}


_LONGEST = 1e9  # seconds; what a thread can be told to wait


@dataclass(frozen=True)
class RetryPolicy:
    """One retry policy, with the service's defaults; `interval` and `expires` in seconds."""

    types: tuple[str, ...]
    interval: float = 1.0
    backoff: float = 2.0
    attempts: float = 5
    expires: float | None = None

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> RetryPolicy | None:
        """A policy as a definition has it, or None if it is malformed."""
        types = exception_types(written)
        numbers = {member: written[member] for member in RANGES if member in written}
        if not types or not all(is_number(value) for value in numbers.values()):
            return None
        expires = numbers.get("ExpireAfterMin")
        return cls(
            types=types,
            interval=float(numbers.get("IntervalSeconds", 1)),
            backoff=float(numbers.get("BackoffRate", 2.0)),
            attempts=float(numbers.get("MaxAttempts", 5 if expires is None else "inf")),
            expires=None if expires is None else float(expires) * 60,
        )

    def pause(self, used: int) -> float:
        """Seconds before the next try, after `used` tries by this policy."""
        try:
            return min(self.interval * self.backoff**used, _LONGEST)
        except OverflowError:
            return _LONGEST if self.interval else 0.0


def exception_types(written: Mapping[str, Any]) -> tuple[str, ...]:
    """What a policy covers, a lone string standing for a list of one; () if it is malformed."""
    listed = written.get("ExceptionType")
    types = [listed] if isinstance(listed, str) else listed
    if not isinstance(types, list) or not all(isinstance(type_, str) for type_ in types):
        return ()
    return tuple(types)


def is_number(value: object) -> bool:
    """Whether a policy can calculate with this value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e300


def in_range(member: str, value: object) -> bool:
    """Whether the service takes this value of a member of `RANGES`."""
    low, high = RANGES[member]
    whole = (int,) if member != "BackoffRate" else (int, float)
    return isinstance(value, whole) and not isinstance(value, bool) and low <= value <= high
