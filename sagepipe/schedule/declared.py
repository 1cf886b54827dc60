"""A schedule as people declare it: a table [schedule] in pipeline.toml, or a command's options."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sagepipe.errors import ScheduleError
from sagepipe.schedule import expression, starting
from sagepipe.schedule.schedules import Schedule

_KEYS: starting.Keys = {
    "expression": (str, "a string such as cron(30 2 * * ? *)"),
    "name": (str, "a string"),
    "timezone": (str, "a string such as Europe/Berlin"),
    "flex_minutes": (int, "a whole number of minutes"),
    "start": ((str, date), "a date or time"),
    "end": ((str, date), "a date or time"),
    "parameters": (Mapping, "a table, [schedule.parameters]"),
    "version": (int, "a version's number"),
    "alias": (str, "a string"),
    "max_age_seconds": (int, "a whole number of seconds"),
    "max_retries": (int, "a whole number"),
    "delete_when_done": (bool, "true or false"),
    "description": (str, "a string"),
}


def declared(
    table: Mapping[str, Any],
    *,
    pipeline_name: str,
    pipeline_arn: str,
    role_arn: str,
    dead_letter_queue: str | None = None,
) -> Schedule:
    """The schedule that the table [schedule] of pipeline.toml declares.

    Its keys are `Schedule`'s fields; `expression` is the one that must be there, and `name` is
    the pipeline's own unless given. Values of `parameters` may be strings, numbers or booleans.
    `start` and `end` without an offset are meant in the schedule's time zone.

    Raises `ScheduleError`.
    """
    check_keys(table)
    members = starting.name_and_parameters("schedule", table, pipeline_name)
    zone = expression.zone(members.get("timezone", "UTC"))
    for key in ("start", "end"):
        if key in members:
            members[key] = _moment(key, members[key], zone)
    return Schedule(
        pipeline_arn=pipeline_arn,
        role_arn=role_arn,
        dead_letter_queue=dead_letter_queue,
        **members,
    )


def check_keys(table: Mapping[str, Any]) -> None:
    """That the table has an expression, no unknown key and no value of a wrong type.

    Raises `ScheduleError`.
    """
    starting.check_keys("schedule", table, _KEYS)
    if table.get("version", 1) < 1:
        raise ScheduleError(f"there is no version {table['version']}; versions are 1, 2, 3, …")
    if "expression" not in table:
        raise ScheduleError("the schedule has no expression, such as cron(30 2 * * ? *)")


def _moment(key: str, value: str | date, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else value.isoformat())
    except ValueError:
        raise ScheduleError(
            f"the schedule's {key} is {value!r}; write a date or time such as 2026-12-24 or "
            "2026-12-24T06:00"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
