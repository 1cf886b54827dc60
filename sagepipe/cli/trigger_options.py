"""The options of `trigger set`, and the trigger that they make."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from sagepipe.cli.values import add_parameters, pairs
from sagepipe.schedule.rules import MARKER
from sagepipe.settings import configuration


def add(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    option = parser.add_argument
    option(
        "uri",
        nargs="?",
        metavar="s3://BUCKET/PREFIX",
        help="where data arrive; without it, what pipeline.toml has under [trigger]",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--marker", metavar="NAME", help=f"the object (default: {MARKER})")
    which.add_argument("--suffix", metavar="TEXT", help="in its place, each object that ends so")
    add_parameters(parser, "a pipeline parameter; $.… is a path into the event")
    option("--max-retries", type=int, metavar="N", help="attempts to start, 0 to 185")
    option("--max-age", type=int, metavar="SECONDS", help="give up starting after, 60 to 86400")
    option("--description", metavar="TEXT", help="what it is for")
    option("--paused", action="store_true", help="make it, or leave it, paused")
    configuration.add_scheduling_arguments(parser)


def table(arguments: argparse.Namespace, declared: Mapping[str, Any]) -> dict[str, Any]:
    """The trigger's keys as the command line gives them, over those that pipeline.toml declares
    if the URI comes from there."""
    base = dict(declared) if arguments.uri is None else {}
    names = ("uri", "name", "marker", "suffix", "max_retries", "description")
    given = {key: getattr(arguments, key) for key in names}
    given |= {
        "max_age_seconds": arguments.max_age,
        "parameters": pairs(arguments.parameter) or None,
    }
    if arguments.marker is not None or arguments.suffix is not None:
        base = {key: value for key, value in base.items() if key not in ("marker", "suffix")}
    return base | {key: value for key, value in given.items() if value is not None}
