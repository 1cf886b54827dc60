"""The words after `history`, and their options."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta
from pathlib import Path

from sagepipe.cli.frame import add_pipeline
from sagepipe.cli.values import positive
from sagepipe.executions.archive import LATEST
from sagepipe.local.given import DEFAULT_STORE
from sagepipe.settings import configuration

_LIMIT = 20
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_WHICH = "id, ARN or latest"


def add(parser: argparse.ArgumentParser) -> None:
    """Add them. Without a word it is `list`; options may stand before the word or after it."""
    _add_list(parser)
    words = parser.add_subparsers(metavar="list|show|logs|compare|clean")

    def word(name: str, text: str) -> argparse.ArgumentParser:
        # What isn't given after the word keeps the value that was given before it.
        made = words.add_parser(
            name, help=text, description=text, argument_default=argparse.SUPPRESS
        )
        made.set_defaults(word=name)
        return made

    _add_list(word("list", "the latest executions, the newest first"))
    show = word("show", "one execution, whole")
    show.add_argument("execution", nargs="?", default=LATEST, help=f"{_WHICH} (default: latest)")
    _add_place(show)
    _add_logs(word("logs", "what the instances of a step wrote"))
    compare = word("compare", "what differs between two executions")
    compare.add_argument("before", metavar="A", help=_WHICH)
    compare.add_argument("after", metavar="B", help=_WHICH)
    _add_place(compare)
    _add_clean(word("clean", "remove executions of this machine: records, logs, scratch"))
    parser.set_defaults(word="list", store=DEFAULT_STORE, on="local", limit=_LIMIT, json=False)


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit",
        type=_count,
        metavar="N",
        help=f"show the newest N; 0 for all (default: {_LIMIT})",
    )
    _add_place(parser)


def _add_logs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("execution", metavar="EXECUTION", help=_WHICH)
    add("step", metavar="STEP")
    add("--host", default=None, metavar="algo-N", help="of this instance only")
    add("--lines", type=positive, default=None, metavar="N", help="the last N of each instance")
    add("--follow", action="store_true", default=False, help="go on until the step has ended")
    _add_place(parser)


def _add_clean(parser: argparse.ArgumentParser) -> None:
    which = parser.add_argument_group("what goes: what any of these says")
    which.add_argument(
        "--older-than", type=_days, default=None, metavar="DAYS", help="what is older than that"
    )
    which.add_argument(
        "--keep", type=_count, default=None, metavar="N", help="all but the newest N"
    )
    which.add_argument(
        "--max-size",
        type=_size,
        default=None,
        metavar="SIZE",
        help="all but the newest that together have so many bytes, such as 500M or 2GiB",
    )
    add = parser.add_argument
    add(
        "--outputs",
        action="store_true",
        default=False,
        help="with what they wrote below keys of their own, if no other execution refers to it",
    )
    add("--delete", action="store_true", default=False, help="remove it (default: only say what)")
    add("--store", type=Path, metavar="DIR", help=f"the store (default: {DEFAULT_STORE})")
    add("--json", action="store_true", help="print it as JSON")


def _add_place(parser: argparse.ArgumentParser) -> None:
    """Which executions are meant, and how to print them."""
    add = parser.add_argument
    add("--json", action="store_true", help="print it as JSON")
    add(
        "--on",
        choices=("local", "sagemaker"),
        help="executions of this machine, or of the deployed pipeline (default: local)",
    )
    add(
        "--store",
        type=Path,
        metavar="DIR",
        help=f"the local executions' store (default: {DEFAULT_STORE})",
    )
    add_pipeline(parser, positional=False)
    configuration.add_arguments(parser)


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return count


def _days(text: str) -> timedelta:
    days = float(text)
    if not 0 <= days <= 100_000:
        raise argparse.ArgumentTypeError("must be 0 to 100000 days")
    return timedelta(days=days)


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", text, re.IGNORECASE)
    if found is None or (found[3] and not found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 500M, 2GB or 10GiB")
    units = _BINARY if found[3] else _UNITS
    return int(float(found[1]) * units[found[2].upper()])
