"""A pipeline definition, read: parameters, steps, and what refers to what.

`Definition.read` is the only reader of definitions. It takes any JSON, judges nothing and never
raises: what is malformed is left out, and the rule about that form reports it (`validate`).
`validate.parse` gives the same model to those who need that nothing was left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sagepipe.errors import Problem
from sagepipe.language.expressions import Unknown, find, is_expression
from sagepipe.language.parameters import Parameter
from sagepipe.language.request.model import Request
from sagepipe.language.step import BRANCHES, Expression, Reference, Step
from sagepipe.language.walk import objects

Json = Any

MAX_DEPTH = 200  # objects and arrays in each other; 31 conditions in each other have 95
TOO_DEEP = Problem("", "", f"is nested deeper than {MAX_DEPTH} levels; make it flatter")


@dataclass(frozen=True, eq=False)
class Definition:
    """A definition: `document` as it is written, and what it is made of.

    Attributes:
        parameters: by name, in the order in which they are declared.
        written: all steps as they are written, a condition's branches right behind it.
        deep: it is nested deeper than `MAX_DEPTH`, and nothing was read.
    """

    document: Mapping[str, Json]
    parameters: Mapping[str, Parameter]
    written: tuple[Step, ...]
    deep: bool = False

    @classmethod
    def read(cls, document: Mapping[str, Json]) -> Definition:
        """Read a definition as far as it has its form."""
        if not isinstance(document, Mapping):
            return cls({}, {}, ())
        if _is_deep(document):
            return cls({}, {}, (), deep=True)
        declared = (Parameter.read(one) for _, one in objects(document.get("Parameters"), ""))
        return cls(
            document,
            {parameter.name: parameter for parameter in declared if parameter is not None},
            tuple(_steps(document.get("Steps"), "")),
        )

    @cached_property
    def steps(self) -> Mapping[str, Step]:
        """The steps by name; the first of two that share one."""
        named: dict[str, Step] = {}
        for step in self.written:
            named.setdefault(step.name, step)
        return named

    @cached_property
    def requests(self) -> tuple[Request, ...]:
        """What the processing steps ask for, parameters at their defaults."""
        return tuple(
            Request(step.name, step.arguments, self.known) for step in self.of_type("Processing")
        )

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """All expressions, inner ones too."""
        members = ("PipelineExperimentConfig", "MlflowConfig")
        outside = (found for one in members for found in find(self.document.get(one), one))
        found = [Expression("", field, body) for field, body in outside]
        return (*found, *(one for step in self.written for one in step.expressions))

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """Every mention of a step by another."""
        return tuple(reference for step in self.written for reference in step.references)

    def of_type(self, type_: str) -> Iterator[Step]:
        """The steps of one type, such as Processing."""
        return (step for step in self.written if step.type == type_)

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """Every step that must come before one of these."""
        found: set[str] = set()
        pending = [above for name in names for above in self.steps[name].waits_for]
        while pending:
            name = pending.pop()
            if name not in found and name in self.steps:
                found.add(name)
                pending.extend(self.steps[name].waits_for)
        return found

    def descendants(self, names: Iterable[str]) -> set[str]:
        """Every step that must come after one of these."""
        sources = set(names)
        return {name for name in self.steps if self.ancestors([name]) & sources}

    def known(self, value: Json) -> Json:
        """What a value is with every parameter at its default; else an `Unknown`."""
        if not is_expression(value):
            return value
        if "Get" in value:
            return self._known_get(value["Get"])
        if isinstance(value.get("Std:Join"), Mapping):
            return self._known_join(value["Std:Join"])
        return Unknown()

    def _known_get(self, target: Json) -> Json:
        if not isinstance(target, str):
            return Unknown()
        if target.startswith("Execution."):
            return Unknown("String")
        parameter = self.parameters.get(target.removeprefix("Parameters."))
        if not target.startswith("Parameters.") or parameter is None:
            return Unknown()
        return Unknown(parameter.type or None) if parameter.default is None else parameter.default

    def _known_join(self, join: Mapping[str, Json]) -> Json:
        on, values = join.get("On"), join.get("Values")
        if not isinstance(on, str) or not isinstance(values, list):
            return Unknown("String")
        known = [self.known(value) for value in values]
        # Only strings: how the service writes numbers is its own affair.
        if not all(isinstance(value, str) for value in known):
            return Unknown("String")
        return on.join(known)


def _steps(listed: Json, home: str) -> Iterator[Step]:
    for _, body in objects(listed, ""):
        name, type_ = body.get("Name"), body.get("Type")
        if not isinstance(name, str):
            continue
        step = Step(name, type_ if isinstance(type_, str) else "", body, home)
        yield step
        if step.type == "Condition":
            for branch in BRANCHES:
                yield from _steps(step.arguments.get(branch), f"{name}.{branch}")


def _is_deep(document: Json) -> bool:
    """Whether walking the document would take more calls in each other than Python allows."""
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, Mapping | list)
            for inner in (one.values() if isinstance(one, Mapping) else one)
        ]
        if not level:
            return False
    return True
