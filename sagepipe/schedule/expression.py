"""When a schedule runs: the expressions of EventBridge Scheduler, and their next times.

    cron(30 2 * * ? *)          at times of the clock in the schedule's time zone
    rate(12 hours)              in equal steps of real time
    at(2026-12-24T06:00:00)     once, in the schedule's time zone

Checked before it is sent, with the grammar of the service's user guide ("Schedule types"), so
that a wrong expression changes nothing and is explained.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from sagepipe.errors import ScheduleError
from sagepipe.schedule import cron
from sagepipe.schedule.cron import Cron

MAX_LENGTH = 256
_MAX_ZONE = 50


@dataclass(frozen=True)
class Rate:
    """Every `every`, counted in real time: a day is 24 hours, whatever the clocks do."""

    every: timedelta


@dataclass(frozen=True)
class At:
    """Once, at a local time."""

    when: datetime


Expression = Cron | Rate | At


def parse(text: str) -> Expression:
    """An expression, read. Raises `ScheduleError` saying what is wrong and what to write."""
    if len(text) > MAX_LENGTH:
        raise ScheduleError(f"the expression has {len(text)} characters; at most {MAX_LENGTH}")
    found = re.fullmatch(r"(cron|rate|at)\((\S(?:.*\S)?)\)", text)
    if found is None:
        raise ScheduleError(
            f"{text!r} is no schedule expression; write cron(30 2 * * ? *), rate(12 hours) or "
            "at(2026-12-24T06:00:00)"
        )
    kind, body = found.groups()
    if kind == "cron":
        return cron.parse(body)
    return _rate(body) if kind == "rate" else _at(body)


def zone(name: str) -> ZoneInfo:
    """A time zone of the IANA database. Raises `ScheduleError` with the nearest names."""
    names = available_timezones()
    if name not in names or len(name) > _MAX_ZONE:
        cities = {known.rpartition("/")[2].lower(): known for known in sorted(names)}
        near = [cities[city] for city in difflib.get_close_matches(name.lower(), cities, n=3)]
        near = near or difflib.get_close_matches(name, names, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "write one like Europe/Berlin"
        raise ScheduleError(f"there is no time zone {name!r}; {hint}")
    return ZoneInfo(name)


def next_times(
    expression: Expression,
    timezone: ZoneInfo,
    after: datetime,
    count: int = 5,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    anchor: datetime | None = None,
) -> list[datetime]:
    """The next `count` times later than `after`, aware and in `timezone`; fewer if it ends.

    Where clocks jump forward, the times that don't exist are left out; where they are set back,
    a time runs once, the first time round (user guide, "Daylight savings time"). Nothing runs
    before `start` or later than `end`, both ignored by `at`, as the service does. A rate counts
    from `start`, else from `anchor`, the moment at which the service took the schedule.

    `after`, `start`, `end` and `anchor` are aware.
    """
    if isinstance(expression, At):
        start = end = None
    earliest = max(after, start - timedelta(microseconds=1)) if start else after
    if isinstance(expression, Rate):
        found = _steps(expression.every, start or anchor or after, earliest)
    else:
        found = _on_the_clock(expression, timezone, earliest)
    if end is not None:
        found = _until(found, end)
    return [when.astimezone(timezone) for when in islice(found, count)]


def _steps(every: timedelta, first: datetime, after: datetime) -> Iterator[datetime]:
    with suppress(OverflowError):  # the calendar's end
        when = first.astimezone(UTC) + max(0, (after - first) // every + 1) * every
        while when.year <= cron.LAST_YEAR:
            yield when
            when += every


def _on_the_clock(expression: Cron | At, timezone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    local = after.astimezone(timezone)
    times = (
        iter([expression.when]) if isinstance(expression, At) else expression.times(local.date())
    )
    for wall in times:
        when = wall.replace(tzinfo=timezone).astimezone(UTC)
        exists = when.astimezone(timezone).replace(tzinfo=None) == wall
        if exists and when > after:
            yield when


def _until(times: Iterator[datetime], end: datetime) -> Iterator[datetime]:
    for when in times:
        if when > end:
            return
        yield when


def _rate(body: str) -> Rate:
    found = re.fullmatch(r"([1-9]\d{0,8})\s+(minute|hour|day)s?", body)
    if found is None:
        raise ScheduleError(
            f"rate({body}): write a whole number of at least 1 and minutes, hours or days, such as "
            "rate(12 hours)"
        )
    try:
        return Rate(timedelta(**{f"{found[2]}s": int(found[1])}))
    except OverflowError:
        raise ScheduleError(f"rate({body}) is longer than time itself; take fewer") from None


def _at(body: str) -> At:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", body):
            raise ValueError("its form is yyyy-mm-ddThh:mm:ss, without a zone")
        when = datetime.fromisoformat(body)
        if not cron.FIRST_YEAR <= when.year <= cron.LAST_YEAR:
            raise ValueError(f"its year is not one of {cron.FIRST_YEAR}-{cron.LAST_YEAR}")
        return At(when)
    except ValueError as error:
        raise ScheduleError(
            f"at({body}) is no time: {error}; write at(2026-12-24T06:00:00) and give the zone "
            "with --timezone"
        ) from None
