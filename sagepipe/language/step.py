"""One step of a definition, and what it refers to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sagepipe.language import durations
from sagepipe.language.expressions import STEP, find
from sagepipe.language.request.model import Request
from sagepipe.language.retries import RetryPolicy
from sagepipe.language.walk import objects

Json = Any

BRANCHES = ("IfSteps", "ElseSteps")


@dataclass(frozen=True)
class Branch:
    """The branch of a Condition step that a step stands in."""

    condition: str
    outcome: bool


@dataclass(frozen=True)
class Dependency:
    """An entry of DependsOn; `trigger` is "" unless it is an object that has one."""

    step: str
    trigger: str = ""


@dataclass(frozen=True)
class CacheConfig:
    """Whether a step's result may be an earlier one's; `expires` in seconds, None for never."""

    enabled: bool = False
    expires: float | None = None


@dataclass(frozen=True)
class PropertyFile:
    """A JSON file that a step leaves in one of its outputs, for conditions to read."""

    output: str
    path: str


@dataclass(frozen=True)
class Expression:
    """An expression and where it stands: `step` is "" outside of all steps."""

    step: str
    field: str
    body: Mapping[str, Json]

    @property
    def get(self) -> str:
        """What a `Get` refers to, such as `Parameters.Rows`; "" for anything else."""
        target = self.body.get("Get")
        return target if isinstance(target, str) else ""


@dataclass(frozen=True)
class Reference:
    """A step's mention of another: `path` is what follows the name, "" for DependsOn."""

    source: str
    field: str
    target: str
    path: str


@dataclass(frozen=True, eq=False)
class Step:
    """One step, wherever it stands, its expressions not evaluated.

    `body` is the step as it is written; `home` is "" at the top, else like `Gate.IfSteps`.
    """

    name: str
    type: str
    body: Mapping[str, Json]
    home: str = ""

    @property
    def branch(self) -> Branch | None:
        """The branch that the step stands in."""
        condition, _, which = self.home.rpartition(".")
        return Branch(condition, which == BRANCHES[0]) if condition else None

    @property
    def arguments(self) -> Mapping[str, Json]:
        """The step's arguments; without the steps in its branches see `own`."""
        arguments = self.body.get("Arguments")
        return arguments if isinstance(arguments, Mapping) else {}

    @property
    def own(self) -> Mapping[str, Json]:
        """The step as it is written, without the steps in its branches."""
        if self.type != "Condition" or not self.arguments:
            return self.body
        arguments = {k: v for k, v in self.arguments.items() if k not in BRANCHES}
        return {**self.body, "Arguments": arguments}

    @property
    def conditions(self) -> tuple[Mapping[str, Json], ...]:
        """A Condition step's conditions, which must all hold."""
        return tuple(one for _, one in objects(self.arguments.get("Conditions"), ""))

    @property
    def message(self) -> Json:
        """A Fail step's ErrorMessage, a string or an expression."""
        return self.arguments.get("ErrorMessage", "")

    @cached_property
    def depends_on(self) -> tuple[Dependency, ...]:
        """The steps that it is declared to depend on."""
        return tuple(dependency for _, dependency in self._dependencies())

    @cached_property
    def cache(self) -> CacheConfig:
        """Its CacheConfig."""
        config = self.body.get("CacheConfig")
        if not isinstance(config, Mapping):
            return CacheConfig()
        expire = config.get("ExpireAfter")
        return CacheConfig(
            config.get("Enabled") is True,
            durations.seconds(expire) if isinstance(expire, str) else None,
        )

    @cached_property
    def retry_policies(self) -> tuple[RetryPolicy, ...]:
        """Its own retry policies."""
        found = (RetryPolicy.read(one) for _, one in self.listed("RetryPolicies"))
        return tuple(policy for policy in found if policy is not None)

    @cached_property
    def property_files(self) -> Mapping[str, PropertyFile]:
        """Its property files by name."""
        members = ("PropertyFileName", "OutputName", "FilePath")
        found = ([one.get(name) for name in members] for _, one in self.listed("PropertyFiles"))
        return {
            str(name): PropertyFile(str(output), str(path))
            for name, output, path in found
            if all(isinstance(one, str) for one in (name, output, path))
        }

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The names of a Processing step's inputs."""
        return _names(Request(self.name, self.arguments).inputs, "InputName")

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The names of a Processing step's outputs."""
        return _names(Request(self.name, self.arguments).outputs, "OutputName")

    @property
    def tags(self) -> tuple[str, ...]:
        """The keys of the tags that its job gets."""
        return _names(objects(self.arguments.get("Tags"), ""), "Key")

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """Its expressions, inner ones too, but not those of steps in its branches."""
        return tuple(
            Expression(self.name, field.removeprefix("."), body)
            for field, body in find(self.own, "")
        )

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """Every mention of another step: in expressions and in DependsOn."""
        matches = ((one.field, STEP.fullmatch(one.get)) for one in self.expressions)
        found = [Reference(self.name, field, *m.groups()) for field, m in matches if m]
        for field, dependency in self._dependencies():
            found.append(Reference(self.name, field, dependency.step, ""))
        return tuple(found)

    @cached_property
    def waits_for(self) -> frozenset[str]:
        """The steps that must come before: referred to, declared, or its Condition step."""
        names = {reference.target for reference in self.references}
        return frozenset(names | ({self.branch.condition} if self.branch else set()))

    def listed(self, member: str) -> Iterator[tuple[str, Mapping[str, Json]]]:
        """The objects in one of its lists, such as RetryPolicies, with their fields."""
        return objects(self.body.get(member), member)

    def _dependencies(self) -> Iterator[tuple[str, Dependency]]:
        entries = self.body.get("DependsOn")
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            name, trigger = entry, None
            if isinstance(entry, Mapping):
                name, trigger = entry.get("Step"), entry.get("Trigger")
            if isinstance(name, str):
                found = Dependency(name, "" if trigger is None else str(trigger))
                yield f"DependsOn[{index}]", found


def _names(entries: Iterable[tuple[str, Mapping[str, Json]]], member: str) -> tuple[str, ...]:
    return tuple(entry[member] for _, entry in entries if isinstance(entry.get(member), str))
