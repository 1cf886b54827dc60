"""Texts for people, made of names and bytes that may hold anything. Standard library only."""

import sys
from collections.abc import Sequence

_MOST_NAMES, _LONGEST_NAME = 100, 80


def printable(text: str) -> str:
    """Return a text of one line, without what would steer a terminal or is no character at all."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def listed(names: Sequence[str]) -> str:
    """Return names separated by commas: of very many the first, and of long ones the beginning."""
    shown = [
        name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
        for name in names[:_MOST_NAMES]
    ]
    more = f", … ({len(names)} in all)" if len(names) > _MOST_NAMES else ""
    return ", ".join(shown) + more


def say(text: str) -> None:
    """Print a line, with escapes for what the terminal's encoding does not have."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(printable(text).encode(encoding, "backslashreplace").decode(encoding), flush=True)
