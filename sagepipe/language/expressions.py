"""The definition language's expressions: `Get`, `Std:Join`, `Std:JsonGet`, and conditions.

What is evaluated here has passed `validate.parse`, so expressions have their form.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sagepipe.errors import ExpressionError

Json = Any

KINDS = ("Get", "Std:Join", "Std:JsonGet")
COMPARISONS = ("Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")

# A step's reference: Steps.<name>, then a path that begins with . or [
STEP = re.compile(r"Steps\.([^.\[]+)(.*)", re.DOTALL)
PROPERTY_FILE = re.compile(r"Steps\.([^.\[]+)\.PropertyFiles\.(.+)", re.DOTALL)

_TOKEN = re.compile(r"\.?([A-Za-z0-9_\-]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_OPERATORS: tuple[Callable[[Any, Any], bool], ...] = (
    operator.eq,
    operator.gt,
    operator.ge,
    operator.lt,
    operator.le,
)
_COMPARE = dict(zip(COMPARISONS, _OPERATORS, strict=True))


class Unknown:
    """The value of an expression that only an execution will know; `type` if that is known."""

    def __init__(self, type_: str | None = None) -> None:
        self.type: Final = type_


def is_expression(value: object) -> bool:
    """Whether `value` is to be evaluated: an object with an expression's member."""
    return isinstance(value, Mapping) and any(
        isinstance(name, str) and (name == "Get" or name.startswith("Std:")) for name in value
    )


def find(value: Json, field: str) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """The expressions in a value that stands at `field`, inner ones too, each with its field."""
    if isinstance(value, Mapping):
        if is_expression(value):
            yield field, value
        for name, member in value.items():
            yield from find(member, f"{field}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from find(item, f"{field}[{index}]")


@dataclass
class Scope:
    """What expressions can refer to while an execution runs.

    `steps` holds, for every step that has ended, its properties: for a processing step what
    DescribeProcessingJob answers. `property_file(step, name)` and `read(uri)` give JSON text.
    """

    parameters: Mapping[str, Json]
    execution: Mapping[str, Json]
    property_file: Callable[[str, str], str]
    read: Callable[[str], str]
    steps: dict[str, Json] = field(default_factory=dict)


def evaluate(value: Json, scope: Scope) -> Json:
    """Replace every expression in a JSON value by what it stands for.

    Raises:
        ExpressionError: a reference to something that is not there, or a malformed expression.
    """
    if isinstance(value, list):
        return [evaluate(item, scope) for item in value]
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"Get"}:
        return _get(value["Get"], scope)
    if set(value) == {"Std:Join"}:
        join = value["Std:Join"]
        return str(join["On"]).join(_text(evaluate(item, scope)) for item in join["Values"])
    if set(value) == {"Std:JsonGet"}:
        return _json_get(value["Std:JsonGet"], scope)
    return {key: evaluate(item, scope) for key, item in value.items()}


def holds(condition: Mapping[str, Json], scope: Scope) -> bool:
    """Whether one condition of a Condition step is met.

    Raises:
        ExpressionError: an unknown condition, or values that cannot be compared.
    """
    kind = condition["Type"]
    if kind == "Not":
        return not holds(condition["Condition"], scope)
    if kind == "Or":
        return any(holds(item, scope) for item in condition["Conditions"])
    if kind == "In":
        query = evaluate(condition["QueryValue"], scope)
        return query in [evaluate(item, scope) for item in condition["Values"]]
    if kind not in _COMPARE:
        raise ExpressionError(f"{kind!r} is not a condition type")
    left = evaluate(condition["LeftValue"], scope)
    right = evaluate(condition["RightValue"], scope)
    try:
        return _COMPARE[kind](left, right)
    except TypeError as error:
        raise ExpressionError(f"{kind} cannot compare {left!r} with {right!r}") from error


def select(document: Json, path: str, origin: str) -> Json:
    """Follow a path such as `a.b[0]['c d']` into a JSON document.

    In a list, a name selects the member whose `OutputName` or `InputName` it is, which is how
    the service addresses a job's outputs and inputs.

    Raises:
        ExpressionError: the path is malformed or leads nowhere; `origin` says where it was used.
    """
    position, current = 0, document
    while position < len(path):
        token = _TOKEN.match(path, position)
        if token is None:
            raise ExpressionError(f"{origin}: {path[position:]!r} is not a path")
        position = token.end()
        name, index = token[1] or token[3] or token[4], token[2]
        try:
            if index is not None:
                current = current[int(index)]
            elif isinstance(current, list):
                current = next(
                    item
                    for item in current
                    if name in (item.get("OutputName"), item.get("InputName"))
                )
            else:
                current = current[name]
        except (KeyError, IndexError, TypeError, StopIteration) as error:
            there = ", ".join(map(str, current)) if isinstance(current, Mapping) else ""
            raise ExpressionError(
                f"{origin}: nothing at {token[0].lstrip('.')!r}"
                + (f"; there is {there}" if there else "")
            ) from error
    return current


def _get(target: str, scope: Scope) -> Json:
    kind, _, rest = target.partition(".")
    if kind == "Parameters" and rest in scope.parameters:
        return scope.parameters[rest]
    if kind == "Execution" and rest in scope.execution:
        return scope.execution[rest]
    if kind == "Steps":
        match = STEP.fullmatch(target)
        if match is None or match[1] not in scope.steps:
            raise ExpressionError(f"{target}: step {match[1] if match else ''!r} has not run")
        return select(scope.steps[match[1]], match[2].lstrip("."), target)
    raise ExpressionError(f"{target!r} refers to nothing in this definition")


def _json_get(expression: Mapping[str, Json], scope: Scope) -> Json:
    uri, target = expression.get("S3Uri"), expression.get("PropertyFile", {}).get("Get", "")
    match = PROPERTY_FILE.fullmatch(target)
    if uri is None and match is None:
        raise ExpressionError(f"{target!r} is not a property file")
    origin = target if match else str(evaluate(uri, scope))
    try:
        text = scope.property_file(match[1], match[2]) if match else scope.read(origin)
        document = json.loads(text)
    except (ValueError, RecursionError) as error:  # not UTF-8 is a ValueError, too
        raise ExpressionError(f"{origin} is not JSON: {error}") from error
    path = expression["Path"]
    return select(document, path.removeprefix("$").lstrip("."), f"{origin} at {path}")


def _text(value: Json) -> str:
    """A value as `Std:Join` writes it. How the service writes booleans is not documented; JSON's
    spelling is used, as everywhere else in a definition."""
    if isinstance(value, str):
        return value
    if isinstance(value, (Mapping, list)):
        raise ExpressionError(f"Std:Join takes plain values, not {value!r}")
    return json.dumps(value)
