"""The whole pipeline on this machine, Spark and all, and what SparkTransform does in a second."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import data
from benchmarks.bench import MB, ROOT, Bench, cores
from benchmarks.measure import BenchmarkError
from benchmarks.results import Result, Table

STEPS = ("Preprocess", "Pca", "SparkTransform")
FILES = (1, 4)


def run(bench: Bench) -> Result:
    """Run it over 1 and over 4 recordings of 60 MB: the difference is without Spark's start."""
    files = data.equal(bench.folder / "recordings" / "4-leads", 4, 8, bench.size(60 * MB)).files
    took: dict[int, dict[str, float]] = {}
    for count in FILES:
        raw = bench.scratch("raw")
        data.link(files[:count], raw)
        took[count] = _run(bench, raw)
        bench.tell(
            f"  {count} recordings: " + ", ".join(f"{k} {v:.1f} s" for k, v in took[count].items())
        )
    size = files[0].stat().st_size
    few, many = FILES
    more = took[many]["SparkTransform"] - took[few]["SparkTransform"]
    # Noise may make more data faster in a quick run, where startup is all there is.
    rate = (many - few) * size / max(more, 0.1) / len(cores())
    table = Table(
        "python -m pipelines.run, all instances at once on this machine, wall time in s",
        ("recordings of 60 MB", *STEPS, "whole command"),
        [
            [str(count), *(f"{times[step]:.1f}" for step in STEPS), f"{times['whole']:.1f}"]
            for count, times in took.items()
        ],
        "SparkTransform alone does "
        f"{rate / MB:.0f} MB of raw CSV per second and core, its start left out.",
    )
    figures = {
        "spark_bytes_per_core_second": rate,
        "spark_first_seconds": took[few]["SparkTransform"],
    }
    return Result((), [table], figures, {str(count): times for count, times in took.items()})


def _run(bench: Bench, raw: Path) -> dict[str, float]:
    store = bench.scratch("store")
    command = [sys.executable, "-m", "pipelines.run", "--input", str(raw), "--store", str(store)]
    command += ["--quiet", "--json", "-p", "Split=1,0,0", "-p", "NComponents=all"]
    began = time.perf_counter()
    environment = {**os.environ, "XDG_CACHE_HOME": str(bench.folder / "cache")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    whole = time.perf_counter() - began
    shutil.rmtree(store)
    if done.returncode:
        raise BenchmarkError(f"the pipeline's run failed: {done.stderr.strip()[-600:]}")
    steps = json.loads(done.stdout)["steps"]
    return {**{name: float(steps[name]["seconds"]) for name in STEPS}, "whole": whole}
