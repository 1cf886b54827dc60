"""Following an execution on SageMaker: what ends it, and what doesn't."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pytest_mock import MockerFixture

from sagepipe.aws import boto
from sagepipe.errors import AwsError
from sagepipe.executions import remote
from sagepipe.executions.follow import follow
from sagepipe.executions.remote import Execution

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/tables/execution/p4jn9xou8a8s"
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def states(mocker: MockerFixture, *answers: Execution | Exception) -> list[float]:
    """`remote.read` gives these in turn; returns the list that `sleep` fills."""
    mocker.patch.object(remote, "read", side_effect=answers)
    return []


def test_following_ends_with_the_execution(mocker: MockerFixture) -> None:
    running, ended = Execution(ARN, "Executing"), Execution(ARN, "Stopped")
    slept = states(mocker, running, running, ended)
    told: list[Execution] = []
    end = follow(None, ARN, told.append, interval=7.0, sleep=slept.append)
    assert end is ended
    assert told == [running, running, ended]
    assert slept == [7.0, 7.0]


def test_a_retry_is_not_taken_for_the_end_that_it_follows(mocker: MockerFixture) -> None:
    before = Execution(ARN, "Failed", modified=NOW)
    after = Execution(ARN, "Failed", modified=NOW + timedelta(seconds=1))
    slept = states(mocker, before, before, Execution(ARN, "Executing"), after)
    end = follow(None, ARN, lambda _: None, interval=1.0, before=NOW, sleep=slept.append)
    assert end is after


def test_a_retry_that_never_shows_is_not_waited_for_without_end(
    mocker: MockerFixture,
) -> None:
    before = Execution(ARN, "Failed", modified=NOW)
    slept = states(mocker, *[before] * 11)
    end = follow(None, ARN, lambda _: None, interval=1.0, before=NOW, sleep=slept.append)
    assert end is before
    # once it has been seen running, any end is its own
    slept = states(mocker, before, Execution(ARN, "Executing"), before)
    follow(None, ARN, lambda _: None, interval=1.0, before=NOW, sleep=slept.append)
    assert len(slept) == 2


def test_a_fault_in_passing_does_not_end_it(mocker: MockerFixture) -> None:
    codes = sorted(boto._PASSING)
    running, ended = Execution(ARN, "Executing"), Execution(ARN, "Succeeded")
    answers: list[Execution | Exception] = []
    for first in range(0, len(codes), 10):
        answers += [AwsError("can't describe", code) for code in codes[first : first + 10]]
        answers.append(running)
    slept = states(mocker, *answers, ended)
    assert follow(None, ARN, lambda _: None, interval=1.0, sleep=slept.append) is ended
    assert len(slept) == len(answers)


def test_faults_that_do_not_pass_end_it_and_say_how_to_go_on(
    mocker: MockerFixture,
) -> None:
    slept = states(mocker, *[AwsError("throttled", "Throttling")] * 11)
    with pytest.raises(AwsError, match=r"throttled; the execution goes on: sagepipe watch arn"):
        follow(None, ARN, lambda _: None, interval=1.0, sleep=slept.append)
    assert len(slept) == 10
    slept = states(mocker, AwsError("expired", "ExpiredToken"))
    with pytest.raises(AwsError, match="expired; the execution goes on"):
        follow(None, ARN, lambda _: None, interval=1.0, sleep=slept.append)
    assert slept == []
