"""The options of `schedule set`, and the schedule that they make."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from sagepipe.cli import pinning
from sagepipe.cli.values import add_parameters, pairs
from sagepipe.settings import configuration


def add(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    option = parser.add_argument
    option(
        "expression",
        nargs="?",
        help="cron(…), rate(…) or at(…); without it, what pipeline.toml has under [schedule]",
    )
    option("--timezone", metavar="ZONE", help="an IANA zone such as Europe/Berlin (default: UTC)")
    option(
        "--flex",
        type=int,
        metavar="MINUTES",
        help="start at some moment in so many minutes, 1 to 1440",
    )
    option(
        "--start", metavar="TIME", help="not before, in the schedule's zone; a rate counts from it"
    )
    option("--end", metavar="TIME", help="not after, in its zone")
    add_parameters(parser, "a pipeline parameter of each run")
    pinning.add_arguments(parser)
    option("--max-retries", type=int, metavar="N", help="attempts to start a run, 0 to 185")
    option("--max-age", type=int, metavar="SECONDS", help="give up starting after, 60 to 86400")
    option("--delete-when-done", action="store_true", help="delete the schedule after its last run")
    option("--description", metavar="TEXT", help="what it is for")
    option("--paused", action="store_true", help="make it, or leave it, paused")
    configuration.add_scheduling_arguments(parser)


def table(arguments: argparse.Namespace, declared: Mapping[str, Any]) -> dict[str, Any]:
    """The schedule's keys as the command line gives them, over those that pipeline.toml declares
    if the expression comes from there."""
    base = dict(declared) if arguments.expression is None else {}
    names = ("expression", "name", "timezone", "start", "end", "version", "alias", "description")
    given = {key: getattr(arguments, key) for key in names}
    given |= {
        "flex_minutes": arguments.flex,
        "max_age_seconds": arguments.max_age,
        "max_retries": arguments.max_retries,
        "delete_when_done": arguments.delete_when_done or None,
        "parameters": pairs(arguments.parameter) or None,
    }
    return base | {key: value for key, value in given.items() if value is not None}
