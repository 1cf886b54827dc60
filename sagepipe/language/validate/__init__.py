"""Refuses a pipeline definition that the service would refuse, before it costs anything.

Works on the definition's JSON, so on any definition, made by whatever SDK. Every rule is one
small function, registered in `rules.RULES`; what they look at is prepared once, by `view.View`.

    view.py        the definition as steps, parameters and expressions, however malformed
    model.py       botocore's model of CreateProcessingJob, and an argument's nodes in it
    rules.py       the registry
    pipeline.py    rules about the whole and its parameters
    steps.py       rules about any step: names, dependencies, caching, retries, property files
    branches.py    rules about condition and fail steps
    arguments.py   rules about CreateProcessingJob, from botocore's model
    channels.py    rules about inputs and outputs that no model knows
    references.py  rules about expressions and the order of steps
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagepipe.errors import DefinitionError, Problem
from sagepipe.language.validate import arguments, branches, channels, pipeline, references, steps
from sagepipe.language.validate.rules import RULES
from sagepipe.language.validate.view import View

__all__ = ["check", "validate"]

# Imported for the rules that they register.
_MODULES = (pipeline, steps, branches, arguments, channels, references)


def validate(definition: Mapping[str, Any]) -> list[Problem]:
    """Everything that the service would refuse: the pipeline's problems, then step by step."""
    view = View(definition)
    found = dict.fromkeys(problem for rule in RULES for problem in rule(view))
    place = {name: index for index, name in enumerate(view.by_name)}
    return sorted(found, key=lambda problem: place.get(problem.step, -1))


def check(definition: Mapping[str, Any]) -> None:
    """Raises `DefinitionError` with all problems, if there is one."""
    problems = validate(definition)
    if problems:
        raise DefinitionError(problems)
