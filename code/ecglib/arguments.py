"""Command-line values that both scripts understand, read from the strings a pipeline passes."""

import argparse
import math

from .errors import StepError

PARAMETERS = frozenset(
    {"--input-mode", "--sampling-rate", "--max-gap", "--rows-per-part", "--n-components"}
)
"""The options of several words that a pipeline passes from parameters: --max-gap from MaxGap."""


_RATES = 1e-9, 1e15
"""Hz: then the time of any sample is a number, and not that of the next one."""


def named(option: str) -> str:
    """Return how messages call an option: with its parameter, where that isn't the same word."""
    if option not in PARAMETERS:
        return option
    return f"{option} (parameter {option.title().replace('-', '')})"


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the two paths that every step has in its container."""
    parser.add_argument(
        "--resource-config",
        default="/opt/ml/config/resourceconfig.json",
        metavar="FILE",
        help="names this instance and all the instances of the job; absent: one instance",
    )
    parser.add_argument(
        "--message-file",
        default="/opt/ml/output/message",
        metavar="FILE",
        help="where an expected error's text goes, as the job's ExitMessage",
    )


def add_cleaning(parser: argparse._ActionsContainer) -> None:
    """Add the options that say how a raw recording is read."""
    parser.add_argument(
        "--leads",
        default="all",
        help="'all' (all numeric columns but the first), or a comma-separated list of column "
        "names or 0-based positions, e.g. 'i,ii,v1' or '1,2,3,4' (default: all)",
    )
    parser.add_argument(
        "--header",
        default="auto",
        metavar="auto|first|none",
        help="first: the first line has the names of the columns, whatever it looks like; none: it "
        "is a row, and the columns are called column0, column1, …; auto: it has the names, and a "
        "line that looks like a row is refused (default: auto)",
    )
    parser.add_argument(
        "--sampling-rate",
        default="none",
        metavar="HZ|none",
        help="samples per second, where the first column is an index; none: it is the time in "
        "seconds (default: none)",
    )
    parser.add_argument(
        "--fill",
        default="zero",
        metavar="zero|interpolate|drop",
        help="missing values become 0, are interpolated in time, or reject their row "
        "(default: zero)",
    )
    parser.add_argument(
        "--max-gap",
        default="0.1",
        metavar="SECONDS",
        help="interpolate: only across gaps shorter than this (default: 0.1)",
    )


def boolean(text: str, option: str) -> bool:
    """Read true or false, as a pipeline's string parameter gives it."""
    known = {"true": True, "false": False}
    if text.lower() not in known:
        raise StepError(f"{named(option)} must be true or false, not {text!r}")
    return known[text.lower()]


def choice(text: str, option: str, choices: tuple[str, ...]) -> str:
    """Read one of a few words."""
    if text not in choices:
        raise StepError(f"{named(option)} must be one of {', '.join(choices)}, not {text!r}")
    return text


def whole(text: str, option: str, *, minimum: int | None = None) -> int:
    """Read an integer, at least `minimum`."""
    try:
        value = int(text)
    except ValueError:
        raise StepError(f"{named(option)} must be a whole number, not {text!r}") from None
    if minimum is not None and value < minimum:
        raise StepError(f"{named(option)} must be at least {minimum}, not {text}")
    return value


def sampling_rate(text: str) -> float | None:
    """Read samples per second; None where the recording's own time column is used."""
    if text == "none":
        return None
    rate = positive(text, "--sampling-rate")
    slowest, fastest = _RATES
    if not slowest <= rate <= fastest:
        raise StepError(
            f"{named('--sampling-rate')} must be from {slowest:g} to {fastest:g} Hz, not {text!r}"
        )
    return rate


def positive(text: str, option: str) -> float:
    """Read a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise StepError(f"{named(option)} must be a number above 0, not {text!r}")
    return value
