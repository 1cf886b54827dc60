"""EventBridge's side of a trigger: read the rule, write it, pause it, delete it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagepipe.aws import boto
from sagepipe.aws.boto import calls
from sagepipe.errors import AwsError, ScheduleError
from sagepipe.schedule import rules
from sagepipe.schedule.rules import Trigger

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client


def read(events: EventBridgeClient, name: str) -> Trigger | None:
    """The trigger as it is deployed, or None; `events` is a client.

    A rule that was left without a target, by an interrupted deployment say, starts nothing: that
    is none, if it waits for what a trigger does.

    Raises `AwsError`; `ScheduleError` if the rule isn't a trigger's.
    """
    with calls(f"read rule {name}"):
        try:
            rule: Mapping[str, Any] = events.describe_rule(Name=name)
        except events.exceptions.ResourceNotFoundException:
            return None
        targets = events.list_targets_by_rule(Rule=name)["Targets"]
    if not targets:
        rules.check_pattern(rule)
        return None
    return rules.parse(rule, targets)


def write(events: EventBridgeClient, wanted: Trigger, deployed: Trigger | None) -> None:
    """Make the deployed trigger the wanted one; no call if it is already.

    The service has no call for both: a rule without a target starts nothing, so it comes first.

    Raises `AwsError`.
    """
    if deployed == wanted:
        return
    with calls(f"write rule {wanted.name}"):
        if deployed is None or deployed.rule() != wanted.rule():
            events.put_rule(**wanted.rule())
        if deployed is None or deployed.target() != wanted.target():
            answer = events.put_targets(Rule=wanted.name, Targets=[wanted.target()])
            _check_failures(answer, wanted.name)


def set_state(events: EventBridgeClient, name: str, *, enabled: bool) -> bool:
    """Pause or resume. Returns whether a call was needed.

    Raises `AwsError`; `ScheduleError` if there is no such trigger.
    """
    there = read(events, name)
    if there is None:
        raise missing(name)
    if there.enabled == enabled:
        return False
    with calls(f"{'resume' if enabled else 'pause'} rule {name}"):
        (events.enable_rule if enabled else events.disable_rule)(Name=name)
    return True


def delete(events: EventBridgeClient, name: str) -> None:
    """Remove the rule and its target. Raises `AwsError`; `ScheduleError` if there is none."""
    if read(events, name) is None:
        raise missing(name)
    with calls(f"delete rule {name}"):
        # A rule with targets can't be deleted.
        _check_failures(events.remove_targets(Rule=name, Ids=[rules.TARGET]), name)
        events.delete_rule(Name=name)


def check_bucket(s3: S3Client, trigger: Trigger) -> str | None:
    """A note if the bucket tells EventBridge nothing, or may not be asked. Raises `AwsError`."""
    bucket = trigger.bucket
    try:
        with calls(f"read the notifications of bucket {bucket}"):
            found = s3.get_bucket_notification_configuration(Bucket=bucket)
    except AwsError as error:
        if boto.is_denied(error):
            return (
                f"bucket {bucket} was not checked for notifications to EventBridge: these "
                "credentials lack s3:GetBucketNotification"
            )
        if error.code in ("NoSuchBucket", "404"):
            raise ScheduleError(f"there is no bucket {bucket}; check the trigger's uri") from error
        raise
    if "EventBridgeConfiguration" in found:
        return None
    return (
        f"bucket {bucket} tells EventBridge nothing, so nothing will start: turn on «Send "
        "notifications to Amazon EventBridge» in its properties (infra/bootstrap.yaml does for the "
        "bucket that it makes)"
    )


def missing(name: str) -> ScheduleError:
    """The error for a trigger that isn't there."""
    return ScheduleError(
        f"there is no trigger {name!r}; make one with sagepipe trigger set, or check --name and "
        "--region"
    )


def _check_failures(answer: Mapping[str, Any], name: str) -> None:
    """Targets fail one by one, in an answer that says 200."""
    for one in answer.get("FailedEntries", []):
        raise AwsError(
            f"can't write the target of rule {name}: {one.get('ErrorMessage')}",
            str(one.get("ErrorCode", "")),
        )
