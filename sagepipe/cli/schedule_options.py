"""The options of `schedule set`."""

from __future__ import annotations

import argparse

from sagepipe.cli import pinning
from sagepipe.cli.values import add_parameters
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
