"""docs/scaling.md: sharding and instance counts at a terabyte, simulated from measurements."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks import balance, throughput
from benchmarks.bench import MB
from benchmarks.report import markdown
from benchmarks.results import TIMES
from pipelines import PROJECT
from sagepipe.report import clusters, costs, prices
from sagepipe.report.clusters import Cluster
from sagepipe.report.costs import QUOTA, Assumptions, Estimate, Model, duration
from sagepipe.report.throughput import Throughput
from sagepipe.settings.facts import Settings

TB = 1e12
PIPELINE = "ecg-pca"
COUNTS = (2, 4, 8, QUOTA)
SHAPES = ((17_000, 60 * MB), (1000, 1000 * MB))
_DRAWS = 5


def page(content: Mapping[str, Any]) -> str:
    """Return the page; the same from the same results and definition, so a test can compare it.

    Raises:
        BenchmarkError: the results lack what it needs.
    """
    table = throughput.table(content)
    model = Model(costs.lognormal(TB, SHAPES[0][0]), prices.load(prices.SHIPPED), Assumptions())
    definition = PROJECT[PIPELINE].built(Settings.local(PIPELINE)).document
    workflow = clusters.read(definition, {})
    lines = [
        "# Scaling",
        "",
        "Written by `python -m benchmarks` from `benchmarks/results/results.json`; not to be "
        "edited. `python -m pipelines.estimate` makes such figures for your data and prices.",
        "",
        "## Why whole recordings don't balance",
        "",
        "`ShardedByS3Key` gives every instance the same number of objects, give or take one, "
        "however large they are. The slowest instance takes max/mean times as long as with even "
        "shares, and all the others are paid for while they wait. Preprocess has to live with "
        "that, as it is given recordings; it writes parts of equal size, so that Pca and whatever "
        "comes after it needn't. max/mean bytes, with 1 TB in recordings of lognormal size "
        f"(sigma 1), mean of {_DRAWS} draws:",
        "",
    ]
    header = ("recordings", "instances", "whole recordings", "our parts", "idle with recordings")
    lines += markdown(header, _balance_rows())
    lines += ["", "## One terabyte", "", *_assumptions(table, model), ""]
    for step, cluster in workflow.clusters.items():
        type_ = cluster.instance_type
        lines += [f"{step} on {type_}, {SHAPES[0][0]:,} recordings:", ""]
        lines += [*_cost(cluster, model, table), ""]
    lines += [
        "## What follows",
        "",
        "- Startup is paid on every instance. Where it is more than half of a row's wall time, "
        "fewer instances cost less and take hardly longer.",
        "- Up to there, twice the instances halve the time at nearly the same cost.",
        "- Fewer recordings than a few times the instances leave some idle in Preprocess: the "
        "longest recording sets the time. Give such data larger instances rather than more: the "
        f"scripts divide a recording among up to {throughput.THREADS} cores.",
        f"- Parts need no care: any count from 2 to {QUOTA} is balanced within a few percent.",
        "- A volume is what inputs, outputs and Spark's shuffle need on each instance: set the "
        "step's `…VolumeSize` to it. The default is for data that fits it.",
        f"- A job has at most {QUOTA} instances, unless the account has been given more. What is "
        "slower than its step's time limit even then wants larger instances.",
    ]
    return "\n".join(lines) + "\n"


def _balance_rows() -> list[list[str]]:
    rows = []
    for recordings, mean in SHAPES:
        for count in COUNTS:
            found = balance.simulate(recordings, mean, count, _DRAWS, preprocess_instances=count)
            raw, parts = (statistics.fmean(found[kind]) for kind in ("raw", "parts"))
            shape = f"{recordings:,} of {mean / MB:,.0f} MB"
            rows.append([shape, str(count), f"{raw:.2f}", f"{parts:.3f}", f"{1 - 1 / raw:.0%}"])
    return rows


def _assumptions(table: Throughput, model: Model) -> list[str]:
    assumed = model.assumed
    steps = {name: table.steps[name] for name in ("Preprocess", "Pca", "SparkTransform")}
    rates = ", ".join(f"{name} {step.rate / MB:.0f}" for name, step in steps.items())
    return [
        f"Measured: MB of raw CSV per second of one core: {rates}; a second core makes Preprocess "
        f"{steps['Preprocess'].second_core:.2f} {TIMES} as fast and Pca "
        f"{steps['Pca'].second_core:.2f} {TIMES} ({table.machine}). Assumed: "
        f"{assumed.startup:.0f} s until a script runs, paid for; a vCPU does {assumed.vcpu:.0%} of "
        f"that core's work; S3 transfers reach {assumed.network:.0%} of the type's baseline "
        f"bandwidth; Spark shuffles {steps['SparkTransform'].shuffle:.1g} bytes for each byte of "
        f"raw CSV. Prices: {model.prices.region}, {model.prices.as_of}, volumes included.",
    ]


def _cost(cluster: Cluster, model: Model, table: Throughput) -> list[str]:
    instance = model.prices.instance(cluster.instance_type)
    rows = [
        _row(model.estimate(cluster, table.steps[cluster.step], instance, count))
        for count in COUNTS
    ]
    header = (
        "instances",
        "wall",
        "of it startup",
        "instance-hours",
        model.prices.currency,
        "volume of each",
        "can it run?",
    )
    return markdown(header, rows)


def _row(one: Estimate) -> list[str]:
    # The volume shown is the one to set, so the step's own being smaller stands in no way.
    ways = [obstacle.text for obstacle in one.obstacles if obstacle.kind != "volume"]
    return [
        str(one.count),
        duration(one.wall),
        f"{one.startup / one.wall:.0%}",
        f"{one.instance_hours:.1f}",
        f"{one.cost:.2f}",
        f"{one.volume_gb:,.0f} GB",
        f"no: {'; '.join(ways)}" if ways else "yes",
    ]
