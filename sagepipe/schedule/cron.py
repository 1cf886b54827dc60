"""The cron fields of EventBridge Scheduler: their grammar, and the local times that they match.

    cron(minutes hours day-of-month month day-of-week [year])

    minutes       0-59                  , - * /
    hours         0-23                  , - * /
    day-of-month  1-31                  , - * / ? L W     L: last day; 15W: weekday nearest the 15th
    month         1-12 or JAN-DEC       , - * /
    day-of-week   1-7 or SUN-SAT        , - * / ? L #     L: Saturday; 6L: last Friday of the month;
                                                          3#2: second Tuesday of the month
    year          1970-2199             , - * /           may be left out

That is the table of the service's user guide ("Schedule types"). What the guide leaves open is
refused here, each with the form that is documented: values in both day fields, `?` in both, `L`,
`W` or `#` as part of a list, `LW`, `L-3`, `FRIL`, `FRI#2`, names in lower case, and ranges that
wrap around. A month that has no 31st has no `31W`.
"""

from __future__ import annotations

import calendar
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from sagepipe.errors import ScheduleError

FIRST_YEAR, LAST_YEAR = 1970, 2199

_MONTHS = dict(
    zip(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
        range(1, 13),
        strict=True,
    )
)
_WEEKDAYS = dict(zip(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), range(1, 8), strict=True))


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: dict[str, int]

    @property
    def values(self) -> str:
        words = f" or {next(iter(self.names))}-{list(self.names)[-1]}" if self.names else ""
        return f"{self.low}-{self.high}{words}"


_MINUTES = _Field("minutes", 0, 59, {})
_HOURS = _Field("hours", 0, 23, {})
_DAY = _Field("day-of-month", 1, 31, {})
_MONTH = _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Field("day-of-week", 1, 7, _WEEKDAYS)
_YEAR = _Field("year", FIRST_YEAR, LAST_YEAR, {})


@dataclass(frozen=True)
class Days:
    """Days of the month by number."""

    days: frozenset[int]

    def matches(self, day: date) -> bool:
        """Whether `day` is one of them."""
        return day.day in self.days


@dataclass(frozen=True)
class LastDay:
    """`L`: the last day of the month."""

    def matches(self, day: date) -> bool:
        """Whether `day` is the last of its month."""
        return day.day == _length(day)


@dataclass(frozen=True)
class NearestWeekday:
    """`15W`: of Monday to Friday the nearest to the 15th, and never in another month."""

    day: int

    def matches(self, day: date) -> bool:
        """Whether `day` is that weekday in its month."""
        if self.day > _length(day):
            return False
        wanted = day.replace(day=self.day)
        match _weekday(wanted):
            case 7:
                return day.day == (self.day - 1 if self.day > 1 else 3)
            case 1:
                return day.day == (self.day + 1 if self.day < _length(day) else self.day - 2)
        return day == wanted


@dataclass(frozen=True)
class Weekdays:
    """Days of the week by number; Sunday is 1."""

    weekdays: frozenset[int]

    def matches(self, day: date) -> bool:
        """Whether `day` falls on one of them."""
        return _weekday(day) in self.weekdays


@dataclass(frozen=True)
class LastWeekday:
    """`6L`: the last Friday of the month."""

    weekday: int

    def matches(self, day: date) -> bool:
        """Whether `day` is the last such weekday of its month."""
        return _weekday(day) == self.weekday and day.day + 7 > _length(day)


@dataclass(frozen=True)
class NthWeekday:
    """`3#2`: the second Tuesday of the month."""

    weekday: int
    which: int

    def matches(self, day: date) -> bool:
        """Whether `day` is that one of its month's."""
        return _weekday(day) == self.weekday and (day.day + 6) // 7 == self.which


DayRule = Days | LastDay | NearestWeekday | Weekdays | LastWeekday | NthWeekday


