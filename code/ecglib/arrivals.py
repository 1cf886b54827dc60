"""Which recordings are new: those whose keys have a late enough date, or those that came with a
marker.

A schedule's parameters are constants, and an event brings a key and nothing else, so what a run
has to read is worked out here: from the date that is now, and from where the marker lies.
"""

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .errors import StepError
from .messages import say
from .recordings import Recording

ALL, NONE = "all", "none"

# 2026-11-20, 2026/11/20 or 20261120, and a time after a T; the last in a key counts.
_DATE = re.compile(
    r"(?<!\d)(\d{4})([-/_]?)(\d{2})\2(\d{2})(?!\d)(?:T(\d{2})[:-]?(\d{2})(?:[:-]?(\d{2}))?(?!\d))?"
)
_AGO = re.compile(r"(\d{1,5})([hd])")


@dataclass(frozen=True)
class Wanted:
    """Which recordings are read: those from after `since`, and those in `folder` and below.

    None is no condition. A folder is given as sources begin, "" or with a slash at its end.
    """

    since: datetime | None = None
    folder: str | None = None

    def has(self, recording: Recording) -> bool:
        """Whether the recording is one of them.

        Raises:
            StepError: it has no date, where dates decide.
        """
        if self.folder is not None and not recording.source.startswith(self.folder):
            return False
        return self.since is None or _end(recording.source) > self.since

    def of(self, found: Iterable[Recording]) -> Iterator[Recording]:
        """Yield those of the recordings that are wanted, and print how many were not."""
        skipped = 0
        for recording in found:
            if self.has(recording):
                yield recording
            else:
                skipped += 1
        if skipped:
            say(f"{skipped} recordings are not {self}: left out")

    def __str__(self) -> str:
        since = f"from after {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        folder = f"below {self.folder or '.'}" if self.folder is not None else ""
        return " and ".join(filter(None, (since, folder)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two options."""
    parser.add_argument(
        "--since",
        default=ALL,
        metavar="all|24h|7d|DATE",
        help="only recordings whose key has a later date: 2026-11-20, 2026/11/20 or 20261120, with "
        "a time or without, in UTC; one that is as long as a day counts until its end (default: "
        "all)",
    )
    parser.add_argument(
        "--marker",
        default=NONE,
        metavar="KEY|none",
        help="key of an object below --input-uri: only recordings beside it and below are read "
        "(default: none)",
    )


def parse(since: str, marker: str, input_uri: str, now: datetime) -> Wanted:
    """Read the options; `now` is aware.

    Raises:
        StepError: they can't be read, or the marker isn't below the input.
    """
    return Wanted(_since(since, now), _folder(marker, input_uri))


def _since(text: str, now: datetime) -> datetime | None:
    if text == ALL:
        return None
    try:
        if match := _AGO.fullmatch(text):
            return now - timedelta(**{{"h": "hours", "d": "days"}[match[2]]: int(match[1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise StepError(
            "--since must be all, 24h, 7d, or a date or time such as 2026-11-20 or "
            f"2026-11-20T02:30, not {text!r}"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _folder(marker: str, input_uri: str) -> str | None:
    if marker == NONE:
        return None
    prefix = input_uri.removeprefix("s3://").partition("/")[2]
    if not input_uri or not marker.startswith(prefix):
        raise StepError(
            f"--marker {marker} is not below the input, {input_uri or 'which has no --input-uri'}: "
            "let the trigger look at the folder that is read"
        )
    folder, slash, _ = marker.removeprefix(prefix).rpartition("/")
    return folder + slash


def _end(source: str) -> datetime:
    """When what the key's date names is over: a day, a minute or a second."""
    for match in reversed(list(_DATE.finditer(source))):
        year, _, month, day, hour, minute, second = match.groups()
        lasts = timedelta(days=1)
        if hour is not None:
            lasts = timedelta(minutes=1) if second is None else timedelta(seconds=1)
        clock = (int(hour or 0), int(minute or 0), int(second or 0))
        try:
            return datetime(int(year), int(month), int(day), *clock, tzinfo=UTC) + lasts
        except (ValueError, OverflowError):
            continue  # 2026-13-45 is no date
    raise StepError(
        f"{source}: has no date such as 2026-11-20 in its key, which --since needs: give --since "
        "all, or put it into a folder with its date"
    )
