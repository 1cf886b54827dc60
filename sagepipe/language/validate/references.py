"""Rules about expressions: their form, what they refer to, and the order that follows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sagepipe.errors import Problem
from sagepipe.language.definition import Definition
from sagepipe.language.expressions import KINDS, PROPERTY_FILE, STEP, is_expression
from sagepipe.language.request.model import shape
from sagepipe.language.step import Reference, Step
from sagepipe.language.validate.rules import form, rule

_VARIABLES = (
    "StartDateTime",
    "CurrentDateTime",
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "TrainingJobName",
    "ProcessingJobName",
)
# Where else a Get may begin. What these hold depends on step types that aren't checked here.
_OTHER_ROOTS = ("PipelineExperimentConfig.", "ForEach.", "IterationOutput.")

_PART = re.compile(r"\.([A-Za-z]\w*)|\[(\d+)\]|\['([^']+)'\]")

# The lists in a path that are keyed by the name that their items have.
_KEYED = ("ProcessingInputs", "Outputs")


@form
def expression_forms(definition: Definition) -> Iterator[Problem]:
    """Get, Std:Join and Std:JsonGet stand alone in their object and have their members."""
    for expression in definition.expressions:
        names = [str(name) for name in expression.body]
        message = (
            f"an expression has one member, one of {', '.join(KINDS)}; here are {', '.join(names)}"
            if len(names) != 1 or names[0] not in KINDS
            else _FORMS[names[0]](expression.body[names[0]])
        )
        if message:
            yield Problem(expression.step, expression.field, message)


def _get(path: object) -> str:
    roots = ("Parameters.", "Execution.", "Steps.", *_OTHER_ROOTS)
    if not isinstance(path, str) or not any(path.startswith(r) and path != r for r in roots):
        return f"Get is {path!r}; begin it with Parameters., Execution. or Steps."
    if path.startswith("Steps.") and not STEP.fullmatch(path):
        return f"Get is {path!r}; write Steps.<step>, then .Member, [0] or ['name']"
    return ""


def _join(join: object) -> str:
    if not isinstance(join, Mapping) or set(join) != {"On", "Values"}:
        return "Std:Join has the members On and Values, no others"
    if (
        not isinstance(join["On"], str)
        or not isinstance(join["Values"], list)
        or not join["Values"]
    ):
        return "Std:Join needs a string On and an array Values that isn't empty"
    for value in join["Values"]:
        if not isinstance(value, str | int | float) and not is_expression(value):
            return f"Std:Join can't join {value!r}; give strings, numbers and expressions"
    return ""


def _json_get(get: object) -> str:
    forms = ({"PropertyFile", "Path"}, {"S3Uri", "Path"})
    if not isinstance(get, Mapping) or set(get) not in forms or not isinstance(get["Path"], str):
        return "Std:JsonGet has a string Path, and either PropertyFile or S3Uri"
    file = get.get("PropertyFile", get.get("S3Uri"))
    if "PropertyFile" in get and not (
        isinstance(file, Mapping)
        and isinstance(file.get("Get"), str)
        and PROPERTY_FILE.fullmatch(file["Get"])
    ):
        return "Std:JsonGet's PropertyFile must be a Get of Steps.<step>.PropertyFiles.<name>"
    return ""


_FORMS = {"Get": _get, "Std:Join": _join, "Std:JsonGet": _json_get}


@form
def declared_parameters(definition: Definition) -> Iterator[Problem]:
    """Parameters.X is declared."""
    for step, field, path in _gets(definition, "Parameters."):
        if path not in definition.parameters:
            yield Problem(step, field, f"parameter {path!r} isn't declared; add it to Parameters")


@form
def execution_variables(definition: Definition) -> Iterator[Problem]:
    """Execution.Y exists."""
    for step, field, path in _gets(definition, "Execution."):
        if path not in _VARIABLES:
            known = ", ".join(_VARIABLES)
            yield Problem(step, field, f"no execution variable is called {path!r}; use {known}")


@form
def steps_exist(definition: Definition) -> Iterator[Problem]:
    """A step that is referred to, or depended on, exists."""
    for reference in definition.references:
        if reference.target not in definition.steps:
            known = ", ".join(definition.steps)
            yield _at(reference, f"there is no step {reference.target!r}; there are {known}")


@form
def fail_is_final(definition: Definition) -> Iterator[Problem]:
    """A fail step ends the execution: nothing can come after it or use it."""
    for reference in definition.references:
        target = definition.steps.get(reference.target)
        if target and target.type == "Fail":
            yield _at(reference, f"{target.name} is a fail step; nothing can depend on it")


@rule
def condition_properties(definition: Definition) -> Iterator[Problem]:
    """A condition step has one property, Outcome."""
    for reference in definition.references:
        target = definition.steps.get(reference.target)
        if target and target.type == "Condition" and reference.path not in ("", ".Outcome"):
            yield _at(reference, f"{target.name} is a condition step; its only property is Outcome")


@rule
def processing_properties(definition: Definition) -> Iterator[Problem]:
    """A processing step's properties are DescribeProcessingJob's; its channels go by name."""
    for reference in definition.references:
        target = definition.steps.get(reference.target)
        if target and target.type == "Processing" and reference.path:
            message = (
                _property_file(reference, target)
                if reference.path.startswith(".PropertyFiles.")
                else _property(reference, target)
            )
            if message:
                yield _at(reference, message)


def _property_file(reference: Reference, target: Step) -> str:
    name = reference.path.removeprefix(".PropertyFiles.")
    files = list(target.property_files)
    if not reference.field.endswith("Std:JsonGet.PropertyFile"):
        return "a property file can be used in Std:JsonGet only"
    if name not in files:
        return f"step {target.name} has no property file {name!r}; it has {_listed(files)}"
    return ""


def _property(reference: Reference, target: Step) -> str:
    parts = list(_PART.finditer(reference.path))
    if "".join(part.group() for part in parts) != reference.path:
        return f"{reference.path!r} is no path; write .Member, [0] or ['name']"
    at = shape("DescribeProcessingJobResponse")
    walked, keyed = "", ""
    for part in parts:
        member, index, key = part.groups()
        problem = _step_into(at, member, index, key, keyed, target, walked)
        if problem:
            return problem
        at = _inner(at, member)
        keyed, walked = member or "", walked + part.group()
    return ""


def _inner(at: Any, member: str | None) -> Any:
    return at.members[member] if member else at.member if at.type_name == "list" else at.value


def _step_into(
    at: Any,
    member: str | None,
    index: str | None,
    key: str | None,
    keyed: str,
    target: Step,
    walked: str,
) -> str:
    """Why a part of a path doesn't fit the shape that it is applied to; "" if it does."""
    where = f"{target.name}{walked}"
    if member is not None:
        if at.type_name != "structure" or member not in at.members:
            known = _listed(list(at.members) if at.type_name == "structure" else [])
            return f"{where} has no member {member!r}; it has {known}"
    elif key is not None:
        if at.type_name == "list" and keyed in _KEYED:
            names = target.inputs if keyed == "ProcessingInputs" else target.outputs
            if key not in names:
                kind = "input" if keyed == "ProcessingInputs" else "output"
                return f"step {target.name} has no {kind} {key!r}; it has {_listed(names)}"
        elif at.type_name != "map":
            return f"{where} can't be indexed by a name"
    elif at.type_name != "list":
        return f"{where} can't be indexed by a number ({index})"
    return ""


