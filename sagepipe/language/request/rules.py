"""The registry: a rule is a generator of problems over a `Request`, decorated with `rule`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sagepipe.errors import Problem
from sagepipe.language.request.model import Request

Rule = Callable[[Request], Iterator[Problem]]

RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Registers `function`; rules run in the order in which they are registered."""
    RULES.append(function)
    return function
