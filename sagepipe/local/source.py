"""What can be run: told apart by what it is, and read into one `Source`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from sagepipe.errors import LocalError
from sagepipe.language.s3 import Location

Json = Any


@runtime_checkable
class HasDefinition(Protocol):
    """The SDK's Pipeline, of whatever version."""

    def definition(self) -> str:
        """The definition as JSON."""


@runtime_checkable
class HasSource(Protocol):
    """A pipeline of a project's, which knows what goes with its definition."""

    def source(self) -> Source:
        """All that it takes to run it."""


Runnable = str | Path | Mapping[str, Json] | HasDefinition | HasSource


class Sample(Protocol):
    """Data to try a pipeline with; `parameters` are defaults that fit it."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """Parameters' values that suit the sample, unless others are given."""

    def make(self, folder: Path, progress: Callable[[int, int], None]) -> int:
        """Put what `folder` lacks of the sample there; how many files that were.

        `progress(done, total)` is called after each.
        """


@dataclass(frozen=True)
class InputFolder:
    """The S3 folder that a folder of the user's can stand in for: the names of the two pipeline
    parameters that say where it is, and a sample for who has no data."""

    bucket_parameter: str
    prefix_parameter: str
    sample: Sample | None = None


@dataclass(frozen=True)
class Source:
    """A definition, and what goes with it.

    Attributes:
        document: the definition as JSON values.
        name: the pipeline's.
        objects: what has to be in the store before it can run, its scripts say.
        max_parallel_steps: the pipeline's own; None where nothing says it.
        input: what `input=` stands for; None if the pipeline has no such folder.
        cached_here: steps that the step cache may have although the definition doesn't let the
            service's, which doesn't look at contents.
        immutable: inputs, as `Step.Input`, that never change under their URI.
        file: where the definition was read from, if that is a file.
    """

    document: Mapping[str, Json]
    name: str
    objects: tuple[tuple[Location, bytes], ...] = ()
    max_parallel_steps: int | None = None
    input: InputFolder | None = None
    cached_here: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    file: Path | None = None


def read(what: Runnable, name: str | None = None) -> Source:
    """The source of what is to be run; `name` is another name for the pipeline.

    Raises:
        LocalError: it is nothing that can be run, or can't be read.
    """
    if isinstance(what, Mapping):
        return _of_document(what, name)
    if isinstance(what, str) and what.lstrip().startswith("{"):
        return _of_document(_json(what, "the text"), name)
    if isinstance(what, str | Path):
        return _of_file(Path(what).expanduser(), name)
    if isinstance(what, HasSource):
        return what.source()
    if isinstance(what, HasDefinition):
        text = what.definition()
        return _of_document(_json(text, "what definition() gives"), name or _name_of(what))
    raise LocalError(
        f"{type(what).__name__} {str(what)[:40]!r} is nothing that can be run: give a definition's "
        "text or JSON values, its file, a pipeline of the SDK, or one of your project's"
    )


def _of_file(path: Path, name: str | None) -> Source:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LocalError(f"the definition {path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise LocalError(f"the definition {path} can't be read: it is no text") from error
    own = re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-") or "pipeline"
    return _of_document(_json(text, f"the definition {path}"), name, own, path.absolute())


def _of_document(
    document: Json, name: str | None, own: str = "pipeline", file: Path | None = None
) -> Source:
    """A definition, or an answer of DescribePipeline with one in it."""
    parallel: Json = None
    if isinstance(document, Mapping) and isinstance(document.get("PipelineDefinition"), str):
        if isinstance(document.get("PipelineName"), str):
            own = document["PipelineName"]
        parallelism = document.get("ParallelismConfiguration")
        if isinstance(parallelism, Mapping):
            parallel = parallelism.get("MaxParallelExecutionSteps")
        document = _json(document["PipelineDefinition"], "PipelineDefinition")
    if not isinstance(document, Mapping) or not isinstance(document.get("Steps"), list):
        where = f"{file}: that" if file else "that"
        raise LocalError(f"{where} is no pipeline definition: it is an object with Steps")
    if not isinstance(parallel, int) or parallel < 1:
        parallel = None
    return Source(document, name or own, max_parallel_steps=parallel, file=file)


def _json(text: str, what: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LocalError(f"{what} is not JSON: {error}") from error


def _name_of(what: object) -> str | None:
    name = getattr(what, "name", None)
    return name if isinstance(name, str) else None