@form
def no_cycles(definition: Definition) -> Iterator[Problem]:
    """No step waits for itself, over references, DependsOn and conditions."""
    waits: dict[str, dict[str, str]] = {name: {} for name in definition.steps}
    for reference in definition.references:
        if reference.source in waits and reference.target in waits:
            waits[reference.source].setdefault(reference.target, reference.field)
    for step in definition.written:
        if step.branch:
            waits[step.name].setdefault(step.branch.condition, "Name")
    for cycle in _cycles(waits):
        first, second = cycle[0], cycle[1 % len(cycle)]
        yield Problem(
            first,
            waits[first][second],
            f"closes a cycle: {' waits for '.join((*cycle, first))}; remove one of them",
        )


def _cycles(waits: Mapping[str, Mapping[str, str]]) -> Iterator[list[str]]:
    """One cycle for each group of steps that wait for each other, found by walking depth-first."""
    done: set[str] = set()
    for start in waits:
        path: list[str] = []
        stack: list[Iterator[str]] = [iter((start,))]
        while stack:
            following = next((name for name in stack[-1] if name not in done), None)
            if following is None:
                stack.pop()
                if path:
                    done.add(path.pop())
            elif following in path:
                cycle = path[path.index(following) :]
                yield cycle
                done.update(cycle)
            else:
                path.append(following)
                stack.append(iter(waits[following]))


def _gets(definition: Definition, root: str) -> Iterator[tuple[str, str, str]]:
    for expression in definition.expressions:
        if expression.get.startswith(root) and expression.get != root:
            yield expression.step, expression.field, expression.get.removeprefix(root)


def _at(reference: Reference, message: str) -> Problem:
    return Problem(reference.source, reference.field, message)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "none"
