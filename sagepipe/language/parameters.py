"""Pipeline parameters: declared types, defaults and enumerations against the values given."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from sagepipe.errors import ParameterError

Value = str | int | float | bool

MAX_VALUE_LENGTH = 1024  # StartPipelineExecution's limit


def resolve(declared: Sequence[Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, Value]:
    """Every declared parameter's value: the one given (a string, as the API takes it) or the
    default.

    Raises:
        ParameterError: an unknown name, a value of another type or outside the enumeration, or a
            parameter that has neither a value nor a default.
    """
    names = [parameter["Name"] for parameter in declared]
    for name in given:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
            raise ParameterError(f"parameter {name!r} is not in the definition; {hint}")
    return {parameter["Name"]: _value(parameter, given) for parameter in declared}


def _value(parameter: Mapping[str, Any], given: Mapping[str, str]) -> Value:
    name, kind = parameter["Name"], parameter["Type"]
    if name in given:
        value = _parse(name, kind, given[name])
    elif "DefaultValue" in parameter:
        value = parameter["DefaultValue"]
        if kind == "Float" and isinstance(value, int):
            value = float(value)
    else:
        raise ParameterError(f"parameter {name!r} has no default; give one with -p {name}=VALUE")
    allowed = parameter.get("EnumValues")
    if allowed and value not in allowed:
        raise ParameterError(
            f"parameter {name!r}: {value!r} is not one of {', '.join(map(str, allowed))}"
        )
    return value


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


_A = {
    "Integer": "a whole number",
    "Float": "a number",
    "Boolean": "true or false",
}
