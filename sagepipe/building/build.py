"""From a pipeline's builder to the definition's bytes and the artifacts that it refers to."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sagepipe.building.bundle import Artifact, Bundle
from sagepipe.errors import DefinitionError, ParameterError, Problem
from sagepipe.settings.facts import Settings

Json = Any


class HasDefinition(Protocol):
    """A Pipeline of the SageMaker SDK, of whatever version."""

    def definition(self) -> str:
        """The definition as JSON."""


@dataclass(frozen=True)
class Build:
    """What a builder is given: where the pipeline will run, and the code that its steps use."""

    settings: Settings
    code: Bundle


Builder = Callable[[Build], "HasDefinition | Mapping[str, Json] | str"]


@dataclass(frozen=True)
class Built:
    """A definition as canonical JSON, and the artifacts that it refers to, in `bucket`."""

    definition: str
    bucket: str
    artifacts: tuple[Artifact, ...]

    @property
    def document(self) -> dict[str, Json]:
        """The definition's JSON, a copy of the caller's own."""
        document: dict[str, Json] = json.loads(self.definition)
        return document


def build(
    builder: Builder,
    code: Path,
    settings: Settings,
    defaults: Mapping[str, str | int | float | bool] | None = None,
) -> Built:
    """Call a builder. The same settings and code give the same bytes.

    `defaults` replace those of parameters, for an environment that differs in them.

    Raises:
        BundleError: a script can't be read.
        DefinitionError: what the builder returned is no definition.
        ParameterError: a default is of no parameter.
    """
    bundle = Bundle(code, settings.artifact_bucket, settings.artifact_prefix)
    made = builder(Build(settings, bundle))
    document = {
        name: value for name, value in _document(made, settings).items() if value is not None
    }
    _replace_defaults(document, defaults or {})
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return Built(text, bundle.bucket, bundle.artifacts)


def _document(
    made: HasDefinition | Mapping[str, Json] | str, settings: Settings
) -> dict[str, Json]:
    if isinstance(made, Mapping):
        return dict(made)
    if not isinstance(made, str):
        # Only SDK v3, and only where the builder has loaded it, needs to be kept quiet.
        quiet: Any = nullcontext()
        if "sagemaker.core" in sys.modules:
            from sagepipe.building import sdk

            quiet = sdk.offline(settings.region)
        with quiet:
            made = made.definition()
    try:
        document = json.loads(made)
    except ValueError as error:
        raise _no_definition(f"is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise _no_definition("is no JSON object")
    return {name: value for name, value in document.items() if value is not None}


def _no_definition(why: str) -> DefinitionError:
    return DefinitionError(
        [
            Problem(
                "", "", f"what the builder returned {why}; return an SDK pipeline, a dict or JSON"
            )
        ]
    )


def _replace_defaults(
    document: Mapping[str, Json], defaults: Mapping[str, str | int | float | bool]
) -> None:
    declared = {one["Name"]: one for one in document.get("Parameters") or []}
    for name, value in defaults.items():
        if name not in declared:
            raise ParameterError(
                f"the settings give parameter {name!r} a default, and the pipeline has no such "
                f"parameter; it has {', '.join(declared) or 'none'}"
            )
        declared[name]["DefaultValue"] = value
