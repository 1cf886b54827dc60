"""A request of CreateProcessingJob, and botocore's model of it laid over its values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from sagepipe.language.expressions import is_expression
from sagepipe.language.walk import objects

if TYPE_CHECKING:
    from botocore.model import ServiceModel

Json = Any


@cache
def shape(name: str) -> Any:
    """A botocore.model.Shape of SageMaker's API by name, such as CreateProcessingJobRequest."""
    return _service().shape_for(name)


@cache
def _service() -> ServiceModel:
    # a quarter of a second that only those pay who look at a request
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


@dataclass(frozen=True)
class Node:
    """A value in a request and the shape that the API gives it.

    `value` is the value as far as it is known, or an `Unknown`; `written` is what the definition
    says.
    """

    step: str
    field: str
    shape: Any
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


@dataclass(frozen=True, eq=False)
class Request:
    """A processing step's arguments, however malformed.

    `known` gives a value as far as it is known, or an `Unknown`; an evaluated request is what it
    says.
    """

    step: str
    written: Mapping[str, Json]
    known: Callable[[Json], Json] = lambda value: value

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All values that the model knows, from the top down."""
        return tuple(self._nodes("Arguments", shape("CreateProcessingJobRequest"), self.written))

    def of_type(self, type_name: str) -> Iterator[Node]:
        """The nodes with one type of shape, such as string."""
        return (node for node in self.nodes if node.shape.type_name == type_name)

    @cached_property
    def inputs(self) -> tuple[tuple[str, Mapping[str, Json]], ...]:
        """The entries of ProcessingInputs that are objects, with their fields."""
        return tuple(objects(self.written.get("ProcessingInputs"), "Arguments.ProcessingInputs"))

    @cached_property
    def outputs(self) -> tuple[tuple[str, Mapping[str, Json]], ...]:
        """The outputs that are objects, with their fields."""
        config = self.written.get("ProcessingOutputConfig")
        listed = config.get("Outputs") if isinstance(config, Mapping) else None
        return tuple(objects(listed, "Arguments.ProcessingOutputConfig.Outputs"))

    def _nodes(self, field: str, of: Any, written: Json) -> Iterator[Node]:
        value = self.known(written)
        yield Node(self.step, field, of, value, written)
        if of.type_name == "structure" and isinstance(value, Mapping):
            for name, member in of.members.items():
                if name in value:
                    yield from self._nodes(f"{field}.{name}", member, value[name])
        elif of.type_name == "list" and isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._nodes(f"{field}[{index}]", of.member, item)
        elif of.type_name == "map" and isinstance(value, Mapping):
            for name, item in value.items():
                yield Node(self.step, field, of.key, name, name)
                yield from self._nodes(f"{field}.{name}", of.value, item)
