"""The options of `estimate`, and the values that they take."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from sagepipe.cli.frame import add_pipeline
from sagepipe.cli.values import add_parameters, positive
from sagepipe.report.costs import Assumptions
from sagepipe.settings import configuration

# Up to what a job may have: a row beyond that would be no proposal.
COUNTS = (1, 2, 4, 8, 12, 16, 20)
TYPICAL = 60e6  # bytes of an object, where nothing else is known

_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def add(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    add_pipeline(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--bytes", type=size, metavar="SIZE", help="raw input in all, such as 1TB")
    what.add_argument(
        "--input", metavar="S3URI", help="the input itself; the sizes of its objects are listed"
    )
    what.add_argument(
        "--refresh-prices",
        action="store_true",
        help="read the region's prices from AWS's price list into a file of yours, and use it "
        "from then on",
    )
    option = parser.add_argument
    option("--objects", type=positive, metavar="N", help="how many there are (default: 60 MB each)")
    option(
        "--types",
        type=_names,
        default=[],
        metavar="A,B",
        help="instance types for all steps (default: each step's)",
    )
    option(
        "--counts",
        type=_counts,
        default=list(COUNTS),
        metavar="N,M",
        help=f"numbers of instances (default: {','.join(map(str, COUNTS))})",
    )
    option(
        "--throughput",
        type=Path,
        metavar="TOML",
        help="what the steps do in a second (default: the table that the project ships)",
    )
    option(
        "--prices",
        type=Path,
        metavar="TOML",
        help="a price table (default: the region's that --refresh-prices wrote, or the one that "
        "comes along)",
    )
    default = Assumptions()
    option("--startup", type=_seconds, default=default.startup, metavar="S", help="(%(default)s)")
    option("--vcpu", type=_share, default=default.vcpu, metavar="SHARE", help="(%(default)s)")
    option("--network", type=_share, default=default.network, metavar="SHARE", help="(%(default)s)")
    option(
        "--quota",
        type=positive,
        default=default.quota,
        metavar="N",
        help="instances that a job of your account may have (%(default)s)",
    )
    option("--json", action="store_true", help="print the estimate as JSON")
    add_parameters(parser)
    configuration.add_arguments(parser)


def size(text: str) -> float:
    """Bytes from text such as 1TB, 300 GB or 2GiB."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b?\s*", text.lower())
    if not match or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: write a size such as 1TB, 300GB or 2GiB")
    return float(match[1]) * float(1024 if match[3] else 1000) ** _UNITS[match[2]]


def _counts(text: str) -> list[int]:
    try:
        counts = sorted({int(one) for one in text.split(",")})
    except ValueError:
        counts = [0]
    if not 1 <= counts[0] <= counts[-1] <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r}: write numbers of instances such as 2,8,20")
    return counts


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError("must be seconds, from 0")
    return value


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
