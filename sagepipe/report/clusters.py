"""What the jobs of a pipeline ask for: read from its definition, with values for its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagepipe.errors import DefinitionError, ExpressionError, Problem
from sagepipe.language import expressions, parameters, validate
from sagepipe.language.definition import Definition
from sagepipe.language.expressions import Scope
from sagepipe.language.step import Step

_WITHOUT_A_JOB = ("Condition", "Fail")


@dataclass(frozen=True)
class Cluster:
    """The instances of one processing step.

    `limit` is the step's own MaxRuntimeInSeconds, None where it sets none; `volume` the GB that
    each instance gets.
    """

    step: str
    instance_type: str
    count: int
    volume: float
    limit: int | None


@dataclass(frozen=True)
class Workflow:
    """A definition as an estimate sees it: the processing steps' clusters, and what waits for what.

    `others` are steps that run jobs of other kinds, by name, with their type.
    """

    definition: Definition
    clusters: Mapping[str, Cluster]
    others: Mapping[str, str]

    def critical(self, seconds: Mapping[str, float]) -> tuple[float, tuple[str, ...]]:
        """The time until the last step has ended, when each starts as soon as it can, and the
        steps that make it up. A step that `seconds` has not, or that isn't run, takes no time."""
        ends: dict[str, tuple[float, tuple[str, ...]]] = {}

        def end(name: str) -> tuple[float, tuple[str, ...]]:
            if name not in ends:
                before = [end(one) for one in sorted(self.definition.steps[name].waits_for)]
                since, path = max(before, default=(0.0, ()))
                ends[name] = since + seconds.get(name, 0.0), (*path, name)
            return ends[name]

        wall, path = max(map(end, self.definition.steps), default=(0.0, ()))
        return wall, tuple(name for name in path if seconds.get(name))

    def dearest(self, cost: Mapping[str, float]) -> frozenset[str]:
        """The steps that run when each condition takes the branch that costs more."""
        return frozenset(self._dearest(cost, None))

    def _dearest(self, cost: Mapping[str, float], condition: str | None) -> list[str]:
        chosen: dict[bool | None, list[str]] = {}
        for step in self.definition.steps.values():
            branch = step.branch
            if (branch.condition if branch else None) == condition:
                inner = self._dearest(cost, step.name) if step.type == "Condition" else []
                outcome = branch.outcome if branch else None
                chosen.setdefault(outcome, []).extend([step.name, *inner])
        return max(
            chosen.values(), key=lambda names: sum(cost.get(one, 0) for one in names), default=[]
        )


def read(document: Mapping[str, Any], given: Mapping[str, str]) -> Workflow:
    """The clusters of a validated definition, its parameters having the values given or defaults.

    Raises:
        ParameterError: a parameter is unknown, has a wrong value, or has none.
        DefinitionError: what a step runs on can't be told before it runs.
    """
    definition = validate.parse(document)
    scope = Scope(parameters.resolve(definition.parameters, given), {}, _unknown, _unknown)
    jobs = [step for step in definition.written if step.type not in _WITHOUT_A_JOB]
    return Workflow(
        definition,
        {one.name: _cluster(one, scope) for one in jobs if one.type == "Processing"},
        {one.name: one.type for one in jobs if one.type != "Processing"},
    )


def _cluster(step: Step, scope: Scope) -> Cluster:
    field = "Arguments.ProcessingResources"
    try:
        asked = expressions.evaluate(step.arguments["ProcessingResources"], scope)["ClusterConfig"]
        field = "Arguments.StoppingCondition"
        stop = expressions.evaluate(step.arguments.get("StoppingCondition") or {}, scope)
        return Cluster(
            step.name,
            str(asked["InstanceType"]),
            int(asked["InstanceCount"]),
            float(asked["VolumeSizeInGB"]),
            int(stop["MaxRuntimeInSeconds"]) if "MaxRuntimeInSeconds" in stop else None,
        )
    except ExpressionError as error:
        raise DefinitionError(
            [Problem(step.name, field, f"not known before it runs: {error}")]
        ) from error


def _unknown(*asked: str) -> str:
    raise ExpressionError(f"{' '.join(asked)} is a result of the run")
