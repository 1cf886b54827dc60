"""Command-line values that both scripts understand, read from the strings a pipeline passes."""

import argparse
import math

from .errors import StepError


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
        raise StepError(f"{option} must be true or false, not {text!r}")
    return known[text.lower()]


def choice(text: str, option: str, choices: tuple[str, ...]) -> str:
    """Read one of a few words."""
    if text not in choices:
        raise StepError(f"{option} must be one of {', '.join(choices)}, not {text!r}")
    return text


def whole(text: str, option: str, *, minimum: int | None = None) -> int:
    """Read an integer, at least `minimum`."""
    try:
        value = int(text)
    except ValueError:
        raise StepError(f"{option} must be a whole number, not {text!r}") from None
    if minimum is not None and value < minimum:
        raise StepError(f"{option} must be at least {minimum}, not {text}")
    return value


def sampling_rate(text: str) -> float | None:
    """Read samples per second; None where the recording's own time column is used."""
    return None if text == "none" else positive(text, "--sampling-rate")


def positive(text: str, option: str) -> float:
    """Read a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise StepError(f"{option} must be a number above 0, not {text!r}")
    return value
