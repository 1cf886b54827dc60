"""From a pipeline's builder to the definition's bytes and the artifacts that it refers to."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sagepipe.building import uploads
from sagepipe.building.bundle import Artifact, Bundle
from sagepipe.errors import DefinitionError, ParameterError, Problem
from sagepipe.language.walk import objects
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
    # Standard output is for what a command is asked for, and SDK v2 logs to it.
    with redirect_stdout(sys.stderr):
        made = builder(Build(settings, bundle))
        members = _document(made, settings, bundle)
    document = {name: value for name, value in members.items() if value is not None}
    _replace_defaults(document, defaults or {})
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return Built(text, bundle.bucket, bundle.artifacts)


def _document(
    made: HasDefinition | Mapping[str, Json] | str, settings: Settings, bundle: Bundle
) -> dict[str, Json]:
    if isinstance(made, Mapping):
        return dict(made)
    moved: Mapping[str, str] = {}
    if not isinstance(made, str):
        with _quiet(settings), uploads.kept(bundle) as moved:
            made = made.definition()
    try:
        document = json.loads(made)
    except ValueError as error:
        raise _no_definition(f"is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise _no_definition("is no JSON object")
    return {name: uploads.named(value, moved) for name, value in document.items()}


def _quiet(settings: Settings) -> AbstractContextManager[None]:
    """Only SDK v3, and only where the builder has loaded it, needs to be kept quiet."""
    if "sagemaker.core" not in sys.modules:
        return nullcontext()
    from sagepipe.building import sdk

    return sdk.offline(settings.region)


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
    entries: Any = (one for _, one in objects(document.get("Parameters"), ""))
    declared = {str(one.get("Name")): one for one in entries}
    for name, value in defaults.items():
        if name not in declared:
            raise ParameterError(
                f"the settings give parameter {name!r} a default, and the pipeline has no such "
                f"parameter; it has {', '.join(declared) or 'none'}"
            )
        declared[name]["DefaultValue"] = value
