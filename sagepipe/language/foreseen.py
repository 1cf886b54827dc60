"""What the jobs of an execution will be asked for, as far as it is known before the start.

Known are the values of parameters and all that is put together from them; the execution's own id
and what its steps will leave are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagepipe.errors import DefinitionError, ExpressionError, Problem, StoreError
from sagepipe.language import expressions, parameters, request
from sagepipe.language.definition import Definition
from sagepipe.language.expressions import Scope, Unknown, is_expression
from sagepipe.language.parameters import Value
from sagepipe.language.request.model import Request
from sagepipe.language.s3 import Location

Json = Any


class Begun(Unknown):
    """A text of which only the beginning is known."""

    def __init__(self, beginning: str) -> None:
        super().__init__("String")
        self.beginning = beginning


@dataclass(frozen=True)
class Channel:
    """An input or output in S3: `where` is a prefix, as far as it is known.

    `whole`: the location is known to its end, so it is none of the execution's own.
    """

    step: str
    name: str
    where: Location
    whole: bool


@dataclass(frozen=True, eq=False)
class Foreseen:
    """The job of a processing step: `request` is what it asks for, with an `Unknown` in place of
    what only the execution will know."""

    step: str
    request: Mapping[str, Json]

    def get(self, *path: str) -> Json:
        """A member of the request; None where there is none or it isn't known."""
        value: Json = self.request
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return None if isinstance(value, Unknown) else value

    @property
    def image(self) -> str | None:
        """The URI of its image."""
        uri = self.get("AppSpecification", "ImageUri")
        return uri if isinstance(uri, str) else None

    @property
    def instances(self) -> tuple[str, int] | None:
        """Type and number of its instances."""
        cluster = ("ProcessingResources", "ClusterConfig")
        type_, count = self.get(*cluster, "InstanceType"), self.get(*cluster, "InstanceCount")
        return (type_, count) if isinstance(type_, str) and isinstance(count, int) else None

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """The words of its entrypoint, "" for one that isn't known."""
        return self._words("ContainerEntrypoint", "")

    def arguments(self, unknown: str) -> tuple[str, ...]:
        """The words after the entrypoint, `unknown` for each that isn't known."""
        return self._words("ContainerArguments", unknown)

    @property
    def inputs(self) -> tuple[Channel, ...]:
        """The inputs that SageMaker brings from S3."""
        return tuple(self._channels(self.get("ProcessingInputs"), "InputName", "S3Input"))

    @property
    def outputs(self) -> tuple[Channel, ...]:
        """The outputs that SageMaker uploads."""
        listed = self.get("ProcessingOutputConfig", "Outputs")
        return tuple(self._channels(listed, "OutputName", "S3Output"))

    def _words(self, member: str, unknown: str) -> tuple[str, ...]:
        words = self.get("AppSpecification", member)
        return tuple(
            one if isinstance(one, str) else unknown
            for one in (words if isinstance(words, list) else ())
        )

    def _channels(self, listed: Json, name: str, member: str) -> Iterator[Channel]:
        for entry in listed if isinstance(listed, list) else ():
            source = entry.get(member) if isinstance(entry, Mapping) else None
            if not isinstance(source, Mapping) or entry.get("AppManaged") is True:
                continue
            uri = source.get("S3Uri")
            whole = isinstance(uri, str)
            try:
                where = Location.parse(uri.beginning if isinstance(uri, Begun) else str(uri))
            except StoreError:
                continue
            yield Channel(self.step, str(entry.get(name)), where, whole)


def jobs(definition: Definition, values: Mapping[str, Value]) -> tuple[Foreseen, ...]:
    """The jobs of the processing steps, with these values for all parameters."""
    scope = Scope(values, {}, _unknown, _unknown)
    return tuple(
        Foreseen(step.name, _evaluate(step.arguments, scope))
        for step in definition.of_type("Processing")
    )


def check(definition: Definition, given: Mapping[str, str]) -> dict[str, Value]:
    """All parameters' values, if the jobs that they make are such as the service takes.

    What it would refuse whatever is given is the definition's own affair, and not told here.

    Raises:
        ParameterError: a name, a type, a value that isn't among the choices.
        DefinitionError: an instance type that there isn't, a count or a size out of bounds, ….
    """
    values = parameters.resolve(definition.parameters, given)
    if given:
        before = set(_problems(definition))
        found = dict.fromkeys(_problems(definition.given(values)))
        if new := [problem for problem in found if problem not in before]:
            raise DefinitionError(new)
    return values


def _problems(definition: Definition) -> Iterator[Problem]:
    for step in definition.of_type("Processing"):
        yield from request.problems(Request(step.name, step.arguments, definition.known))


def _evaluate(value: Json, scope: Scope) -> Json:
    """The value with its expressions evaluated, and an `Unknown` for each that can't be yet."""
    if isinstance(value, list):
        return [_evaluate(item, scope) for item in value]
    if not isinstance(value, Mapping):
        return value
    if not is_expression(value):
        return {name: _evaluate(item, scope) for name, item in value.items()}
    try:
        return expressions.evaluate(value, scope)
    except (ExpressionError, KeyError, TypeError, AttributeError):
        join = value.get("Std:Join")
        return _beginning(join, scope) if isinstance(join, Mapping) else Unknown()


def _beginning(join: Mapping[str, Json], scope: Scope) -> Begun:
    """A text as far as it is known: up to the first of its parts that isn't."""
    known = ""
    listed, on = join.get("Values"), join.get("On")
    for part in listed if isinstance(listed, list) else ():
        try:
            known += expressions.evaluate({"Std:Join": {"On": "", "Values": [part]}}, scope)
        except (ExpressionError, KeyError, TypeError, AttributeError):
            break
        known += str(on)
    return Begun(known)


def _unknown(*asked: str) -> str:
    raise ExpressionError(f"{' '.join(asked)} is a result of the execution")
