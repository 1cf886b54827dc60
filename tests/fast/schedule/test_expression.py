"""The grammar of schedule expressions, and their next times against a scan of every minute."""

from __future__ import annotations

import calendar
import re
import time
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagepipe.errors import ScheduleError
from sagepipe.schedule import expression
from sagepipe.schedule.expression import next_times, parse, zone

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def times(
    text: str, after: str, timezone: str = "UTC", count: int = 5, **given: datetime
) -> list[str]:
    """The next times as local text."""
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = next_times(parse(text), zone(timezone), moment, count, **given)  # type: ignore[arg-type]
    return [f"{one:%a %Y-%m-%d %H:%M}" for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the user guide's own
        ("cron(15 10 ? * 6L 2026-2027)", ["Fri 2026-01-30 10:15", "Fri 2026-02-27 10:15"]),
        ("cron(0 8 ? * 2#1 *)", ["Mon 2026-01-05 08:00", "Mon 2026-02-02 08:00"]),
        ("cron(1/10 0 1 1 ? *)", ["Thu 2026-01-01 00:01", "Thu 2026-01-01 00:11"]),
        ("cron(0 0 1-15 JAN,FEB ? *)", ["Fri 2026-01-02 00:00", "Sat 2026-01-03 00:00"]),
        ("cron(0 12 3W * ? *)", ["Fri 2026-01-02 12:00", "Tue 2026-02-03 12:00"]),
        ("cron(0 12 L * ?)", ["Sat 2026-01-31 12:00", "Sat 2026-02-28 12:00"]),
        ("cron(0 12 ? * L *)", ["Sat 2026-01-03 12:00", "Sat 2026-01-10 12:00"]),
        ("cron(0 12 ? * SUN *)", ["Sun 2026-01-04 12:00", "Sun 2026-01-11 12:00"]),
        ("cron(0 12 ? * 1 *)", ["Sun 2026-01-04 12:00", "Sun 2026-01-11 12:00"]),
        ("cron(0 12 ? * MON-FRI *)", ["Thu 2026-01-01 12:00", "Fri 2026-01-02 12:00"]),
        ("cron(0/30 8-9/1 * * ? *)", ["Thu 2026-01-01 08:00", "Thu 2026-01-01 08:30"]),
        ("cron(0 12 29 2 ? *)", ["Tue 2028-02-29 12:00", "Sun 2032-02-29 12:00"]),
        ("cron(0 12 1W 8 ? 2026)", ["Mon 2026-08-03 12:00"]),  # the 1st is a Saturday
        ("cron(0 12 31W 5 ? 2026)", ["Fri 2026-05-29 12:00"]),  # the 31st is a Sunday
        ("cron(0 12 31W 4 ? *)", []),  # April has no 31st
        ("cron(0 12 ? 2 3#5 2026-2040)", ["Tue 2028-02-29 12:00"]),
        ("cron(0 0 1 1 ? 2199)", ["Tue 2199-01-01 00:00"]),
        ("cron(0 0 30 2 ? *)", []),
        ("cron(0 0 1 1 ? 1970-2025)", []),
        ("rate(1 minute)", ["Thu 2026-01-01 00:01", "Thu 2026-01-01 00:02"]),
        ("rate(1 minutes)", ["Thu 2026-01-01 00:01", "Thu 2026-01-01 00:02"]),
        ("rate(2 hour)", ["Thu 2026-01-01 02:00", "Thu 2026-01-01 04:00"]),
        ("rate(36 hours)", ["Fri 2026-01-02 12:00", "Sun 2026-01-04 00:00"]),
        ("rate(1 days)", ["Fri 2026-01-02 00:00", "Sat 2026-01-03 00:00"]),
        ("at(2026-11-20T13:00:00)", ["Fri 2026-11-20 13:00"]),
        ("at(2025-12-31T23:59:59)", []),
    ],
)
def test_when_it_runs(text: str, expected: list[str]) -> None:
    assert times(text, "2026-01-01T00:00", count=2) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 2 * * *", "no schedule expression; write cron("),
        ("cron()", "no schedule expression"),
        ("cron( 0 2 * * ? *)", "no schedule expression"),
        ("CRON(0 2 * * ? *)", "no schedule expression"),
        ("cron(0 2 * *)", "has 4 fields"),
        ("cron(0 2 * * ? * *)", "has 7 fields"),
        ("cron(0 2 * * * *)", "neither day-of-month nor day-of-week is ?"),
        ("cron(0 2 1 * MON *)", "neither day-of-month nor day-of-week is ?"),
        ("cron(0 2 ? * ? *)", "both day-of-month and day-of-week is ?"),
        ("cron(60 2 * * ? *)", "minutes is '60': '60' is not one of 0-59"),
        ("cron(-1 2 * * ? *)", "minutes is '-1'"),
        ("cron(0 24 * * ? *)", "hours is '24': '24' is not one of 0-23"),
        ("cron(? 2 * * ? *)", "minutes is '?'"),
        ("cron(0 2 0 * ? *)", "day-of-month is '0': '0' is not one of 1-31"),
        ("cron(0 2 32 * ? *)", "day-of-month is '32'"),
        ("cron(0 2 32W * ? *)", "day-of-month is '32W': '32' is not one of 1-31"),
        ("cron(0 2 LW * ? *)", "L and W stand alone"),
        ("cron(0 2 L-3 * ? *)", "L and W stand alone"),
        ("cron(0 2 1,L * ? *)", "L and W stand alone"),
        ("cron(0 2 1,15W * ? *)", "L and W stand alone"),
        ("cron(0 2 * 13 ? *)", "month is '13': '13' is not one of 1-12 or JAN-DEC"),
        ("cron(0 2 * Jan ? *)", "'Jan' is not one of 1-12 or JAN-DEC"),
        ("cron(0 2 ? * 0 *)", "day-of-week is '0': '0' is not one of 1-7 or SUN-SAT"),
        ("cron(0 2 ? * 8 *)", "day-of-week is '8'"),
        ("cron(0 2 ? * 3#6 *)", "with # it takes one day and one week"),
        ("cron(0 2 ? * 3#0 *)", "with # it takes one day and one week"),
        ("cron(0 2 ? * 8#1 *)", "'8' is not one of 1-7"),
        ("cron(0 2 ? * 3#1,6#3 *)", "with # it takes one day and one week"),
        ("cron(0 2 ? * TUE#2 *)", "with # it takes one day and one week"),
        ("cron(0 2 ? * FRIL *)", "L stands alone or after one number"),
        ("cron(0 2 ? * 6L,2L *)", "L stands alone or after one number"),
        ("cron(0 2 ? * 9L *)", "'9' is not one of 1-7"),
        ("cron(0 2 ? * FRI-MON *)", "FRI-MON runs backwards"),
        ("cron(0 22-4 * * ? *)", "22-4 runs backwards"),
        ("cron(*/0 2 * * ? *)", "after / comes a number from 1 to 59"),
        ("cron(*/60 2 * * ? *)", "after / comes a number from 1 to 59"),
        ("cron(/5 2 * * ? *)", "minutes is '/5'"),
        ("cron(*/ 2 * * ? *)", "after / comes a number"),
        ("cron(1, 2 * * ? *)", "minutes is '1,'"),
        ("cron(1-2-3 2 * * ? *)", "minutes is '1-2-3'"),
        ("cron(1/2/3 2 * * ? *)", "minutes is '1/2/3'"),
        ("cron(0 2 * * ? 1969)", "year is '1969': '1969' is not one of 1970-2199"),
        ("cron(0 2 * * ? 2200)", "year is '2200'"),
        ("cron(0 2 * * ? 26)", "year is '26'"),
        ("rate(0 minutes)", "whole number of at least 1"),
        ("rate(-1 days)", "whole number of at least 1"),
        ("rate(1.5 hours)", "whole number of at least 1"),
        ("rate(5)", "minutes, hours or days"),
        ("rate(5 weeks)", "minutes, hours or days"),
        ("rate(5 Minutes)", "minutes, hours or days"),
        ("rate(5minutes)", "minutes, hours or days"),
        ("at(2026-02-30T00:00:00)", "is no time: day is out of range"),
        ("at(2026-12-24)", "its form is yyyy-mm-ddThh:mm:ss"),
        ("at(2026-12-24T06:00:00Z)", "without a zone"),
        ("at(2026-12-24T25:00:00)", "is no time"),
        ("at(0001-01-01T00:00:00)", "its year is not one of 1970-2199"),
        (f"cron({'0,' * 130}0 2 * * ? *)", "at most 256"),
    ],
)
def test_what_the_service_would_refuse(text: str, words: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Berlin", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("new_york", "America/New_York"),
        ("???", "write one like Europe/Berlin"),
        ("", "write one like Europe/Berlin"),
        ("../etc/passwd", "there is no time zone"),
    ],
)
def test_an_unknown_time_zone_gets_the_nearest_names(name: str, hint: str) -> None:
    with pytest.raises(ScheduleError, match="there is no time zone") as caught:
        zone(name)
    assert hint in str(caught.value)


