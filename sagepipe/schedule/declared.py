"""A schedule as people declare it: a table [schedule] in pipeline.toml, or a command's options."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sagepipe.errors import ScheduleError
from sagepipe.schedule import expression
from sagepipe.schedule.schedules import Schedule

_Type = type | tuple[type, ...]

_KEYS: dict[str, tuple[_Type, str]] = {
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
    members = dict(table)
    zone = expression.zone(members.get("timezone", "UTC"))
    for key in ("start", "end"):
        if key in members:
            members[key] = _moment(key, members[key], zone)
    if len(members.setdefault("name", pipeline_name)) > 64:
        raise ScheduleError(
            f"{members['name']!r} is too long for a schedule's name, 64 characters; give it one"
        )
    members["parameters"] = tuple(
        (name, _text(value)) for name, value in sorted(members.get("parameters", {}).items())
    )
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
    for key, value in table.items():
        if key not in _KEYS:
            close = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"do you mean {close[0]}?" if close else f"there are {', '.join(_KEYS)}"
            raise ScheduleError(f"a schedule has no {key}; {hint}")
        wanted, words = _KEYS[key]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise ScheduleError(f"the schedule's {key} is {value!r}; it must be {words}")
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


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
