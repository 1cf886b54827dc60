"""Pipeline parameters: declared types, defaults and enumerations against the values given."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagepipe.errors import ParameterError

Value = str | int | float | bool

MAX_VALUE_LENGTH = 1024  # StartPipelineExecution's limit

TYPES: Mapping[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
}
_A = {
    "Integer": "a whole number",
    "Float": "a number",
    "Boolean": "true or false",
}


@dataclass(frozen=True)
class Parameter:
    """A declared parameter. `default` is None where there is none; `choices` () for any value."""

    name: str
    type: str
    default: Value | None = None
    choices: tuple[Value, ...] = ()

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Parameter | None:
        """A parameter as a definition declares it, without what is malformed in it.

        None without a name; `type` is "" if there is no such type.
        """
        name, type_ = written.get("Name"), written.get("Type")
        if not isinstance(name, str):
            return None
        if not isinstance(type_, str) or type_ not in TYPES:
            return cls(name, "")
        default, choices = written.get("DefaultValue"), written.get("EnumValues")
        return cls(
            name,
            type_,
            _typed(default, type_) if has_type(default, type_) else None,
            tuple(
                _typed(one, type_)
                for one in (choices if isinstance(choices, list) else ())
                if has_type(one, type_)
            ),
        )


def has_type(value: object, type_: str) -> bool:
    """Whether a JSON value can be a parameter's of this type."""
    # bool is an int to Python, not to JSON
    return isinstance(value, TYPES[type_]) and (type_ == "Boolean" or not isinstance(value, bool))


def resolve(declared: Mapping[str, Parameter], given: Mapping[str, str]) -> dict[str, Value]:
    """Every declared parameter's value: the one given (a string, as the API takes it) or the
    default.

    Raises:
        ParameterError: an unknown name, a value of another type or outside the enumeration, or a
            parameter that has neither a value nor a default.
    """
    for name in given:
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(declared)}"
            raise ParameterError(f"parameter {name!r} is not in the definition; {hint}")
    return {name: _value(parameter, given) for name, parameter in declared.items()}


def _value(parameter: Parameter, given: Mapping[str, str]) -> Value:
    name = parameter.name
    if name in given:
        value = _parse(name, parameter.type, given[name])
    elif parameter.default is not None:
        value = parameter.default
    else:
        raise ParameterError(f"parameter {name!r} has no default; give one with -p {name}=VALUE")
    if parameter.choices and value not in parameter.choices:
        raise ParameterError(
            f"parameter {name!r}: {value!r} is not one of {', '.join(map(str, parameter.choices))}"
        )
    return value


def _typed(value: Any, type_: str) -> Value:
    """A default as the type has it: 1 is a Float's 1.0."""
    try:
        typed: Value = float(value) if type_ == "Float" else value
    except OverflowError:
        return float("inf")
    return typed


def _parse(name: str, kind: str, text: str) -> Value:
    if not text:
        raise ParameterError(f"parameter {name!r} is empty, which the service refuses")
    if len(text) > MAX_VALUE_LENGTH:
        raise ParameterError(f"parameter {name!r} is longer than {MAX_VALUE_LENGTH} characters")
    try:
        match kind:
            case "String":
                return text
            case "Integer":
                return int(text)
            case "Float":
                return float(text)
            case "Boolean":
                return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError) as error:
        raise ParameterError(f"parameter {name!r} takes {_A[kind]}, not {text!r}") from error
    raise ParameterError(f"parameter {name!r} has the unknown type {kind!r}")
