"""A definition as its rules want to see it: steps, parameters, expressions.

Nothing here judges and nothing raises: what is malformed is left out, and the rule about that
form reports it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

EXPRESSIONS = ("Get", "Std:Join", "Std:JsonGet")

BRANCHES = ("IfSteps", "ElseSteps")

# A step's reference in an expression: Steps.<name>, then a path that begins with . or [
_REFERENCE = re.compile(r"Steps\.([^.\[]+)(.*)", re.DOTALL)


class Unknown:
    """The value of an expression that only an execution will know; `type` if that is known."""

    def __init__(self, type_: str | None = None) -> None:
        self.type: Final = type_


@dataclass(frozen=True)
class Step:
    """One step, wherever it stands. `home` is "" at the top, else like `Gate.IfSteps`."""

    name: str
    type: str
    body: Mapping[str, Any]
    home: str

    @property
    def parent(self) -> str:
        """The condition step that this step is a branch of, or ""."""
        return self.home.rpartition(".")[0]

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The step's arguments, or nothing if they are malformed."""
        arguments = self.body.get("Arguments")
        return arguments if isinstance(arguments, Mapping) else {}


@dataclass(frozen=True)
class Expression:
    """An expression and where it stands: `step` is "" outside of all steps."""

    step: str
    field: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Reference:
    """A step's reference to another step: `path` is what follows the name, "" for DependsOn."""

    source: str
    field: str
    target: str
    path: str


class View:
    """A definition, seen as its parts."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.definition = definition
        # Where rules keep what they have worked out for a step and need again.
        self.cache: dict[int, Any] = {}

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """All steps, a condition's branches right behind it."""
        return tuple(_steps(self.definition.get("Steps"), ""))

    @cached_property
    def by_name(self) -> Mapping[str, Step]:
        """The steps by name; the first of two that share one."""
        named: dict[str, Step] = {}
        for step in self.steps:
            named.setdefault(step.name, step)
        return named

    def of_type(self, type_: str) -> Iterator[Step]:
        """The steps of one type, such as Processing."""
        return (step for step in self.steps if step.type == type_)

    @cached_property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        """The declared parameters by name."""
        declared = self.definition.get("Parameters")
        return {
            parameter["Name"]: parameter
            for parameter in (declared if isinstance(declared, list) else [])
            if isinstance(parameter, Mapping) and isinstance(parameter.get("Name"), str)
        }

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """All expressions, inner ones too."""
        found: list[Expression] = []
        for member in ("PipelineExperimentConfig", "MlflowConfig"):
            found += _expressions("", member, self.definition.get(member))
        for step in self.steps:
            for member, value in own(step):
                found += _expressions(step.name, member, value)
        return tuple(found)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """Every mention of a step by another: in expressions and in DependsOn."""
        found = []
        for expression in self.expressions:
            get = expression.body.get("Get")
            match = _REFERENCE.fullmatch(get) if isinstance(get, str) else None
            if match:
                found.append(Reference(expression.step, expression.field, *match.groups()))
        for step in self.steps:
            for field, name in depends_on(step):
                found.append(Reference(step.name, field, name, ""))
        return tuple(found)

    def resolve(self, value: Any) -> Any:
        """What `value` is with every parameter at its default; else an `Unknown`."""
        if not is_expression(value):
            return value
        if "Get" in value:
            return self._resolve_get(value["Get"])
        if "Std:Join" in value and isinstance(value["Std:Join"], Mapping):
            return self._resolve_join(value["Std:Join"])
        return Unknown()

    def _resolve_get(self, path: object) -> Any:
        if not isinstance(path, str):
            return Unknown()
        if path.startswith("Execution."):
            return Unknown("String")
        parameter = self.parameters.get(path.removeprefix("Parameters."))
        if not path.startswith("Parameters.") or parameter is None:
            return Unknown()
        declared = parameter.get("Type")
        return parameter.get(
            "DefaultValue", Unknown(declared if isinstance(declared, str) else None)
        )

    def _resolve_join(self, join: Mapping[str, Any]) -> Any:
        on, values = join.get("On"), join.get("Values")
        if not isinstance(on, str) or not isinstance(values, list):
            return Unknown("String")
        resolved = [self.resolve(value) for value in values]
        # Only strings: how the service writes numbers is its own affair.
        if not all(isinstance(value, str) for value in resolved):
            return Unknown("String")
        return on.join(resolved)


def is_expression(value: object) -> bool:
    """Whether `value` is to be evaluated: an object with an expression's member."""
    return isinstance(value, Mapping) and any(
        isinstance(name, str) and (name == "Get" or name.startswith("Std:")) for name in value
    )


def own(step: Step) -> Iterator[tuple[str, Any]]:
    """A step's members and their fields, without the steps in its branches."""
    for member, value in step.body.items():
        if member != "Arguments" or not isinstance(value, Mapping):
            yield str(member), value
            continue
        for name, argument in value.items():
            if step.type != "Condition" or name not in BRANCHES:
                yield f"Arguments.{name}", argument


def depends_on(step: Step) -> Iterator[tuple[str, str]]:
    """The fields and names of a step's DependsOn; an entry may be an object with a trigger."""
    entries = step.body.get("DependsOn")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        name = entry.get("Step") if isinstance(entry, Mapping) else entry
        if isinstance(name, str):
            yield f"DependsOn[{index}]", name


def items(step: Step, *path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects in a list of a step, with their fields: `items(step, "RetryPolicies")`."""
    value: Any = step.body
    for member in path:
        value = value.get(member) if isinstance(value, Mapping) else None
    for index, item in enumerate(value if isinstance(value, list) else []):
        if isinstance(item, Mapping):
            yield f"{'.'.join(path)}[{index}]", item


def _steps(value: object, home: str) -> Iterator[Step]:
    for body in value if isinstance(value, list) else []:
        if not isinstance(body, Mapping) or not isinstance(body.get("Name"), str):
            continue
        type_ = body.get("Type")
        step = Step(body["Name"], type_ if isinstance(type_, str) else "", body, home)
        yield step
        if step.type == "Condition":
            for branch in BRANCHES:
                yield from _steps(step.arguments.get(branch), f"{step.name}.{branch}")


def _expressions(step: str, field: str, value: object) -> Iterator[Expression]:
    if isinstance(value, Mapping):
        if is_expression(value):
            yield Expression(step, field, value)
        for name, member in value.items():
            yield from _expressions(step, f"{field}.{name}", member)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _expressions(step, f"{field}[{index}]", item)
