"""Retry policies as a definition has them."""

from __future__ import annotations

from typing import Any

import pytest

from sagepipe.language.retries import INTERNAL, RetryPolicy


def test_the_service_s_defaults() -> None:
    assert RetryPolicy.read({"ExceptionType": INTERNAL}) == RetryPolicy((INTERNAL,), 1, 2, 5, None)


def test_a_policy_that_ends_by_time_counts_no_attempts() -> None:
    policy = RetryPolicy.read({"ExceptionType": [INTERNAL], "ExpireAfterMin": 2})
    assert policy == RetryPolicy((INTERNAL,), attempts=float("inf"), expires=120)


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"ExceptionType": []},
        {"ExceptionType": 5},
        {"ExceptionType": [INTERNAL, 5]},
        {"ExceptionType": INTERNAL, "MaxAttempts": "5"},
        {"ExceptionType": INTERNAL, "IntervalSeconds": -1},
        {"ExceptionType": INTERNAL, "BackoffRate": True},
        {"ExceptionType": INTERNAL, "BackoffRate": float("nan")},
        {"ExceptionType": INTERNAL, "BackoffRate": 10**400},
    ],
)
def test_what_is_malformed_is_none(written: dict[str, Any]) -> None:
    assert RetryPolicy.read(written) is None


@pytest.mark.parametrize(
    ("policy", "used", "seconds"),
    [
        (RetryPolicy((), 2.0, 3.0), 0, 2),
        (RetryPolicy((), 2.0, 3.0), 2, 18),
        (RetryPolicy((), 0.0, 2.0), 5000, 0),
        (RetryPolicy((), 1.0, 1e300), 3, 1e9),
    ],
)
def test_a_pause_is_a_time_that_can_be_waited(
    policy: RetryPolicy, used: int, seconds: float
) -> None:
    assert policy.pause(used) == seconds
