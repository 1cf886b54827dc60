"""Definitions that are wrong in one to three places, and what must hold of any of them."""

from __future__ import annotations

import copy
import graphlib
import json
from random import Random
from typing import Any

from sagepipe.errors import DefinitionError, ExpressionError
from sagepipe.language import diff
from sagepipe.language.definition import Definition
from sagepipe.language.expressions import Scope, Unknown, evaluate, holds
from sagepipe.language.parameters import Parameter, Value
from sagepipe.language.request import Request, problems
from sagepipe.language.request.evaluated import S3Input, S3Output, managed
from sagepipe.language.validate import parse, validate, warnings

Path = tuple[Any, ...]

# What may stand anywhere in place of what stands there.
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "x",
    "..",
    "a/b",
    "Ü\u2028",
    [],
    {},
    [[]],
    [None],
    {"x": 1},
    "Read",
    "Gate",
    "Processing",
    "Condition",
    "Fail",
    "Pipe",
    "Gzip",
    "s3://b/k",
    "P1D",
    {"Get": "Parameters.Mode"},
    {"Get": "Parameters.Count"},
    {"Get": "Parameters.None"},
    {"Get": "Steps.Read.ExitMessage"},
    {"Get": "Steps."},
    {"Get": "Execution.PipelineExecutionId"},
    {"Get": 1},
    {"Get": "Parameters.Mode", "x": 1},
    {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Least"}, 1, True]}},
    {"Std:Join": {"On": "/", "Values": ["s3:/", "b", {"Get": "Parameters.Bucket"}]}},
    {"Std:Join": []},
    {"Std:JsonGet": {"S3Uri": "s3://b/k", "Path": "a[0]"}},
    {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Read.PropertyFiles.Figures"}, "Path": ""}},
    {"Std:Sub": "x"},
    {"Step": "Read", "Trigger": "Failed"},
)


def paths(value: Any, path: Path = ()) -> list[Path]:
    """Where everything stands in a document, below the document itself."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[Path] = []
    for key, item in inner:
        found.append((*path, key))
        if isinstance(item, dict | list):
            found += paths(item, (*path, key))
    return found


def at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def mutated(document: dict[str, Any], random: Random) -> dict[str, Any]:
    """A copy with one to three nodes deleted, replaced, retyped, moved or duplicated."""
    document = copy.deepcopy(document)
    for _ in range(random.randint(1, 3)):
        there = paths(document)
        if not there:
            break
        path = random.choice(there)
        parent, key = at(document, path[:-1]), path[-1]
        value = parent[key]
        match random.choice(("delete", "replace", "retype", "other", "duplicate", "rename")):
            case "delete":
                del parent[key]
            case "replace":
                parent[key] = copy.deepcopy(random.choice(ODD))
            case "retype":
                parent[key] = random.choice((str(value), [value], {"x": value}, [value, value]))
            case "other":
                parent[key] = copy.deepcopy(at(document, random.choice(there)))
            case "duplicate" if isinstance(parent, list):
                parent.insert(random.randint(0, len(parent)), copy.deepcopy(value))
            case "rename" if isinstance(parent, dict):
                parent[random.choice(("Name", "Type", "Get", "Arguments", "x"))] = parent.pop(key)
    return document


def hold(document: dict[str, Any], before: dict[str, Any]) -> str:
    """Assert what holds of any document; returns "accepted", "refused" or "not read"."""
    found = validate(document)
    assert all(problem.message for problem in (*found, *warnings(document)))
    diff.diff(before, document)
    list(diff.lines(diff.diff(document, before)))
    assert diff.diff(document, document) == ()
    definition, refused = None, ()
    try:
        definition = parse(document)
    except DefinitionError as error:
        refused = error.problems
    assert set(refused) <= set(found)
    if definition is None:
        return "not read"
    _nothing_was_left_out(definition)
    _run(definition, accepted=not found)
    return "refused" if found else "accepted"


def _nothing_was_left_out(definition: Definition) -> None:
    """Whatever has its form is in the model: as many steps, parameters, policies as are written."""
    document = definition.document
    assert len(definition.parameters) == len(document.get("Parameters", []))
    assert len(definition.steps) == len(definition.written) == _count(document.get("Steps", []))
    for step in definition.written:
        assert len(step.depends_on) == len(step.body.get("DependsOn", []))
        assert len(step.retry_policies) == len(step.body.get("RetryPolicies", []))
        if step.type == "Processing":
            assert len(step.property_files) == len(step.body.get("PropertyFiles", []))
        if step.type == "Condition":
            assert len(step.conditions) == len(step.arguments["Conditions"])
        assert step.cache.expires is not None or not step.cache.enabled
        assert step.waits_for <= definition.steps.keys()
    for name, written in zip(definition.parameters, document.get("Parameters", []), strict=True):
        default = definition.parameters[name].default
        assert default == written.get("DefaultValue") or default != default


def _count(steps: list[Any]) -> int:
    branches = [
        one["Arguments"].get(branch, [])
        for one in steps
        if one["Type"] == "Condition"
        for branch in ("IfSteps", "ElseSteps")
    ]
    return len(steps) + sum(map(_count, branches))


def _run(definition: Definition, *, accepted: bool) -> None:
    """As the engine goes about it: each step evaluated in its order, with the defaults.

    What can be read can be run, with --unchecked: an expression may lead nowhere, and the service
    may refuse a request, but nothing else goes wrong.
    """
    scope = Scope(
        parameters={name: _value(one) for name, one in definition.parameters.items()},
        execution=dict.fromkeys(
            ("PipelineExecutionId", "PipelineName", "PipelineArn", "ProcessingJobName"), "x"
        ),
        property_file=lambda *_: json.dumps({"share": 0.5}),
        read=lambda uri: json.dumps({"share": 0.5}),
    )
    waits = {name: step.waits_for for name, step in definition.steps.items()}
    for name in graphlib.TopologicalSorter(waits).static_order():
        step = definition.steps[name]
        try:
            if step.type == "Processing":
                scope.steps[name] = evaluate(step.arguments, scope)
                _ask_for(scope.steps[name])
                if accepted:
                    _same_verdict(definition, name, scope.steps[name])
            elif step.type == "Condition":
                scope.steps[name] = {"Outcome": all(holds(one, scope) for one in step.conditions)}
            elif step.type == "Fail":
                str(evaluate(step.message, scope))
        except ExpressionError:
            pass  # of what only an execution knows: a property, a file's content


def _ask_for(evaluated: Any) -> None:
    """A request in which nothing is wrong can be read."""
    if not list(problems(Request("", evaluated))):
        outputs = evaluated.get("ProcessingOutputConfig", {}).get("Outputs", [])
        for entry in managed(evaluated.get("ProcessingInputs", [])):
            assert S3Input.read(entry) or "DatasetDefinition" in entry
        assert all(map(S3Output.read, managed(outputs)))


def _same_verdict(definition: Definition, name: str, evaluated: Any) -> None:
    """The service's rules find in the evaluated request what they found in the written one."""
    (asked,) = (one for one in definition.requests if one.step == name)
    unknown = [node.field for node in asked.nodes if isinstance(node.value, Unknown)]
    values = [(node.field, node.value) for node in asked.nodes]
    for node in Request(name, evaluated).nodes:
        if not node.field.startswith(tuple(unknown)) and not isinstance(node.value, dict | list):
            assert (node.field, node.value) in values or node.value != node.value
    for problem in problems(Request(name, evaluated)):
        assert unknown, problem


def _value(parameter: Parameter) -> Value:
    if parameter.default is not None:
        return parameter.default
    samples: dict[str, Value] = {"String": "x", "Integer": 1, "Float": 1.0, "Boolean": True}
    return parameter.choices[0] if parameter.choices else samples[parameter.type]
