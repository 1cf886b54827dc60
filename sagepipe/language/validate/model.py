"""botocore's model of CreateProcessingJob, and a step's arguments laid over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from sagepipe.language.validate.view import Step, View, is_expression


@cache
def shape(name: str) -> Shape:
    """A shape of SageMaker's API by name, such as CreateProcessingJobRequest."""
    return _service().shape_for(name)


@cache
def _service() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


@dataclass(frozen=True)
class Node:
    """A value in a step's arguments and the shape that the API gives it.

    `value` is the value with parameters at their defaults, or an `Unknown`; `written` is what
    the definition says.
    """

    step: str
    field: str
    shape: Shape
    value: Any
    written: Any

    @property
    def name(self) -> str:
        """The last member of the field: S3InputMode of ...S3Input.S3InputMode."""
        return self.field.rpartition(".")[2].partition("[")[0]

    @property
    def source(self) -> str:
        """Where the value comes from, if it isn't written right there."""
        if not is_expression(self.written):
            return ""
        get = self.written.get("Get")
        if isinstance(get, str) and get.startswith("Parameters."):
            return f" (parameter {get.removeprefix('Parameters.')}'s default)"
        return " (with its parameters' defaults)"

    @property
    def limits(self) -> Mapping[str, Any]:
        """The model's `min`, `max`, `pattern` and `enum`, as far as it has them."""
        metadata: Mapping[str, Any] = self.shape.metadata
        return metadata


def nodes(view: View, step: Step) -> Iterator[Node]:
    """All values of a processing step's arguments that the model knows, from the top down."""
    yield from _nodes(
        view, step.name, "Arguments", shape("CreateProcessingJobRequest"), step.arguments
    )


def _nodes(view: View, step: str, field: str, of: Shape, written: Any) -> Iterator[Node]:
    value = view.resolve(written)
    yield Node(step, field, of, value, written)
    if isinstance(of, StructureShape) and isinstance(value, Mapping):
        for name, member in of.members.items():
            if name in value:
                yield from _nodes(view, step, f"{field}.{name}", member, value[name])
    elif isinstance(of, ListShape) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nodes(view, step, f"{field}[{index}]", of.member, item)
    elif isinstance(of, MapShape) and isinstance(value, Mapping):
        for name, item in value.items():
            yield Node(step, field, of.key, name, name)
            yield from _nodes(view, step, f"{field}.{name}", of.value, item)