def test_daylight_saving_as_the_user_guide_tells_it() -> None:
    """Its example: 2:30 in Los Angeles is skipped in spring and runs once, before the shift, in
    autumn; a rate in days is 24 hours."""
    nightly = "cron(30 2 * * ? *)"
    spring = times(nightly, "2026-03-07T20:00", "America/Los_Angeles", 2)
    assert spring == ["Mon 2026-03-09 02:30", "Tue 2026-03-10 02:30"]
    # Los Angeles sets its clocks back at 2:00, so it is 1:30 that comes twice
    found = next_times(
        parse("cron(30 1 * * ? *)"),
        zone("America/Los_Angeles"),
        datetime(2026, 11, 1, 0, 0, tzinfo=UTC),
        2,
    )
    assert [one.astimezone(UTC).isoformat() for one in found] == [
        "2026-11-01T08:30:00+00:00",  # in summer time, the first time round
        "2026-11-02T09:30:00+00:00",
    ]
    found = next_times(
        parse("rate(1 days)"),
        zone("America/Los_Angeles"),
        datetime(2026, 3, 7, 18, 0, tzinfo=UTC),
        2,
    )
    assert [f"{one:%m-%d %H:%M}" for one in found] == ["03-08 11:00", "03-09 11:00"]


def test_a_one_time_schedule_at_a_time_that_does_not_exist_never_runs() -> None:
    text = "at(2026-03-29T02:30:00)"
    assert times(text, "2026-01-01T00:00", "Europe/Berlin") == []
    assert times(text, "2026-01-01T00:00", "UTC") == ["Sun 2026-03-29 02:30"]


