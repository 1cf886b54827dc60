"""The words of verbs about what starts executions by itself: set, show, pause, resume, delete."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from sagepipe.cli import confirm
from sagepipe.cli.frame import add_pipeline
from sagepipe.settings import configuration

Word = tuple[str, Callable[..., None], str]


def add(
    parser: argparse.ArgumentParser,
    called: str,
    words: Iterable[Word],
    add_set: Callable[[argparse.ArgumentParser], Any],
) -> None:
    """Add the words, each with what it does and its help; `add_set` adds the options of `set`, and
    `called` is the noun: a schedule, a rule."""
    subparsers = parser.add_subparsers(required=True, metavar="set|show|pause|resume|delete")
    for name, act, text in words:
        word = subparsers.add_parser(name, help=text, description=text)
        word.set_defaults(act=act, word=name)
        if name == "set":
            add_set(word)
            confirm.add_argument(word)
        word.add_argument("--name", help=f"the {called}'s name (default: the pipeline's)")
        if name in ("set", "show"):
            word.add_argument("--json", action="store_true", help="print it as JSON")
        add_pipeline(word, positional=False)
        configuration.add_arguments(word)
