"""The registries: a rule is a generator of problems over a `Definition`.

form      without it, what is written can't be read; the engine refuses it, too
rule      the service would refuse it
warning   the service's documents refuse it, and the service has been seen to take it
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sagepipe.errors import Problem
from sagepipe.language.definition import Definition

Rule = Callable[[Definition], Iterator[Problem]]

RULES: list[Rule] = []  # forms among them
FORMS: list[Rule] = []
WARNINGS: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Registers `function`; rules run in the order in which they are registered."""
    RULES.append(function)
    return function


def form(function: Rule) -> Rule:
    """Registers a rule about what must be so for a definition to be read at all."""
    FORMS.append(function)
    return rule(function)


def warning(function: Rule) -> Rule:
    """Registers a rule whose problems are told and refuse nothing."""
    WARNINGS.append(function)
    return function
