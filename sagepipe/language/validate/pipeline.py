"""Rules about the whole definition and its parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sagepipe.errors import Problem
from sagepipe.language.definition import Definition
from sagepipe.language.parameters import MAX_VALUE_LENGTH, TYPES, has_type
from sagepipe.language.validate.rules import form, rule, warning

VERSION = "2020-12-01"

MAX_SIZE = 1_048_576
MAX_PARAMETERS = 200
MAX_ENUM = 16

_MEMBERS: Mapping[str, tuple[type, str]] = {
    "Version": (str, "a string"),
    "Metadata": (dict, "an object"),
    "Parameters": (list, "an array"),
    "PipelineExperimentConfig": (dict, "an object"),
    "MlflowConfig": (dict, "an object"),
    "Steps": (list, "an array"),
}
_PARAMETER_MEMBERS = ("Name", "Type", "DefaultValue", "EnumValues", "Description")
_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")


@rule
def top_members(definition: Definition) -> Iterator[Problem]:
    """The definition itself has no members but its own."""
    for name in definition.document:
        if name not in _MEMBERS:
            known = ", ".join(_MEMBERS)
            yield Problem("", str(name), f"no such member; a definition has {known}; remove it")


@form
def top_forms(definition: Definition) -> Iterator[Problem]:
    """The members of the definition itself have their JSON types."""
    for name, (wanted, word) in _MEMBERS.items():
        value = definition.document.get(name)
        # The SDK writes null for a configuration that it wasn't given.
        absent = name not in definition.document or (value is None and wanted is dict)
        if not absent and not isinstance(value, wanted):
            yield Problem("", name, f"is {_kind(value)}; make it {word}")


@rule
def version(definition: Definition) -> Iterator[Problem]:
    """The language has one version."""
    if definition.document.get("Version") != VERSION:
        found = definition.document.get("Version", "missing")
        yield Problem("", "Version", f"is {found}; the only version is {VERSION!r}")


@rule
def has_steps(definition: Definition) -> Iterator[Problem]:
    """A pipeline without steps has nothing to do."""
    if not definition.document.get("Steps"):
        yield Problem("", "Steps", "has no step; add one")


@rule
def size(definition: Definition) -> Iterator[Problem]:
    """The definition's length as compact JSON."""
    length = len(json.dumps(definition.document, separators=(",", ":"), default=str))
    if length > MAX_SIZE:
        yield Problem(
            "", "", f"has {length} characters; at most {MAX_SIZE} are taken: split the pipeline"
        )


@rule
def parameter_count(definition: Definition) -> Iterator[Problem]:
    """An execution can be started with so many parameters."""
    count = len(definition.parameters)
    if count > MAX_PARAMETERS:
        yield Problem("", "Parameters", f"has {count}; at most {MAX_PARAMETERS} are taken")


@form
def parameter_forms(definition: Definition) -> Iterator[Problem]:
    """Each parameter is an object with a name, a type and known members only."""
    for field, parameter in _declared(definition):
        if not isinstance(parameter, Mapping):
            yield Problem("", field, f"is {_kind(parameter)}; make it an object with Name and Type")
            continue
        for member in parameter:
            if member not in _PARAMETER_MEMBERS:
                known = ", ".join(_PARAMETER_MEMBERS)
                yield Problem("", f"{field}.{member}", f"no such member; a parameter has {known}")
        if not _type(parameter):
            known = ", ".join(TYPES)
            yield Problem("", f"{field}.Type", f"is {parameter.get('Type')!r}; use one of {known}")


@form
def parameter_names(definition: Definition) -> Iterator[Problem]:
    """A parameter's name fits the pattern and is used once."""
    seen: set[str] = set()
    for field, parameter in _objects(definition):
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


@form
def parameter_defaults(definition: Definition) -> Iterator[Problem]:
    """A default has the parameter's type and isn't too long."""
    for field, parameter in _objects(definition):
        type_ = _type(parameter)
        if "DefaultValue" not in parameter or not type_:
            continue
        default = parameter["DefaultValue"]
        field = f"{field}.DefaultValue"
        if not has_type(default, type_):
            yield Problem("", field, f"is {default!r}; parameter {_name(parameter)} is a {type_}")
        elif isinstance(default, str) and len(default) > MAX_VALUE_LENGTH:
            yield Problem(
                "", field, f"has {len(default)} characters; at most {MAX_VALUE_LENGTH} are taken"
            )


@warning
def empty_defaults(definition: Definition) -> Iterator[Problem]:
    """A value that is passed has at least one character; whether a default must is not said."""
    for field, parameter in _objects(definition):
        if parameter.get("DefaultValue") == "" and _type(parameter) == "String":
            yield Problem(
                "",
                f"{field}.DefaultValue",
                f"is empty: the service takes that as a default, and refuses it as a value that is "
                f"passed; nobody can start parameter {_name(parameter)} with it",
            )


@form
def parameter_enums(definition: Definition) -> Iterator[Problem]:
    """EnumValues has 1 to 16 values of the type, and the default is one of them."""
    for field, parameter in _objects(definition):
        if "EnumValues" not in parameter:
            continue
        values, type_ = parameter["EnumValues"], _type(parameter)
        default = parameter.get("DefaultValue")
        if not isinstance(values, list) or not 1 <= len(values) <= MAX_ENUM:
            count = f"has {len(values)} values" if isinstance(values, list) else "is no array"
            yield Problem("", f"{field}.EnumValues", f"{count}; give 1 to {MAX_ENUM}")
            continue
        for value in values:
            if type_ and not has_type(value, type_):
                yield Problem("", f"{field}.EnumValues", f"has {value!r}, which is no {type_}")
        if default is not None and default not in values:
            known = ", ".join(map(str, values))
            yield Problem(
                "", f"{field}.DefaultValue", f"is {default!r}, not one of EnumValues: {known}"
            )


def _declared(definition: Definition) -> Iterator[tuple[str, Any]]:
    declared = definition.document.get("Parameters")
    for index, parameter in enumerate(declared if isinstance(declared, list) else []):
        yield f"Parameters[{index}]", parameter


def _objects(definition: Definition) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((field, one) for field, one in _declared(definition) if isinstance(one, Mapping))


def _type(parameter: Mapping[str, Any]) -> str:
    """The parameter's type, or "" if it has none that there is."""
    type_ = parameter.get("Type")
    return type_ if isinstance(type_, str) and type_ in TYPES else ""


def _name(parameter: Mapping[str, Any]) -> str:
    return repr(parameter.get("Name"))


def _kind(value: object) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
