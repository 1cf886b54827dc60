"""A schedule in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sagepipe.schedule.schedules import Schedule


def as_json(schedule: Schedule, created: datetime | None) -> dict[str, Any]:
    """The schedule's fields, and its next times."""
    members = dataclasses.asdict(schedule) | {"parameters": dict(schedule.parameters)}
    return members | {"next_times": [time.isoformat() for time in _times(schedule, created)]}


def lines(schedule: Schedule, title: str, created: datetime | None) -> Iterator[str]:
    """What it does, and when next; `created` is when a rate without a start began to count."""
    yield title
    for name, value in _facts(schedule):
        yield f"  {name:<13} {value}"
    if not schedule.enabled:
        shown = ["paused; sagepipe schedule resume"]
    else:
        shown = [f"{time:%a %Y-%m-%d %H:%M %Z}" for time in _times(schedule, created)]
    for number, text in enumerate(shown or ["never: its last time is past"]):
        yield f"  {'' if number else 'next':<13} {text}"


def _times(schedule: Schedule, created: datetime | None) -> list[datetime]:
    return schedule.next_times(datetime.now(UTC), created=created) if schedule.enabled else []


def _facts(schedule: Schedule) -> Iterator[tuple[str, str]]:
    yield "when", f"{schedule.expression}, {schedule.timezone}"
    if schedule.flex_minutes:
        yield "window", f"at some moment in the {schedule.flex_minutes} minutes from then"
    if schedule.start:
        yield "from", f"{schedule.start:%Y-%m-%d %H:%M %Z}"
    if schedule.end:
        yield "until", f"{schedule.end:%Y-%m-%d %H:%M %Z}"
    which = "the latest version at that time"
    if schedule.version is not None:
        which = f"version {schedule.version}"
    elif schedule.alias is not None:
        which = f"the version of alias {schedule.alias}"
    yield "starts", f"{schedule.pipeline_arn}, {which}"
    given = " ".join(f"{name}={value}" for name, value in schedule.parameters)
    yield "parameters", given or "the defaults"
    yield "role", schedule.role_arn
    hours = schedule.max_age_seconds / 3600
    yield "if it can't", f"tries again up to {schedule.max_retries} times in {hours:g} hours"
    yield "dead letters", schedule.dead_letter_queue or "none: a start that fails leaves no trace"
    if schedule.delete_when_done:
        yield "afterwards", "the schedule deletes itself"
