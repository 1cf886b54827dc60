"""Refuses a pipeline definition that the service would refuse, before it costs anything.

Works on the definition's JSON, so on any definition, made by whatever SDK. Every rule is one
small function over the definition as `definition.read` gives it, registered in `rules`.

    rules.py       the registries: forms, rules, warnings
    pipeline.py    rules about the whole and its parameters
    steps.py       rules about any step: names, dependencies, caching, retries, property files
    branches.py    rules about condition and fail steps
    caching.py     whether what a cached step reads may change
    requests.py    the rules of `language.request`, for each processing step
    references.py  rules about expressions and the order of steps
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sagepipe.errors import DefinitionError, Problem
from sagepipe.language.definition import TOO_DEEP, Definition
from sagepipe.language.validate import branches, caching, pipeline, references, requests, steps
from sagepipe.language.validate.rules import FORMS, RULES, WARNINGS, Rule

__all__ = ["check", "parse", "validate", "warnings"]

# Imported for the rules that they register.
_MODULES = (pipeline, steps, branches, requests, references)


def validate(document: Mapping[str, Any]) -> list[Problem]:
    """Everything that the service would refuse: the pipeline's problems, then step by step."""
    return _found(Definition.read(document), RULES)


def warnings(document: Mapping[str, Any], immutable: Collection[str] = ()) -> list[Problem]:
    """What the service takes, or has been seen to take, and few would want.

    To be told to whoever deploys the definition; no reason to refuse it. `immutable` has inputs
    that never change under their URI, as `Step.Input`.
    """
    definition = Definition.read(document)
    if definition.deep:
        return []
    return [*_found(definition, WARNINGS), *caching.mutable_inputs(definition, immutable)]


def check(document: Mapping[str, Any]) -> None:
    """Raises `DefinitionError` with all problems, if there is one."""
    problems = validate(document)
    if problems:
        raise DefinitionError(problems)


def parse(document: Mapping[str, Any]) -> Definition:
    """The definition, if everything in it has its form; whether the service would take it is
    another question.

    Raises:
        DefinitionError: something can't be read: a member of another JSON type, a name that is
            none or used twice, a reference to nothing, steps that wait for each other.
    """
    definition = Definition.read(document)
    problems = _found(definition, FORMS)
    if problems:
        raise DefinitionError(problems)
    return definition


def _found(definition: Definition, rules: Iterable[Rule]) -> list[Problem]:
    if definition.deep:
        return [TOO_DEEP]
    found = dict.fromkeys(problem for rule in rules for problem in rule(definition))
    place = {name: index for index, name in enumerate(definition.steps)}
    return sorted(found, key=lambda problem: place.get(problem.step, -1))
