"""The options that say which version of the deployed pipeline is meant."""

from __future__ import annotations

import argparse
import re
from typing import Any


def add_arguments(group: Any) -> None:
    """`--version` and `--alias`, of which one may be given."""
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--version", type=_number, metavar="N", help="version N (default: the latest)"
    )
    which.add_argument(
        "--alias", type=_name, metavar="NAME", help="the version that has this alias at the time"
    )


def _number(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no version; versions are 1, 2, 3, …")
    return int(text)


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9._\-]{1,128}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no alias: it has 1 to 128 letters, digits, dots, hyphens, underscores"
        )
    return text
