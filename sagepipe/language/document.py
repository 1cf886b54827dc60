"""A pipeline definition, read: parameters, and steps with what they wait for."""

from __future__ import annotations

import difflib
import graphlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagepipe.errors import DefinitionError, Problem, UnsupportedError

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
    """A pipeline definition with its steps flattened, in the order they are written.

    `skipped` has the steps that are left out at the user's wish: those named, and every step in a
    branch of a Condition step that is skipped. What waits for them doesn't wait.
    """

    parameters: tuple[Mapping[str, Json], ...]
    steps: Mapping[str, Step]
    skipped: frozenset[str] = frozenset()

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """Every step that must come before one of these."""
        found: set[str] = set()
        pending = [above for name in names for above in self.steps[name].waits_for]
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending.extend(self.steps[name].waits_for)
        return found

    def descendants(self, names: Iterable[str]) -> set[str]:
        """Every step that must come after one of these."""
        sources = set(names)
        return {name for name in self.steps if self.ancestors([name]) & sources}


def parse(
    document: Mapping[str, Json], skip: Collection[str] = (), stubs: Collection[str] = ()
) -> Definition:
    """Flatten a (validated) definition document.

    `skip` names the steps to leave out, `stubs` those for which a folder stands in.

    Raises:
        UnsupportedError: a step type that this engine cannot run, or a step that needs a property
            of a skipped one.
        DefinitionError: two steps with one name, a dependency on an unknown or a Fail step, or a
            circle.
    """
    steps: dict[str, Step] = {}
    for raw, branch in _walk(document.get("Steps", []), None):
        if raw["Name"] in steps:
            raise DefinitionError([Problem(raw["Name"], "Name", "used by two steps")])
        steps[raw["Name"]] = _step(raw, branch)
    _check_order(steps)
    for option, names in (("--skip", skip), ("--stub", stubs)):
        for name in names:
            known(name, steps, option)
    definition = Definition(tuple(document.get("Parameters", [])), steps, _skipped(steps, skip))
    if foreign := [
        step
        for step in steps.values()
        if step.type not in RUNNABLE and step.name not in {*definition.skipped, *stubs}
    ]:
        named = ", ".join(f"{step.name} ({step.type})" for step in foreign)
        first = foreign[0].name
        raise UnsupportedError(
            f"cannot run {named}: the local engine runs {', '.join(RUNNABLE)} steps; "
            f"--skip {first} goes on without it, --stub {first}=DIR with files in its place"
        )
    _check_skipped(definition)
    return definition


def known(name: str, steps: Collection[str], option: str) -> None:
    """Raises UnsupportedError unless `name`, given with `option`, is one of the steps."""
    if name not in steps:
        close = difflib.get_close_matches(name, steps, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(steps)}"
        raise UnsupportedError(f"{option} {name}: the definition has no such step; {hint}")


def _check_order(steps: Mapping[str, Step]) -> None:
    for step in steps.values():
        for name in sorted(step.waits_for):
            if name not in steps:
                raise DefinitionError(
                    [Problem(step.name, "DependsOn", f"there is no step {name!r}")]
                )
            if steps[name].type == "Fail":
                raise DefinitionError(
                    [
                        Problem(
                            step.name, "DependsOn", f"{name!r} is a Fail step: nothing follows it"
                        )
                    ]
                )
    try:
        graphlib.TopologicalSorter({s.name: s.waits_for for s in steps.values()}).prepare()
    except graphlib.CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise DefinitionError(
            [Problem(error.args[1][0], "DependsOn", f"the steps wait for each other: {circle}")]
        ) from error


def _skipped(steps: Mapping[str, Step], skip: Collection[str]) -> frozenset[str]:
    skipped: set[str] = set()
    for step in steps.values():  # a Condition comes before the steps of its branches
        if step.name in skip or (step.branch and step.branch.condition in skipped):
            skipped.add(step.name)
    return frozenset(skipped)


def _check_skipped(definition: Definition) -> None:
    for step in definition.steps.values():
        if step.name in definition.skipped:
            continue
        for target in references(_own(step.type, step.arguments)):
            name = _step_of(target)
            if name in definition.skipped:
                raise UnsupportedError(
                    f"{step.name} needs {target}, and --skip leaves {name} out; skip {step.name} "
                    f"as well, or give --stub {name}=DIR"
                )


def references(value: Json) -> Iterator[str]:
    """The targets of every `Get` in a JSON value, for instance `Parameters.Rows`."""
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


def _own(kind: str, arguments: Mapping[str, Json]) -> Json:
    """The arguments without the steps inside a Condition, which have references of their own."""
    return arguments["Conditions"] if kind == "Condition" else arguments


def _step_of(target: str) -> str | None:
    """The step that a `Get` refers to."""
    return target.split(".")[1].split("[")[0] if target.startswith("Steps.") else None


def _step(raw: Mapping[str, Json], branch: Branch | None) -> Step:
    arguments = raw.get("Arguments", {})
    targets = map(_step_of, references(_own(raw["Type"], arguments)))
    waits_for = {name for name in targets if name is not None}
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
