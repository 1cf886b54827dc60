"""pipelines/throughput.toml: what the steps do in a second, for `python -m pipelines.estimate`."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.measure import BenchmarkError
from sagepipe.report.throughput import StepThroughput, Throughput, dump

FILE = "throughput.toml"
SCENARIOS = ("speed", "large", "pipeline", "spark")

THREADS = 8  # ecglib.workers.MOST

# Counted once and not by a scenario, which measure time.
# `pca.py --scope recording --format csv`, a recording of 20 MB, 4 components of 4 leads.
CSV_OUT = 2.2

HEAD = """\
What the steps do in a second, for `python -m pipelines.estimate`. sagepipe/report/throughput.py
tells what each figure is.
Written by `python -m benchmarks` from benchmarks/results/results.json; not to be edited."""


def ready(content: Mapping[str, Any]) -> bool:
    """Whether the table's measurements have been made."""
    return set(SCENARIOS) <= set(content["scenarios"])


def text(content: Mapping[str, Any]) -> str:
    """The file; the same from the same results, so a test can compare it. See `table`."""
    return dump(table(content), HEAD)


def table(content: Mapping[str, Any]) -> Throughput:
    """The figures of every step, from recordings of 4 leads.

    Raises:
        BenchmarkError: the results lack what it needs.
    """
    try:
        return _table(content["scenarios"])
    except KeyError as error:
        raise BenchmarkError(f"the results have no {error}, which the throughput needs") from None


def _table(scenarios: Mapping[str, Any]) -> Throughput:
    used = [scenarios[name] for name in SCENARIOS]
    figures = {name: value for one in used for name, value in one["figures"].items()}
    parts = figures["part_bytes"] / figures["raw_bytes"]
    gains = {name: figures[f"{name}_gain_of_2_cores"] for name in ("preprocess", "pca")}
    # No figure of its own: the median of the runs that the page shows.
    alone = statistics.median(
        run["cpu"] for run in scenarios["speed"]["runs"]["4 leads"]["Pca of each recording"]
    )
    steps = {
        "Preprocess": StepThroughput(
            rate=figures["preprocess_bytes_per_cpu_second"],
            read=1.0,
            written=parts,
            second_core=gains["preprocess"],
            threads=THREADS,
            shares="objects",
        ),
        "Pca": StepThroughput(
            rate=figures["pca_bytes_per_cpu_second"],
            read=parts,
            written=parts,
            second_core=gains["pca"],
            threads=THREADS,
            assumed=("written",),
        ),
        "SparkTransform": StepThroughput(
            rate=figures["spark_bytes_per_core_second"],
            read=parts,
            written=0.0,
            shuffle=figures["spark_shuffled_bytes_per_raw_byte"],
            streams=True,
            assumed=("read", "written", "second_core"),
        ),
        "PcaRecordings": StepThroughput(
            rate=figures["raw_bytes"] / alone,
            read=1.0,
            written=CSV_OUT,
            second_core=gains["preprocess"],
            threads=THREADS,
            shares="objects",
            assumed=("written", "second_core"),
        ),
    }
    return Throughput(
        scenarios["speed"]["measured"]["processor"],
        steps,
        FILE,
        quick=any(one["quick"] for one in used),
    )
