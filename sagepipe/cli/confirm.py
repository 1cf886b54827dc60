"""Asks before something changes, if a person is there to answer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from sagepipe.cli.frame import Call
from sagepipe.errors import DeploymentError


def add_argument(parser: argparse.ArgumentParser) -> None:
    """`--yes`."""
    parser.add_argument("--yes", action="store_true", help="don't ask")


def show(changes: Iterable[str], arguments: argparse.Namespace, call: Call) -> None:
    """Prints what would change, and asks. With --json only the result is printed."""
    if not arguments.json:
        print(call.words("\n".join(changes)))
        ask(arguments)


def ask(arguments: argparse.Namespace) -> None:
    """Raises `DeploymentError` if a person is there and doesn't want it."""
    sys.stdout.flush()  # what it is about is out before the question
    if not sys.stdin.isatty() or arguments.yes or arguments.json:
        return
    if input("do it? [y/N] ").strip().lower() not in ("y", "yes"):
        raise DeploymentError("not wanted, so nothing was changed (--yes does it without asking)")
