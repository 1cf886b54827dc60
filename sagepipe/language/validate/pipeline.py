"""Rules about the whole definition and its parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sagepipe.errors import Problem
from sagepipe.language.validate.rules import rule
from sagepipe.language.validate.view import View

VERSION = "2020-12-01"

MAX_SIZE = 1_048_576
MAX_PARAMETERS = 200
MAX_ENUM = 16
MAX_DEFAULT = 1024  # what StartPipelineExecution takes as a value

_MEMBERS: Mapping[str, tuple[type, str]] = {
    "Version": (str, "a string"),
    "Metadata": (dict, "an object"),
    "Parameters": (list, "an array"),
    "PipelineExperimentConfig": (dict, "an object"),
    "MlflowConfig": (dict, "an object"),
    "Steps": (list, "an array"),
}
_PARAMETER_MEMBERS = ("Name", "Type", "DefaultValue", "EnumValues", "Description")
_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
}
_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")


@rule
def top_members(view: View) -> Iterator[Problem]:
    """The members of the definition itself, and their JSON types."""
    for name, value in view.definition.items():
        if name not in _MEMBERS:
            known = ", ".join(_MEMBERS)
            yield Problem("", str(name), f"no such member; a definition has {known}; remove it")
            continue
        wanted, word = _MEMBERS[name]
        # The SDK writes null for a configuration that it wasn't given.
        if not isinstance(value, wanted) and not (value is None and wanted is dict):
            yield Problem("", name, f"is {_kind(value)}; make it {word}")


@rule
def version(view: View) -> Iterator[Problem]:
    """The language has one version."""
    if view.definition.get("Version") != VERSION:
        found = view.definition.get("Version", "missing")
        yield Problem("", "Version", f"is {found}; the only version is {VERSION!r}")


@rule
def has_steps(view: View) -> Iterator[Problem]:
    """A pipeline without steps has nothing to do."""
    if not view.definition.get("Steps"):
        yield Problem("", "Steps", "has no step; add one")


@rule
def size(view: View) -> Iterator[Problem]:
    """The definition's length as compact JSON."""
    length = len(json.dumps(view.definition, separators=(",", ":"), default=str))
    if length > MAX_SIZE:
        yield Problem(
            "", "", f"has {length} characters; at most {MAX_SIZE} are taken: split the pipeline"
        )


@rule
def parameter_count(view: View) -> Iterator[Problem]:
    """An execution can be started with so many parameters."""
    count = len(view.parameters)
    if count > MAX_PARAMETERS:
        yield Problem("", "Parameters", f"has {count}; at most {MAX_PARAMETERS} are taken")


@rule
def parameter_forms(view: View) -> Iterator[Problem]:
    """Each parameter is an object with a name, a type and known members only."""
    for field, parameter in _declared(view):
        if not isinstance(parameter, Mapping):
            yield Problem("", field, f"is {_kind(parameter)}; make it an object with Name and Type")
            continue
        for member in parameter:
            if member not in _PARAMETER_MEMBERS:
                known = ", ".join(_PARAMETER_MEMBERS)
                yield Problem("", f"{field}.{member}", f"no such member; a parameter has {known}")
        if not _type(parameter):
            known = ", ".join(_PYTHON_TYPES)
            yield Problem("", f"{field}.Type", f"is {parameter.get('Type')!r}; use one of {known}")


@rule
def parameter_names(view: View) -> Iterator[Problem]:
    """A parameter's name fits the pattern and is used once."""
    seen: set[str] = set()
    for field, parameter in _objects(view):
        name = parameter.get("Name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield Problem(
                "",
                f"{field}.Name",
                f"is {name!r}; use 1 to 64 letters, digits, hyphens, underscores",
            )
        elif name in seen:
            yield Problem("", f"{field}.Name", f"{name!r} is declared twice; rename or remove one")
        else:
            seen.add(name)


@rule
def parameter_defaults(view: View) -> Iterator[Problem]:
    """A default has the parameter's type, is not empty and not too long."""
    for field, parameter in _objects(view):
        type_ = _type(parameter)
        if "DefaultValue" not in parameter or not type_:
            continue
        default = parameter["DefaultValue"]
        field = f"{field}.DefaultValue"
        if not _has_type(default, type_):
            yield Problem("", field, f"is {default!r}; parameter {_name(parameter)} is a {type_}")
        elif default == "":
            yield Problem(
                "",
                field,
                f"is empty, which the service refuses; give parameter {_name(parameter)} a value "
                "that stands for nothing, or no default",
            )
        elif isinstance(default, str) and len(default) > MAX_DEFAULT:
            yield Problem(
                "", field, f"has {len(default)} characters; at most {MAX_DEFAULT} are taken"
            )


@rule
def parameter_enums(view: View) -> Iterator[Problem]:
    """EnumValues has 1 to 16 values of the type, and the default is one of them."""
    for field, parameter in _objects(view):
        if "EnumValues" not in parameter:
            continue
        values, type_ = parameter["EnumValues"], _type(parameter)
        default = parameter.get("DefaultValue")
        if not isinstance(values, list) or not 1 <= len(values) <= MAX_ENUM:
            count = f"has {len(values)} values" if isinstance(values, list) else "is no array"
            yield Problem("", f"{field}.EnumValues", f"{count}; give 1 to {MAX_ENUM}")
            continue
        for value in values:
            if type_ and not _has_type(value, type_):
                yield Problem("", f"{field}.EnumValues", f"has {value!r}, which is no {type_}")
        if default is not None and default not in values:
            known = ", ".join(map(str, values))
            yield Problem(
                "", f"{field}.DefaultValue", f"is {default!r}, not one of EnumValues: {known}"
            )


def _declared(view: View) -> Iterator[tuple[str, Any]]:
    declared = view.definition.get("Parameters")
    for index, parameter in enumerate(declared if isinstance(declared, list) else []):
        yield f"Parameters[{index}]", parameter


def _objects(view: View) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((field, one) for field, one in _declared(view) if isinstance(one, Mapping))


def _type(parameter: Mapping[str, Any]) -> str:
    """The parameter's type, or "" if it has none that there is."""
    type_ = parameter.get("Type")
    return type_ if isinstance(type_, str) and type_ in _PYTHON_TYPES else ""


def _name(parameter: Mapping[str, Any]) -> str:
    return repr(parameter.get("Name"))


def _has_type(value: object, type_: str) -> bool:
    # bool is an int to Python, not to JSON
    return isinstance(value, _PYTHON_TYPES[type_]) and (
        type_ == "Boolean" or not isinstance(value, bool)
    )


def _kind(value: object) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
