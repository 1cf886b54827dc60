"""A pipeline's estimate, as text for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sagepipe.report.costs import Estimate, duration
from sagepipe.report.pipeline_estimate import PipelineEstimate, Total
from sagepipe.report.prices import UNCONFIRMED
from sagepipe.report.throughput import StepThroughput

_PAYS = 1.25  # doubling the instances pays when it makes a step this much faster


def lines(report: PipelineEstimate) -> list[str]:
    """The report for people."""
    text = [f"{report.pipeline}: {report.what}", ""]
    currency = report.model.prices.currency
    header = f"{'instances':<22}{'wall':>9}{'startup':>9}{'S3':>9}{'compute':>9}"
    header += f"{'inst.-hours':>13}{currency:>9}{'volume':>11}"
    clusters = report.workflow.clusters
    for step in clusters:
        found = report.estimates(step)
        text += [f"{step} (the first line is as defined)", f"  {header}"]
        for one in found:
            text += [_row(one), *(f"      ! {each}" for each in _words(one))]
        if any(_is_small(one) for one in found):
            text.append(f"  ! needs that volume, and the step has {clusters[step].volume:,.0f} GB")
        text += [*(f"  → {each}" for each in advice(found)), ""]
    text += ["the whole pipeline", f"  {'instances of each step':<28}{'wall':>9}{currency:>9}"]
    for total in report.totals:
        text.append(f"  {total.name:<28}{duration(total.wall):>9}{total.cost:>9.2f}{_hint(total)}")
    text += [f"  without {name}, a {type_} step" for name, type_ in report.workflow.others.items()]
    return [*text, "", *_basis(report)]


def _row(one: Estimate) -> str:
    times = (one.wall, one.startup, one.transfer, one.compute)
    cells = "".join(f"{duration(seconds):>9}" for seconds in times)
    name = f"{one.count} x {one.instance.name}"
    volume = f"{one.volume_gb:,.0f} GB"
    row = f"  {name:<22}{cells}{one.instance_hours:>13.1f}{one.cost:>9.2f}{volume:>11}"
    return f"{row} !" if _is_small(one) else row


def _is_small(one: Estimate) -> bool:
    """Whether the step's own volume is too small, and a larger one will do."""
    return any(each.kind == "volume" for each in one.obstacles)


def _words(one: Estimate) -> list[str]:
    """What stands in the way; a small volume, which nearly every row may have, is a mark in it."""
    return [each.text for each in one.obstacles if each.kind != "volume"]


def _hint(total: Total) -> str:
    words = [f"can't run so: {', '.join(total.blocked)}"] if total.blocked else []
    if total.small:
        words.append(f"on larger volumes: {', '.join(total.small)}")
    return f"   ! {'; '.join(words)}" if words else ""


def advice(found: Sequence[Estimate]) -> list[str]:
    """What follows for one step; never a run that something stands in the way of."""
    possible = [one for one in found if one.possible]
    if not possible:
        return ["none of these can run: see ! above; try other counts, types or limits"]
    text = []
    for name in dict.fromkeys(one.instance.name for one in possible):
        mine = sorted((o for o in possible if o.instance.name == name), key=lambda o: o.count)
        best = _paying(mine)
        said = f"{name}: up to {best.count} instances pay ({duration(best.wall)}, {best.cost:.2f}"
        idle = next((one for one in mine if one.startup > one.wall / 2), None)
        more = f"; from {idle.count} on, startup is more than half of the time" if idle else ""
        text.append(f"{said}{_volume(best)}){more}")
    cheapest = min(possible, key=lambda one: one.cost)
    text.append(
        f"cheapest: {cheapest.count} x {cheapest.instance.name}, {cheapest.cost:.2f} "
        f"in {duration(cheapest.wall)}{_volume(cheapest)}"
    )
    return text


def _volume(one: Estimate) -> str:
    return f", with volumes of {one.volume_gb:,.0f} GB" if _is_small(one) else ""


