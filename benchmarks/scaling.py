"""docs/scaling.md: sharding and instance counts at a terabyte, simulated from measurements."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import balance
from benchmarks.bench import MB
from benchmarks.report import markdown
from benchmarks.results import TIMES
from sagepipe.cli.estimate import PRICES, duration
from sagepipe.report import costs
from sagepipe.report.costs import Assumptions, Measured, Prices

TB = 1e12
COUNTS = (2, 8, 20, 100)
SHAPES = ((17_000, 60 * MB), (1000, 1000 * MB))
PCA, PREPROCESS, SPARK = "ml.m5.large", "ml.m5.xlarge", "ml.m5.xlarge"
_DRAWS = 5


def page(results: Path) -> str:
    """Return the page; the same from the same results, so a test can compare it.

    Raises:
        SettingsError: the results lack what it needs.
    """
    measured, prices = costs.load_measured(results), costs.load_prices(PRICES)
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
    lines += ["", "## One terabyte", "", *_assumptions(measured, prices), ""]
    for step, type_ in (("Preprocess", PREPROCESS), ("Pca", PCA), ("SparkTransform", SPARK)):
        lines += [
            f"{step} on {type_}, 17,000 recordings:",
            "",
            *_cost(step, type_, measured, prices),
            "",
        ]
    lines += [
        "## What follows",
        "",
        "- Startup is paid on every instance. Where it is more than half of a row's wall time, "
        "fewer instances cost less and take hardly longer.",
        "- Up to there, twice the instances halve the time at nearly the same cost.",
        "- Fewer recordings than a few times the instances leave some idle in Preprocess: the "
        "longest recording sets the time. Give such data larger instances rather than more: the "
        f"scripts divide a recording among up to {costs._MOST_THREADS} cores.",
        "- Parts need no care: any count from 2 to 100 is balanced within a few percent.",
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


def _assumptions(measured: Measured, prices: Prices) -> list[str]:
    assumed = Assumptions()
    rates = ", ".join(f"{step} {rate / MB:.0f}" for step, rate in measured.rates.items())
    return [
        f"Measured: MB of raw CSV per second of one core: {rates}; a second core makes Preprocess "
        f"{measured.gains['Preprocess']:.2f} {TIMES} as fast and Pca {measured.gains['Pca']:.2f} "
        f"{TIMES} ({measured.machine}). Assumed: {assumed.startup:.0f} s until a script "
        f"runs, paid for; a vCPU does {assumed.vcpu:.0%} of that core's work; S3 transfers reach "
        f"{assumed.network:.0%} of the type's baseline bandwidth. Prices: {prices.as_of}.",
    ]


def _cost(step: str, type_: str, measured: Measured, prices: Prices) -> list[str]:
    recordings = SHAPES[0][0]
    work = costs.lognormal(TB, recordings)
    rows = []
    for count in COUNTS:
        one = costs.estimate(step, work, prices.instances[type_], count, measured, Assumptions())
        rows.append(
            [
                str(count),
                duration(one.wall),
                f"{one.startup / one.wall:.0%}",
                f"{one.instance_hours:.1f}",
                f"{one.cost:.2f}",
                f"{one.volume_gb:.0f} GB" if one.volume_gb else "-",
            ]
        )
    header = (
        "instances",
        "wall",
        "of it startup",
        "instance-hours",
        prices.currency,
        "data on each",
    )
    return markdown(header, rows)


def ready(content: Mapping[str, Any]) -> bool:
    """Whether the page's measurements have been made."""
    return {"speed", "large", "pipeline"} <= set(content["scenarios"])
