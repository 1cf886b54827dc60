"""Pipeline parameters as a project declares them: name, type, default, and what they mean.

The definition, the documentation's tables and the engine take them from this one declaration. It
imports nothing of the SDK, which takes seconds to load and needs a region.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from sagepipe.settings.facts import Settings

Type = Literal["String", "Integer", "Float", "Boolean"]


class FromSettings(enum.Enum):
    """Defaults that are known only where a pipeline is deployed."""

    ARTIFACT_BUCKET = "artifact_bucket"


ARTIFACT_BUCKET = FromSettings.ARTIFACT_BUCKET


@dataclass(frozen=True)
class Parameter:
    """One pipeline parameter. `choices` is empty where any value of the type will do.

    Let names have no underscore: an EventBridge rule can't pass one that does.
    """

    name: str
    type: Type
    default: str | int | float | FromSettings
    description: str
    choices: tuple[str, ...] = ()


def resolve(parameters: Iterable[Parameter], settings: Settings) -> tuple[Parameter, ...]:
    """The parameters with the defaults that they have under `settings`."""
    return tuple(
        replace(one, default=getattr(settings, one.default.value))
        if isinstance(one.default, FromSettings)
        else one
        for one in parameters
    )


def to_sdk(parameter: Parameter) -> Any:
    """The SDK's object for a parameter whose default is resolved; call it inside `sdk.offline`."""
    from sagemaker.core.workflow import parameters as sdk_parameters

    if parameter.type == "String":
        return sdk_parameters.ParameterString(
            parameter.name, parameter.default, enum_values=list(parameter.choices) or None
        )
    kinds = {
        "Integer": sdk_parameters.ParameterInteger,
        "Float": sdk_parameters.ParameterFloat,
        "Boolean": sdk_parameters.ParameterBoolean,
    }
    return kinds[parameter.type](parameter.name, default_value=parameter.default)