def test_start_and_end_bound_cron_and_rate_but_not_at() -> None:
    start, end = datetime(2026, 5, 3, 2, 0, tzinfo=UTC), datetime(2026, 5, 5, 2, 0, tzinfo=UTC)
    bounds = {"start": start, "end": end}
    daily = times("cron(0 2 * * ? *)", "2026-05-01T00:00", **bounds)
    assert daily == ["Sun 2026-05-03 02:00", "Mon 2026-05-04 02:00", "Tue 2026-05-05 02:00"]
    assert times("rate(1 day)", "2026-05-01T00:00", **bounds) == daily
    assert times("rate(1 day)", "2026-05-04T01:00", **bounds) == daily[1:]
    once = times("at(2026-06-01T00:00:00)", "2026-05-01T00:00", **bounds)
    assert once == ["Mon 2026-06-01 00:00"]


def test_a_rate_counts_from_when_the_service_took_it() -> None:
    anchor = datetime(2026, 5, 1, 9, 7, tzinfo=UTC)
    assert times("rate(6 hours)", "2026-05-03T00:00", count=2, anchor=anchor) == [
        "Sun 2026-05-03 03:07",
        "Sun 2026-05-03 09:07",
    ]


def test_an_endless_rate_ends_with_the_calendar() -> None:
    assert times("rate(999999999 days)", "2026-05-03T00:00") == []
    assert times("rate(99999 days)", "2026-05-03T00:00") == []
    assert len(times("rate(9999 days)", "2026-05-03T00:00", count=100)) == 6


