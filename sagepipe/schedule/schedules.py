"""A pipeline's schedule in EventBridge Scheduler, as data: declared, checked, compared.

A schedule starts a pipeline in one of two ways. The templated target names the pipeline and its
parameters, and runs the pipeline's latest version. It can't name a version, so a schedule that
pins one (or follows an alias) uses the universal target, which calls StartPipelineExecution with
a request of our own. The calls to the service are in scheduler.py.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sagepipe.errors import ScheduleError
from sagepipe.language import parameters
from sagepipe.language.definition import Definition
from sagepipe.schedule import expression

# The service's own defaults, sent all the same: what is declared is what is there.
MAX_AGE_SECONDS = 86_400
MAX_RETRIES = 185

_LATE = timedelta(minutes=5)  # that a start may be past when it is sent

_UNIVERSAL = "scheduler:::aws-sdk:sagemaker:startPipelineExecution"

_PATTERNS = {
    "name": (r"[0-9a-zA-Z\-_.]{1,64}", "1 to 64 letters, digits, hyphens, underscores and dots"),
    "pipeline_arn": (
        r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:\d{12}:pipeline/[a-zA-Z0-9\-]+",
        "a pipeline's ARN",
    ),
    "role_arn": (
        r"arn:aws[a-z\-]*:iam::\d{12}:role/[\w+=,.@/\-]+",
        "the ARN of a role that scheduler.amazonaws.com may assume (SchedulerRoleArn in the "
        "outputs of infra/bootstrap.yaml)",
    ),
    "dead_letter_queue": (
        r"arn:aws[a-z\-]*:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+",
        "the ARN of an SQS standard queue",
    ),
    "alias": (r"[a-zA-Z0-9._\-]{1,128}", "1 to 128 letters, digits, dots, underscores, hyphens"),
}
_RANGES = {
    "flex_minutes": (0, 1440, "minutes"),
    "max_age_seconds": (60, 86_400, "seconds"),
    "max_retries": (0, 185, "attempts"),
}


@dataclass(frozen=True)
class Schedule:
    """When a pipeline is started, with what; checked when it is made.

    `flex_minutes` 0 means at the minute; otherwise the service chooses a moment in the window.
    `start` and `end` are aware; `at` expressions ignore both. `version` and `alias` exclude each
    other; without either, each run takes the pipeline's latest version. `max_age_seconds` and
    `max_retries` are for starting: an execution that fails later isn't started again. What could
    not be started ends in `dead_letter_queue`. `delete_when_done` removes the schedule after its
    last run.

    Raises `ScheduleError`, naming the field and what it should look like.
    """

    name: str
    expression: str
    pipeline_arn: str
    role_arn: str
    timezone: str = "UTC"
    flex_minutes: int = 0
    start: datetime | None = None
    end: datetime | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    version: int | None = None
    alias: str | None = None
    dead_letter_queue: str | None = None
    max_age_seconds: int = MAX_AGE_SECONDS
    max_retries: int = MAX_RETRIES
    enabled: bool = True
    delete_when_done: bool = False
    description: str = ""

    def __post_init__(self) -> None:
        expression.parse(self.expression)
        expression.zone(self.timezone)
        for name, (pattern, wanted) in _PATTERNS.items():
            value = getattr(self, name)
            if value is not None and not re.fullmatch(pattern, value):
                raise ScheduleError(f"the schedule's {name} is {value!r}; it must be {wanted}")
        for name, (low, high, unit) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ScheduleError(
                    f"the schedule's {name} is {getattr(self, name)}; it must be {low} to {high} "
                    f"{unit}"
                )
        if self.version is not None and self.alias is not None:
            raise ScheduleError("a schedule pins a version or follows an alias, not both")
        if self.version is not None and self.version < 1:
            raise ScheduleError(f"there is no version {self.version}; versions count from 1")
        if self.start and self.end and self.start >= self.end:
            raise ScheduleError(f"the schedule ends ({self.end}) before it starts ({self.start})")
        if len(self.description) > 512:
            raise ScheduleError("the schedule's description is longer than 512 characters")

    def next_times(
        self, after: datetime, count: int = 5, *, created: datetime | None = None
    ) -> list[datetime]:
        """The next times after `after` in the schedule's zone, as if it weren't paused.

        `created` is when the service took the schedule: a rate without `start` counts from there.
        """
        return expression.next_times(
            expression.parse(self.expression),
            expression.zone(self.timezone),
            after,
            count,
            start=self.start,
            end=self.end,
            anchor=created,
        )

    def request(self) -> dict[str, Any]:
        """The request of CreateSchedule; UpdateSchedule takes the same, as it replaces all."""
        members: dict[str, Any] = {
            "Name": self.name,
            "ScheduleExpression": self.expression,
            "ScheduleExpressionTimezone": self.timezone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED" if self.enabled else "DISABLED",
            "ActionAfterCompletion": "DELETE" if self.delete_when_done else "NONE",
            "Target": self._target(),
        }
        if self.flex_minutes:
            members["FlexibleTimeWindow"] = {
                "Mode": "FLEXIBLE",
                "MaximumWindowInMinutes": self.flex_minutes,
            }
        optional = {
            "StartDate": self.start,
            "EndDate": self.end,
            "Description": self.description,
        }
        return members | {name: value for name, value in optional.items() if value}

    def _target(self) -> dict[str, Any]:
        target: dict[str, Any] = {
            "RoleArn": self.role_arn,
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": self.max_age_seconds,
                "MaximumRetryAttempts": self.max_retries,
            },
        }
        if self.dead_letter_queue:
            target["DeadLetterConfig"] = {"Arn": self.dead_letter_queue}
        given = [{"Name": name, "Value": value} for name, value in self.parameters]
        if self.version is None and self.alias is None:
            members = {"PipelineParameterList": given} if given else {}
            return target | {"Arn": self.pipeline_arn, "SageMakerPipelineParameters": members}
        start: dict[str, Any] = {
            "PipelineName": self.pipeline_arn,
            "ClientRequestToken": _token(self.name),
            "PipelineParameters": given,
        }
        if self.version is not None:
            start["PipelineVersionId"] = self.version
        else:
            start["PipelineVersionAlias"] = self.alias
        arn = f"arn:{self.pipeline_arn.split(':')[1]}:{_UNIVERSAL}"
        return target | {"Arn": arn, "Input": json.dumps(start, sort_keys=True)}


def _token(name: str) -> str:
    """The client request token of a run, 32 to 128 characters; Scheduler fills in the time.

    The time is the same for every attempt at one run, so an attempt whose answer was lost isn't
    followed by a second execution, and it differs between runs. `<aws.scheduler.execution-id>`
    alone won't do: it is given out for each attempt and the documented one has 16 characters,
    which StartPipelineExecution refuses.
    """
    return f"eventbridge-scheduler-{name}-<aws.scheduler.scheduled-time>"


def parse(response: Mapping[str, Any]) -> Schedule:
    """What GetSchedule answers, as a `Schedule`.

    Raises `ScheduleError` if the schedule starts anything but a pipeline.
    """
    target = response["Target"]
    start: dict[str, Any] = {}
    pipeline_arn = target["Arn"]
    given = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
    if pipeline_arn.endswith(f":{_UNIVERSAL}"):
        start = _input(response["Name"], target.get("Input", ""))
        pipeline_arn, given = start["PipelineName"], start.get("PipelineParameters", [])
    elif ":pipeline/" not in pipeline_arn:
        raise ScheduleError(
            f"schedule {response['Name']!r} starts {pipeline_arn}, which is no pipeline; give "
            "another name with --name"
        )
    retry = target.get("RetryPolicy", {})
    return Schedule(
        name=response["Name"],
        expression=response["ScheduleExpression"],
        pipeline_arn=pipeline_arn,
        role_arn=target["RoleArn"],
        timezone=response.get("ScheduleExpressionTimezone") or "UTC",
        flex_minutes=response["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0),
        start=_utc(response.get("StartDate")),
        end=_utc(response.get("EndDate")),
        parameters=tuple((one["Name"], one["Value"]) for one in given),
        version=start.get("PipelineVersionId"),
        alias=start.get("PipelineVersionAlias"),
        dead_letter_queue=target.get("DeadLetterConfig", {}).get("Arn"),
        max_age_seconds=retry.get("MaximumEventAgeInSeconds", MAX_AGE_SECONDS),
        max_retries=retry.get("MaximumRetryAttempts", MAX_RETRIES),
        enabled=response.get("State", "ENABLED") == "ENABLED",
        delete_when_done=response.get("ActionAfterCompletion") == "DELETE",
        description=response.get("Description") or "",
    )


def check(schedule: Schedule, definition: Mapping[str, Any], now: datetime) -> None:
    """That the schedule runs at all, and that its runs can start: `check_parameters` and
    `check_times`."""
    check_parameters(schedule, definition)
    check_times(schedule, now)


def check_parameters(schedule: Schedule, definition: Mapping[str, Any]) -> None:
    """That the runs can start with the schedule's parameters.

    `definition` is the one that the runs will have: of the pinned version, or the latest.

    Raises `ParameterError` for a parameter that the definition doesn't have, of the wrong type or
    without a value.
    """
    parameters.resolve(Definition.read(definition).parameters, dict(schedule.parameters))


def check_times(schedule: Schedule, now: datetime) -> None:
    """That the service will take it now, and that there is a next run. Raises `ScheduleError`."""
    if schedule.start is not None and schedule.start < now - _LATE:
        raise ScheduleError(
            f"start is {schedule.start}, which is past, and Scheduler takes none that is more than "
            "5 minutes old; leave start out, or name a later one"
        )
    if not schedule.next_times(now, 1, created=now):
        raise ScheduleError(
            f"{schedule.expression} in {schedule.timezone} never runs"
            + (f" between {schedule.start} and {schedule.end}" if schedule.start else "")
            + (f" before {schedule.end}" if schedule.end and not schedule.start else "")
            + ": that time is past or doesn't exist; change it or --start and --end"
        )


def changes(deployed: Schedule | None, wanted: Schedule) -> list[tuple[str, object, object]]:
    """Field, present value and wanted value of everything that differs, for a plan."""
    names = [field.name for field in dataclasses.fields(Schedule)]
    return [
        (name, there, getattr(wanted, name))
        for name in names
        if (there := getattr(deployed, name) if deployed else None) != getattr(wanted, name)
    ]


def keep_state(wanted: Schedule, deployed: Schedule | None) -> Schedule:
    """`wanted`, paused if the deployed one is: deploying doesn't undo what an operator did."""
    return wanted if deployed is None else dataclasses.replace(wanted, enabled=deployed.enabled)


def _input(name: str, text: str) -> dict[str, Any]:
    try:
        start = json.loads(text)
        if isinstance(start, dict) and isinstance(start.get("PipelineName"), str):
            return start
    except ValueError:
        pass
    raise ScheduleError(
        f"schedule {name!r} calls StartPipelineExecution with an input that can't be read; "
        "delete it, or give another name with --name"
    )


def _utc(when: datetime | None) -> datetime | None:
    return when.astimezone(UTC) if when else None