@dataclass(frozen=True)
class Cron:
    """A parsed cron expression: numbers in order, and the rule of the day field that isn't `?`."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    day: DayRule
    months: tuple[int, ...]
    years: tuple[int, ...]

    def times(self, first: date) -> Iterator[datetime]:
        """Every matching local time (naive, whole minutes) from `first` on, in order."""
        for year, month in itertools.product(self.years, self.months):
            if (year, month) < (first.year, first.month):
                continue
            for number in range(1, calendar.monthrange(year, month)[1] + 1):
                day = date(year, month, number)
                if day >= first and self.day.matches(day):
                    for hour, minute in itertools.product(self.hours, self.minutes):
                        yield datetime.combine(day, time(hour, minute))


def parse(body: str) -> Cron:
    """What stands between the brackets of `cron(…)`, read.

    Raises `ScheduleError`, naming the field, what is wrong with it and what it takes.
    """
    fields = body.split()
    if len(fields) not in (5, 6):
        raise ScheduleError(
            f"cron({body}) has {len(fields)} fields; it takes minutes, hours, day-of-month, month, "
            "day-of-week and, if you like, year, such as cron(30 2 * * ? *)"
        )
    minutes, hours, day, month, weekday = fields[:5]
    if (day == "?") == (weekday == "?"):
        which = "neither day-of-month nor" if day != "?" else "both day-of-month and"
        raise ScheduleError(
            f"cron({body}): {which} day-of-week is ?; put ? in exactly one of them, such as "
            "cron(30 2 * * ? *) for every day or cron(30 2 ? * MON *) for Mondays"
        )
    return Cron(
        minutes=_values(_MINUTES, minutes),
        hours=_values(_HOURS, hours),
        day=_month_day(day) if weekday == "?" else _week_day(weekday),
        months=_values(_MONTH, month),
        years=_values(_YEAR, fields[5] if len(fields) == 6 else "*"),
    )


def _month_day(text: str) -> DayRule:
    if text == "L":
        return LastDay()
    if found := re.fullmatch(r"(\d{1,2})W", text):
        return NearestWeekday(_number(_DAY, found[1], text))
    if re.search("[LW]", text):
        raise _wrong(_DAY, text, "L and W stand alone: L, or a day and W such as 15W")
    return Days(frozenset(_values(_DAY, text)))


def _week_day(text: str) -> DayRule:
    if text == "L":
        return Weekdays(frozenset({7}))
    if found := re.fullmatch(r"(\d)L", text):
        return LastWeekday(_number(_WEEKDAY, found[1], text))
    if found := re.fullmatch(r"(\d)#([1-5])", text):
        return NthWeekday(_number(_WEEKDAY, found[1], text), int(found[2]))
    if "#" in text:
        raise _wrong(
            _WEEKDAY, text, "with # it takes one day and one week, in numbers: 3#2, second Tuesday"
        )
    if re.search(r"L($|,)", text):
        raise _wrong(_WEEKDAY, text, "L stands alone or after one number: 6L, the last Friday")
    return Weekdays(frozenset(_values(_WEEKDAY, text)))


def _values(field: _Field, text: str) -> tuple[int, ...]:
    """The numbers that a list of values, ranges and steps stands for, in order."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        low, dash, high = span.partition("-")
        if span == "*":
            first, last = field.low, field.high
        elif dash:
            first, last = _number(field, low, text), _number(field, high, text)
            if first > last:
                raise _wrong(field, text, f"{span} runs backwards; write it as two ranges")
        else:
            first = _number(field, span, text)
            last = field.high if slash else first
        found.update(range(first, last + 1, _step(field, step, text) if slash else 1))
    return tuple(sorted(found))


def _number(field: _Field, word: str, text: str) -> int:
    number = int(word) if re.fullmatch(r"\d{1,4}", word) else field.names.get(word)
    if number is None or not field.low <= number <= field.high:
        raise _wrong(field, text, f"{word!r} is not one of {field.values}")
    return number


def _step(field: _Field, word: str, text: str) -> int:
    most = field.high - field.low
    if not re.fullmatch(r"\d{1,3}", word) or not 1 <= int(word) <= most:
        raise _wrong(field, text, f"after / comes a number from 1 to {most}")
    return int(word)


def _wrong(field: _Field, text: str, why: str) -> ScheduleError:
    return ScheduleError(f"cron: {field.name} is {text!r}: {why}")


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]