# --- against a scan ----------------------------------------------------------------------------


def scan_field(text: str, value: int, low: int, names: list[str]) -> bool:
    """Whether a value is in a field, decided by counting up to it."""
    for part in text.split(","):
        span, _, step = part.partition("/")
        for number, name in enumerate(names):
            span = re.sub(rf"\b{name}\b", str(number + 1), span)
        first, _, last = span.partition("-")
        if span == "*":
            begin, end = low, 10**4
        else:
            begin = int(first)
            end = int(last) if last else (10**4 if step else begin)
        if begin <= value <= end and (value - begin) % int(step or 1) == 0:
            return True
    return False


def scan_day(day_text: str, weekday_text: str, day: date) -> bool:
    """Whether a day is meant by the two day fields."""
    length = calendar.monthrange(day.year, day.month)[1]
    weekday = (day.weekday() + 1) % 7 + 1
    if weekday_text == "?":
        if day_text == "L":
            return day.day == length
        if day_text.endswith("W"):
            if int(day_text[:-1]) > length:
                return False
            wanted = day.replace(day=int(day_text[:-1]))
            near = [
                one
                for distance in (0, -1, 1, -2, 2)
                if (one := wanted + timedelta(days=distance)).month == wanted.month
                and one.weekday() < 5
            ]
            return day == near[0]
        return scan_field(day_text, day.day, 1, [])
    if weekday_text == "L":
        return weekday == 7
    if weekday_text.endswith("L"):
        return weekday == int(weekday_text[0]) and (day + timedelta(days=7)).month != day.month
    if "#" in weekday_text:
        wanted_day, which = map(int, weekday_text.split("#"))
        same = [one for one in range(1, day.day + 1) if (day.day - one) % 7 == 0]
        return weekday == wanted_day and len(same) == which
    return scan_field(weekday_text, weekday, 1, DAYS)


def scan(text: str, timezone: ZoneInfo, after: datetime, minutes: int) -> list[datetime]:
    """Every minute looked at in turn; the second pass of a repeated hour doesn't count."""
    minute, hour, day, month, weekday, year = text[5:-1].split()
    on_minute = [scan_field(minute, value, 0, []) for value in range(60)]
    on_hour = [scan_field(hour, value, 0, []) for value in range(24)]
    on_day: dict[date, bool] = {}
    found = []
    moment = after.replace(second=0)
    for _ in range(minutes):
        moment += timedelta(minutes=1)
        local = moment.astimezone(timezone)
        today = local.date()
        if today not in on_day:
            on_day[today] = (
                scan_day(day, weekday, today)
                and scan_field(month, today.month, 1, MONTHS)
                and scan_field(year, today.year, 1970, [])
            )
        if local.fold == 0 and on_minute[local.minute] and on_hour[local.hour] and on_day[today]:
            found.append(moment)
    return found


def spans(low: int, high: int, names: list[str] | None = None) -> st.SearchStrategy[str]:
    """Fields of numbers: lists of values, ranges and steps."""
    number = st.integers(low, high)

    def word(value: int) -> st.SearchStrategy[str]:
        words = [str(value)] + ([names[value - 1]] if names else [])
        return st.sampled_from(words)

    one = number.flatmap(word)
    pair = st.tuples(number, number).map(sorted)
    span = pair.flatmap(lambda ends: st.tuples(word(ends[0]), word(ends[1])).map("-".join))
    step = st.integers(1, high - low)
    part = st.one_of(
        st.just("*"),
        one,
        span,
        st.builds("{}/{}".format, st.one_of(st.just("*"), number.map(str), span), step),
    )
    return st.lists(part, min_size=1, max_size=3).map(",".join)


