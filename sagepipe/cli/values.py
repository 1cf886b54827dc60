"""Values of options that several verbs take."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from sagepipe.errors import ParameterError


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


def add_selection(group: Any) -> Any:
    """`--only`, `--from-step` and `--source`; gives the group of what excludes each other."""
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="STEP",
        help="run these steps only; what they need comes from an earlier execution",
    )
    which.add_argument(
        "--from-step", metavar="STEP", help="run this step and all that come after it"
    )
    group.add_argument(
        "--source",
        metavar="EXECUTION",
        help="with --only and --from-step: where the other results come from (default: the latest "
        "that succeeded or failed)",
    )
    return which


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
