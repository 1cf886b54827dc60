"""Values of options that several verbs take."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sagepipe.errors import ParameterError

# The folder that stands in for S3 where nobody names one.
STORE = Path("local-store")


def add_parameters(parser: Any, what: str = "a pipeline parameter") -> None:
    """`-p NAME=VALUE`, which may be repeated; `pairs` reads it."""
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"{what}; may be repeated",
    )


def pairs(texts: Sequence[str], option: str = "-p") -> dict[str, str]:
    """NAME=VALUE texts as a dictionary. Raises `ParameterError`."""
    given: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise ParameterError(f"{option} {text}: write {option} NAME=VALUE")
        given[name] = value
    return given


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def version(text: str) -> int | str:
    """A version's number, or an alias."""
    return int(text) if text.isdigit() else text


def days(text: str) -> float:
    """A number of days, from 0."""
    value = float(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value