def _paying(ascending: Sequence[Estimate]) -> Estimate:
    """The largest count up to which each step up is worth it."""
    pays = ascending[0]
    for one in ascending[1:]:
        # What doubling gives, as these counts needn't be doubles.
        doublings = max(1.0, one.count / pays.count) - 1
        if pays.wall / one.wall < 1 + (_PAYS - 1) * min(1.0, doublings):
            break
        pays = one
    return pays


def _basis(report: PipelineEstimate) -> Iterator[str]:
    """What the estimate rests on."""
    table, prices, assumed = report.throughput, report.model.prices, report.model.assumed
    yield f"measured ({table.origin}):"
    yield f"  on {table.machine}"
    for name in report.workflow.clusters:
        yield f"  {name}: {_measured(table.steps[name])}"
    yield "assumed:"
    yield f"  {assumed.startup:.0f} s until a job's script runs, and paid for (--startup)"
    yield f"  a vCPU does {assumed.vcpu:.0%} of that core's work (--vcpu)"
    yield f"  S3 at {assumed.network:.0%} of the baseline bandwidth (--network)"
    yield f"  a job may have {assumed.quota} instances (--quota)"
    for name, cluster in report.workflow.clusters.items():
        if cluster.limit is None:
            yield f"  {name} has no time limit of its own; what the service's is isn't documented"
    yield "  steps run as soon as what they wait for has ended; nothing is cached, nothing retried"
    if any(report.workflow.definition.of_type("Condition")):
        yield "  of a condition's branches, the dearer one is run"
    yield "  every instance is paid until the slowest has ended; no requests, traffic or taxes"
    yield f"prices: {prices.region}, {prices.as_of}, volumes included ({prices.origin})"
    if report.region and report.region != prices.region:
        yield f"  those of {report.region} differ: --refresh-prices asks AWS for them"
    used = {one.instance for step in report.own for one in report.estimates(step)}
    unsure = sorted(one.name for one in used if one.source.startswith(UNCONFIRMED))
    if prices.volume_source.startswith(UNCONFIRMED):
        unsure.append("volumes")
    if unsure:
        yield f"  unconfirmed: {', '.join(unsure)}; --refresh-prices asks AWS, --prices takes yours"
    if table.quick:
        yield "NOTE: the figures are of a quick run, which is mostly startup"


def _measured(step: StepThroughput) -> str:
    cores = f"{step.second_core:.2f} times as fast on 2"
    if step.threads is not None:
        cores += f", {step.threads} at most"
    text = f"{step.rate / 1e6:.0f} MB of raw input per second of one core, {cores}"
    return text + (f" (assumed: {', '.join(step.assumed)})" if step.assumed else "")


def to_json(report: PipelineEstimate) -> dict[str, Any]:
    """The report for scripts."""
    model = report.model
    return {
        "pipeline": report.pipeline,
        "region": report.region,
        "bytes": model.work.bytes,
        "objects": len(model.work.sizes),
        "estimates": [
            _to_json(one, as_defined=one is report.own[step])
            for step in report.own
            for one in report.estimates(step)
        ],
        "advice": {step: advice(report.estimates(step)) for step in report.own},
        "totals": [
            {
                "instances": total.name,
                "wall_seconds": total.wall,
                "critical_path": total.path,
                "cost": total.cost,
                "blocked": total.blocked,
                "needs_larger_volumes": total.small,
            }
            for total in report.totals
        ],
        "not_estimated": dict(report.workflow.others),
        "prices": {
            "as_of": model.prices.as_of,
            "region": model.prices.region,
            "currency": model.prices.currency,
        },
        "measured": {"machine": report.throughput.machine, "table": report.throughput.origin},
        "assumed": vars(model.assumed),
    }


def _to_json(one: Estimate, *, as_defined: bool) -> dict[str, Any]:
    return {
        "step": one.step,
        "instance_type": one.instance.name,
        "count": one.count,
        "as_defined": as_defined,
        "wall_seconds": one.wall,
        "startup_seconds": one.startup,
        "transfer_seconds": one.transfer,
        "compute_seconds": one.compute,
        "instance_hours": one.instance_hours,
        "cost": one.cost,
        "data_gb": one.data_gb,
        "volume_gb": one.volume_gb,
        "possible": one.possible,
        "obstacles": [vars(each) for each in one.obstacles],
    }
