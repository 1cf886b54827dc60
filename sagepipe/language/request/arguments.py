"""Rules about CreateProcessingJob's request, read from botocore's model of it.

botocore itself checks structure only, and only when the request is sent. Its model knows more:
enums, patterns, lengths and ranges. Expressions count with their parameters' defaults, as the
service has it; what only an execution knows isn't checked.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from sagepipe.errors import Problem
from sagepipe.language.expressions import Unknown, is_expression
from sagepipe.language.request.model import Node, Request
from sagepipe.language.request.rules import rule

# The service names the job, and a step without a role runs with the pipeline's.
_FILLED_IN = ("ProcessingJobName", "RoleArn")

_JSON_TYPES: Mapping[str, tuple[tuple[type, ...], str, str]] = {
    # shape -> Python's types for it, a word for it, the parameter type that fits
    "structure": ((dict,), "an object", ""),
    "map": ((dict,), "an object", ""),
    "list": ((list,), "an array", ""),
    "string": ((str,), "a string", "String"),
    "integer": ((int,), "a whole number", "Integer"),
    "long": ((int,), "a whole number", "Integer"),
    "boolean": ((bool,), "true or false", "Boolean"),
}

# ContainerArguments and the like have a rule of their own, with the way out in its message.
_STRINGS = re.compile(
    r"Arguments\.(AppSpecification\.Container(Arguments|Entrypoint)\[|Environment\.)"
)


@rule
def known_members(request: Request) -> Iterator[Problem]:
    """No member that the API doesn't have: the service says "Unknown Argument member"."""
    for node, members, _ in _structures(request):
        for member in node.value:
            if member not in members:
                guess = difflib.get_close_matches(str(member), members, 1)
                hint = f"did you mean {guess[0]}?" if guess else "remove it"
                yield Problem(node.step, f"{node.field}.{member}", f"no such member; {hint}")


@rule
def required_members(request: Request) -> Iterator[Problem]:
    """Every member that the API requires and the service doesn't fill in."""
    for node, _, required in _structures(request):
        for member in required:
            if member not in node.value and member not in _FILLED_IN:
                yield Problem(node.step, f"{node.field}.{member}", "is missing; it is required")


@rule
def types(request: Request) -> Iterator[Problem]:
    """Values and parameters have the API's types."""
    for node in request.nodes:
        python, word, parameter = _JSON_TYPES.get(node.shape.type_name, ((), "", ""))
        if not python or _STRINGS.match(node.field):
            continue
        if isinstance(node.value, Unknown):
            if node.value.type and parameter and node.value.type != parameter:
                yield Problem(
                    node.step, node.field, f"is a {node.value.type} expression; it must be {word}"
                )
        elif not _is(node.value, python):
            yield Problem(
                node.step, node.field, f"is {node.value!r}{node.source}; it must be {word}"
            )


@rule
def container_strings(request: Request) -> Iterator[Problem]:
    """Entrypoint, arguments and environment are strings; the service converts nothing."""
    for node in request.of_type("string"):
        if not _STRINGS.match(node.field) or isinstance(node.value, str):
            continue
        if isinstance(node.value, Unknown) and node.value.type in (None, "String"):
            continue
        if is_expression(node.written):
            yield Problem(
                node.step,
                node.field,
                f"{node.written.get('Get', 'the expression')} is no string; "
                "use the parameter's to_string(), which makes a Std:Join of it",
            )
        else:
            yield Problem(
                node.step,
                node.field,
                f"is {node.written!r}, no string; quote it, or use a parameter's to_string()",
            )


@rule
def enums(request: Request) -> Iterator[Problem]:
    """Values that the API enumerates."""
    for node in request.of_type("string"):
        allowed = list(node.limits.get("enum", ()))
        if not allowed or not isinstance(node.value, str) or node.value in allowed:
            continue
        if node.name == "S3InputMode" and node.value == "FastFile":
            continue  # channels.fast_file says what to do instead
        if len(allowed) > 10:
            close = difflib.get_close_matches(node.value, allowed, 3, 0.5)
            known = f"{len(allowed)} values, such as {', '.join(close or allowed[:3])}"
        else:
            known = ", ".join(allowed)
        yield Problem(
            node.step, node.field, f"is {node.value!r}{node.source}; the service takes {known}"
        )


@rule
def patterns(request: Request) -> Iterator[Problem]:
    """Strings against the API's patterns."""
    for node in request.of_type("string"):
        pattern = _compiled(node.limits.get("pattern", ""))
        if not pattern or not isinstance(node.value, str):
            continue
        if not pattern.fullmatch(node.value):
            yield Problem(
                node.step,
                node.field,
                f"is {node.value!r}{node.source}; it must match {pattern.pattern}",
            )


@rule
def lengths(request: Request) -> Iterator[Problem]:
    """The lengths of strings."""
    yield from _sizes(request, "string", str, "characters")


@rule
def list_sizes(request: Request) -> Iterator[Problem]:
    """The numbers of items in arrays: at most 10 inputs, 100 arguments and so on."""
    yield from _sizes(request, "list", list, "items")


@rule
def map_sizes(request: Request) -> Iterator[Problem]:
    """The number of environment variables."""
    yield from _sizes(request, "map", Mapping, "entries")


@rule
def ranges(request: Request) -> Iterator[Problem]:
    """Numbers against the API's ranges: instances, volumes, time limits."""
    for node in request.of_type("integer"):
        if isinstance(node.value, int) and not _within(node.value, node):
            yield Problem(
                node.step, node.field, f"is {node.value}{node.source}; make it {_range(node)}"
            )


@rule
def clusters(request: Request) -> Iterator[Problem]:
    """A cluster has a type and a count, or a list of preferences that have them."""
    cluster: Any = request.written
    for member in ("ProcessingResources", "ClusterConfig"):
        cluster = cluster.get(member) if isinstance(cluster, Mapping) else None
    if not isinstance(cluster, Mapping) or "InstancePreferences" in cluster:
        return
    for member in ("InstanceType", "InstanceCount"):
        if member not in cluster:
            field = f"Arguments.ProcessingResources.ClusterConfig.{member}"
            yield Problem(request.step, field, "is missing, and there are no InstancePreferences")


def _structures(request: Request) -> Iterator[tuple[Node, list[str], list[str]]]:
    """The nodes that are objects, with the members that they may have and must have."""
    for node in request.nodes:
        if node.shape.type_name == "structure" and isinstance(node.value, Mapping):
            yield node, list(node.shape.members), list(node.shape.required_members)


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The model's pattern, or None where it is Java's alone: tags and Athena's catalog."""
    try:
        return re.compile(pattern, re.DOTALL) if pattern else None
    except re.error:
        return None


def _is(value: object, python: tuple[type, ...]) -> bool:
    # bool is an int to Python, not to JSON
    return isinstance(value, python) and (bool in python or not isinstance(value, bool))


def _sizes(request: Request, type_name: str, python: Any, unit: str) -> Iterator[Problem]:
    for node in request.of_type(type_name):
        if isinstance(node.value, python) and not _within(len(node.value), node):
            yield Problem(
                node.step,
                node.field,
                f"has {len(node.value)} {unit}{node.source}; make it {_range(node)}",
            )


def _within(number: int, node: Node) -> bool:
    low, high = node.limits.get("min", 0), node.limits.get("max", float("inf"))
    return bool(low <= number <= high)


def _range(node: Node) -> str:
    low, high = node.limits.get("min", 0), node.limits.get("max")
    if high is None:
        return f"at least {low}"
    return f"{low} to {high}" if low else f"at most {high}"
