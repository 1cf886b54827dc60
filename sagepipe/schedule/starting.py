"""What schedules and rules have in common: both start a pipeline, as data that is checked and
compared."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from sagepipe.errors import ScheduleError

if TYPE_CHECKING:
    from sagepipe.schedule.rules import Trigger
    from sagepipe.schedule.schedules import Schedule

Start = TypeVar("Start", "Schedule", "Trigger")

# EventBridge's own defaults, sent all the same: what is declared is what is there.
MAX_AGE_SECONDS = 86_400
MAX_RETRIES = 185

Keys = Mapping[str, tuple[type | tuple[type, ...], str]]

_PATTERNS = {
    "name": (r"[0-9a-zA-Z\-_.]{1,64}", "1 to 64 letters, digits, hyphens, underscores and dots"),
    "pipeline_arn": (
        r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:\d{12}:pipeline/[a-zA-Z0-9\-]+",
        "a pipeline's ARN",
    ),
    "role_arn": (
        r"arn:aws[a-z\-]*:iam::\d{12}:role/[\w+=,.@/\-]+",
        "the ARN of a role that EventBridge may assume (SchedulerRoleArn in the outputs of "
        "infra/bootstrap.yaml)",
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


def check(kind: str, one: Any) -> None:
    """That the fields of a schedule or trigger have the service's form. Raises `ScheduleError`."""
    fields = {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}
    for name, (pattern, wanted) in _PATTERNS.items():
        value = fields.get(name)
        if value is not None and not re.fullmatch(pattern, value):
            raise ScheduleError(f"the {kind}'s {name} is {value!r}; it must be {wanted}")
    for name, (low, high, unit) in _RANGES.items():
        if name in fields and not low <= fields[name] <= high:
            raise ScheduleError(
                f"the {kind}'s {name} is {fields[name]}; it must be {low} to {high} {unit}"
            )
    if len(fields["description"]) > 512:
        raise ScheduleError(f"the {kind}'s description is longer than 512 characters")


def check_keys(kind: str, table: Mapping[str, Any], keys: Keys) -> None:
    """That a table has no unknown key and no value of a wrong type. Raises `ScheduleError`."""
    for key, value in table.items():
        if key not in keys:
            close = difflib.get_close_matches(key, keys, n=1)
            hint = f"do you mean {close[0]}?" if close else f"there are {', '.join(keys)}"
            raise ScheduleError(f"a {kind} has no {key}; {hint}")
        wanted, words = keys[key]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise ScheduleError(f"the {kind}'s {key} is {value!r}; it must be {words}")


def name_and_parameters(kind: str, table: Mapping[str, Any], pipeline_name: str) -> dict[str, Any]:
    """The table with the pipeline's own name unless it has one, and its parameters as pairs.

    Raises `ScheduleError`.
    """
    members = {"name": pipeline_name} | dict(table)
    if len(members["name"]) > 64:
        raise ScheduleError(
            f"{members['name']!r} is too long for a {kind}'s name, 64 characters; give it one"
        )
    members["parameters"] = tuple(
        (name, _text(value)) for name, value in sorted(members.get("parameters", {}).items())
    )
    return members


def changes(deployed: Start | None, wanted: Start) -> list[tuple[str, object, object]]:
    """Field, present value and wanted value of everything that differs, for a plan."""
    names = [field.name for field in dataclasses.fields(wanted)]
    return [
        (name, there, getattr(wanted, name))
        for name in names
        if (there := getattr(deployed, name) if deployed else None) != getattr(wanted, name)
    ]


def keep_state(wanted: Start, deployed: Start | None) -> Start:
    """`wanted`, paused if the deployed one is: deploying doesn't undo what an operator did."""
    return wanted if deployed is None else dataclasses.replace(wanted, enabled=deployed.enabled)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
