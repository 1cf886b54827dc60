"""A pipeline definition, read: parameters, and steps with what they wait for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.errors import DefinitionError, Problem, UnsupportedError

Json = Any  # what json.loads gives
RUNNABLE = ("Processing", "Condition", "Fail")


@dataclass(frozen=True)
class Branch:
    """The branch of a Condition step that a step stands in."""

    condition: str
    outcome: bool


@dataclass(frozen=True)
class PropertyFile:
    """A JSON file that a step leaves in one of its outputs, for conditions to read."""

    output: str
    path: str


@dataclass(frozen=True)
class Step:
    """One step, expressions not evaluated yet.

    `waits_for` names the steps it depends on: declared, referred to, or its Condition step.
    """

    name: str
    type: str
    arguments: Mapping[str, Json]
    waits_for: frozenset[str]
    branch: Branch | None
    property_files: Mapping[str, PropertyFile]
    settings: Mapping[str, Json]


@dataclass(frozen=True)
class Definition:
    """A pipeline definition with its steps flattened, in the order they are written."""

    parameters: tuple[Mapping[str, Json], ...]
    steps: Mapping[str, Step]


def parse(document: Mapping[str, Json]) -> Definition:
    """Flatten a (validated) definition document.

    Raises:
        UnsupportedError: a step type that this engine cannot run.
        DefinitionError: two steps with one name, or a dependency on an unknown step.
    """
    steps: dict[str, Step] = {}
    for raw, branch in _walk(document.get("Steps", []), None):
        if raw["Name"] in steps:
            raise DefinitionError([Problem(raw["Name"], "Name", "used by two steps")])
        steps[raw["Name"]] = _step(raw, branch)
    if foreign := [step for step in steps.values() if step.type not in RUNNABLE]:
        named = ", ".join(f"{step.name} ({step.type})" for step in foreign)
        raise UnsupportedError(
            f"cannot run {named}: the local engine runs {', '.join(RUNNABLE)} steps"
        )
    for step in steps.values():
        for name in sorted(step.waits_for - steps.keys()):
            raise DefinitionError([Problem(step.name, "DependsOn", f"there is no step {name!r}")])
    return Definition(tuple(document.get("Parameters", [])), steps)


def references(value: Json) -> Iterator[str]:
    """The targets of every `Get` in a JSON value, for instance `Parameters.Leads`."""
    if isinstance(value, Mapping):
        if set(value) == {"Get"} and isinstance(value["Get"], str):
            yield value["Get"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def _walk(
    raw_steps: list[Mapping[str, Json]], branch: Branch | None
) -> Iterator[tuple[Mapping[str, Json], Branch | None]]:
    for raw in raw_steps:
        yield raw, branch
        if raw["Type"] == "Condition":
            arguments = raw["Arguments"]
            yield from _walk(arguments.get("IfSteps", []), Branch(raw["Name"], True))
            yield from _walk(arguments.get("ElseSteps", []), Branch(raw["Name"], False))


def _step(raw: Mapping[str, Json], branch: Branch | None) -> Step:
    arguments = raw["Arguments"]
    # the steps inside a Condition have references of their own
    own = arguments["Conditions"] if raw["Type"] == "Condition" else arguments
    waits_for = {
        target.split(".")[1].split("[")[0]
        for target in references(own)
        if target.startswith("Steps.")
    }
    waits_for.update(raw.get("DependsOn", []))
    if branch is not None:
        waits_for.add(branch.condition)
    return Step(
        name=raw["Name"],
        type=raw["Type"],
        arguments=arguments,
        waits_for=frozenset(waits_for),
        branch=branch,
        property_files={
            item["PropertyFileName"]: PropertyFile(item["OutputName"], item["FilePath"])
            for item in raw.get("PropertyFiles", [])
        },
        settings={k: v for k, v in raw.items() if k not in ("Name", "Type", "Arguments")},
    )
