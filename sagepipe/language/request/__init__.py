"""CreateProcessingJob's request: what the service refuses in it.

One set of rules for both moments at which a request is looked at: as a definition has it, with its
parameters at their defaults and what only an execution knows left open (`validate`), and when its
expressions have been evaluated, as the job is made (`check`).

    model.py       a request, and botocore's model of it laid over its values
    rules.py       the registry
    arguments.py   rules read from botocore's model: enums, patterns, lengths, ranges
    channels.py    rules about inputs and outputs that no model states
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagepipe.errors import LocalError, Problem
from sagepipe.language.request import arguments, channels
from sagepipe.language.request.model import Request
from sagepipe.language.request.rules import RULES

__all__ = ["RULES", "Request", "check", "problems"]

# Imported for the rules that they register.
_MODULES = (arguments, channels)


def problems(request: Request) -> Iterator[Problem]:
    """Everything that the service would refuse in a request, rule by rule."""
    for rule in RULES:
        yield from rule(request)


def check(evaluated: Mapping[str, Any]) -> None:
    """Raises LocalError with all that the service refuses in an evaluated request."""
    found = dict.fromkeys(problems(Request("", evaluated)))
    if found:
        listed = "; ".join(f"{problem.field}: {problem.message}" for problem in found)
        raise LocalError(f"ClientError: the service refuses this job: {listed}")
