"""EventBridge Scheduler's side of a schedule: read it, write it, pause it, delete it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from sagepipe.aws.boto import calls
from sagepipe.errors import ScheduleError
from sagepipe.schedule import schedules
from sagepipe.schedule.schedules import Schedule

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

# What GetSchedule tells and UpdateSchedule takes, but for the state.
_UPDATABLE = (
    "Name",
    "GroupName",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "EndDate",
    "Description",
    "KmsKeyArn",
    "Target",
    "FlexibleTimeWindow",
    "ActionAfterCompletion",
)


def read(scheduler: EventBridgeSchedulerClient, name: str) -> Schedule | None:
    """The schedule as it is deployed, or None; `scheduler` is a client.

    Raises `AwsError`; `ScheduleError` if it starts anything but a pipeline.
    """
    response = response_of(scheduler, name)
    return schedules.parse(response) if response is not None else None


def response_of(scheduler: EventBridgeSchedulerClient, name: str) -> dict[str, Any] | None:
    """GetSchedule's own answer, or None if there is no such schedule. Raises `AwsError`."""
    with calls(f"read schedule {name}"):
        try:
            return {**scheduler.get_schedule(Name=name)}
        except scheduler.exceptions.ResourceNotFoundException:
            return None


def write(
    scheduler: EventBridgeSchedulerClient, wanted: Schedule, deployed: Schedule | None
) -> None:
    """Make the deployed schedule the wanted one; no call if it is already. Raises `AwsError`."""
    with calls(f"write schedule {wanted.name}"):
        if deployed is None:
            scheduler.create_schedule(**wanted.request())
        elif deployed != wanted:
            scheduler.update_schedule(**wanted.request())


def set_state(scheduler: EventBridgeSchedulerClient, name: str, *, enabled: bool) -> bool:
    """Pause or resume, leaving all else as it is, whoever wrote it.

    UpdateSchedule replaces every member that it isn't given by nothing, so all are sent back.
    Returns whether a call was needed. Raises `AwsError`; `ScheduleError` if there is none.
    """
    response = response_of(scheduler, name)
    if response is None:
        raise missing(name)
    state: Literal["ENABLED", "DISABLED"] = "ENABLED" if enabled else "DISABLED"
    if response.get("State", "ENABLED") == state:
        return False
    with calls(f"{'resume' if enabled else 'pause'} schedule {name}"):
        scheduler.update_schedule(**_kept(response), State=state)
    return True


def delete(scheduler: EventBridgeSchedulerClient, name: str) -> None:
    """Remove the schedule. Raises `AwsError`; `ScheduleError` if there is none."""
    with calls(f"delete schedule {name}"):
        try:
            scheduler.delete_schedule(Name=name)
        except scheduler.exceptions.ResourceNotFoundException:
            raise missing(name) from None


def missing(name: str) -> ScheduleError:
    """The error for a schedule that isn't there."""
    return ScheduleError(
        f"there is no schedule {name!r}; make one with sagepipe schedule set, or check "
        "--name and --region"
    )


def _kept(response: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent back. A start that is past has had its effect, and would be refused."""
    kept = {name: response[name] for name in _UPDATABLE if response.get(name) is not None}
    if "StartDate" in kept and kept["StartDate"] < datetime.now(UTC):
        del kept["StartDate"]
    return kept
