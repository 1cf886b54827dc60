"""An estimate of a whole pipeline: each step as it is defined and in other ways, and in all."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sagepipe.errors import SettingsError
from sagepipe.report.clusters import Cluster, Workflow
from sagepipe.report.costs import Estimate, Model
from sagepipe.report.throughput import StepThroughput, Throughput


@dataclass(frozen=True)
class Total:
    """All steps of one way to run the pipeline.

    `wall` is along the critical path, whose steps are `path`; of a condition's branches the dearer
    one is counted. `blocked` names the steps that can't run so, `small` those that can, on larger
    volumes than the definition's.
    """

    name: str
    wall: float
    path: tuple[str, ...]
    cost: float
    blocked: tuple[str, ...]
    small: tuple[str, ...]


@dataclass(frozen=True)
class PipelineEstimate:
    """Estimates by step: `own` with the clusters of the definition, `others` with those asked for.

    `totals` are those of the definition first, then one for each type and count. `region` is the
    user's, if it is known.
    """

    pipeline: str
    what: str
    region: str | None
    model: Model
    workflow: Workflow
    throughput: Throughput
    own: Mapping[str, Estimate]
    others: Mapping[str, Sequence[Estimate]]
    totals: Sequence[Total]

    def estimates(self, step: str) -> tuple[Estimate, ...]:
        """A step's own cluster first, then the others."""
        own = self.own[step]
        same = (own.instance.name, own.count)
        rest = [one for one in self.others[step] if (one.instance.name, one.count) != same]
        return (own, *rest)


def make(
    pipeline: str,
    what: str,
    region: str | None,
    model: Model,
    workflow: Workflow,
    throughput: Throughput,
    types: Sequence[str],
    counts: Sequence[int],
) -> PipelineEstimate:
    """Estimate every step with its own cluster, and with each of these types and counts.

    Without `types`, those of the definition. Raises `SettingsError`: a step has no figures, or a
    type no price.
    """
    figures = {name: _figures(cluster, throughput) for name, cluster in workflow.clusters.items()}
    clusters = workflow.clusters
    own = {
        name: model.estimate(
            one, figures[name], model.prices.instance(one.instance_type), one.count
        )
        for name, one in clusters.items()
    }
    ways = [
        (
            f"{count} x {type_ or 'each its own type'}",
            {
                name: model.estimate(
                    one, figures[name], model.prices.instance(type_ or one.instance_type), count
                )
                for name, one in clusters.items()
            },
        )
        for type_, count in itertools.product(types or [""], counts)
    ]
    totals = [_total("as defined", own, workflow)]
    totals += [_total(name, found, workflow) for name, found in ways]
    others = {name: tuple(found[name] for _, found in ways) for name in clusters}
    return PipelineEstimate(
        pipeline, what, region, model, workflow, throughput, own, others, totals
    )


def _figures(cluster: Cluster, throughput: Throughput) -> StepThroughput:
    if cluster.step not in throughput.steps:
        raise SettingsError(
            f"the throughput table {throughput.origin} has no [steps.{cluster.step}]; it has "
            f"{', '.join(throughput.steps) or 'no steps'}. Measure the step and add its figures, "
            "or give another table with --throughput"
        )
    return throughput.steps[cluster.step]


def _total(name: str, found: Mapping[str, Estimate], workflow: Workflow) -> Total:
    run = workflow.dearest({step: one.cost for step, one in found.items()})
    counted = {step: one for step, one in found.items() if step in run}
    wall, path = workflow.critical({step: one.wall for step, one in counted.items()})
    blocked = tuple(step for step, one in counted.items() if not one.possible)
    small = tuple(step for step, one in counted.items() if one.possible and one.obstacles)
    return Total(name, wall, path, sum(one.cost for one in counted.values()), blocked, small)