DAY_FIELDS = st.one_of(
    st.tuples(
        st.one_of(spans(1, 31), st.just("L"), st.integers(1, 31).map("{}W".format)), st.just("?")
    ),
    st.tuples(
        st.just("?"),
        st.one_of(
            spans(1, 7, DAYS),
            st.just("L"),
            st.integers(1, 7).map("{}L".format),
            st.builds("{}#{}".format, st.integers(1, 7), st.integers(1, 5)),
        ),
    ),
)
# around the days on which these zones change their clocks, at odd hours and by odd steps
MOMENTS = st.sampled_from(
    [
        ("Europe/Berlin", datetime(2026, 3, 28, 20, 0, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 24, 20, 0, tzinfo=UTC)),
        ("America/Los_Angeles", datetime(2026, 3, 8, 2, 0, tzinfo=UTC)),
        ("America/Los_Angeles", datetime(2026, 11, 1, 2, 0, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 8, 0, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 10, 3, 8, 0, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 3, 7, 20, 0, tzinfo=UTC)),  # midnight doesn't exist
        ("Africa/Casablanca", datetime(2026, 3, 21, 20, 0, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 12, 31, 10, 0, tzinfo=UTC)),
        ("UTC", datetime(2028, 2, 28, 12, 0, tzinfo=UTC)),
    ]
)


@settings(max_examples=100, deadline=None)
@given(spans(0, 59), spans(0, 23), DAY_FIELDS, MOMENTS, st.integers(0, 59))
def test_next_times_are_those_of_a_scan_across_clock_changes(
    minute: str, hour: str, days: tuple[str, str], moment: tuple[str, datetime], second: int
) -> None:
    text = f"cron({minute} {hour} {days[0]} * {days[1]} *)"
    name, after = moment
    after = after.replace(second=second)
    timezone = zone(name)
    found = next_times(parse(text), timezone, after, 2000, end=after + timedelta(hours=12))
    # in UTC: Python holds a time of a repeated hour equal to none of another zone
    assert [one.astimezone(UTC) for one in found] == scan(text, timezone, after, 12 * 60)
    assert all(one < two for one, two in pairwise(found))
    assert all(one.tzinfo is timezone for one in found)


@settings(max_examples=80, deadline=None)
@given(
    DAY_FIELDS,
    spans(1, 12, MONTHS),
    spans(2024, 2030),
    st.dates(date(2024, 1, 1), date(2029, 1, 1)),
)
def test_days_are_those_of_a_scan_over_two_years(
    days: tuple[str, str], month: str, year: str, first: date
) -> None:
    text = f"cron(0 12 {days[0]} {month} {days[1]} {year})"
    after = datetime(first.year, first.month, first.day, tzinfo=UTC)
    last = after + timedelta(days=730)
    found = next_times(parse(text), zone("UTC"), after, 1000, end=last)
    expected = [
        day
        for distance in range(730)
        if scan_day(days[0], days[1], day := first + timedelta(days=distance))
        and scan_field(month, day.month, 1, MONTHS)
        and scan_field(year, day.year, 1970, [])
    ]
    assert [one.date() for one in found] == expected


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789*?,-/LW# JANMOFRI()", max_size=40))
def test_nonsense_is_refused_in_words(body: str) -> None:
    for kind in ("cron", "rate", "at"):
        try:
            expression = parse(f"{kind}({body})")
        except ScheduleError:
            continue
        # what is taken can be asked for its times
        next_times(expression, zone("UTC"), datetime(2026, 1, 1, tzinfo=UTC), 1)


def test_a_schedule_that_never_runs_is_found_out_quickly() -> None:
    began = time.process_time()
    assert times("cron(* * 31 2,4,6,9,11 ? *)", "2026-01-01T00:00") == []
    assert time.process_time() - began < 1.0


def test_the_tables_are_complete() -> None:
    assert expression.MAX_LENGTH == 256
    for number, name in enumerate(MONTHS, 1):
        by_name, by_number = (parse(f"cron(0 0 1 {one} ? *)") for one in (name, number))
        assert by_name == by_number
    for number, name in enumerate(DAYS, 1):
        by_name, by_number = (parse(f"cron(0 0 ? * {one} *)") for one in (name, number))
        assert by_name == by_number
