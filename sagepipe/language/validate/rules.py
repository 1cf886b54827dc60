"""The registry: a rule is a generator of problems over a `View`, decorated with `rule`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sagepipe.errors import Problem
from sagepipe.language.validate.view import View

Rule = Callable[[View], Iterator[Problem]]

RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Registers `function`; rules run in the order in which they are registered."""
    RULES.append(function)
    return function
