"""The whole pipeline on this machine, Spark and all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import data
from benchmarks.bench import MB, ROOT, Bench
from benchmarks.measure import BenchmarkError
from benchmarks.results import Result, Table

STEPS = ("Preprocess", "Pca", "SparkTransform")
FILES = (1, 4)


def run(bench: Bench) -> Result:
    """Run it over 1 and over 4 recordings of 60 MB."""
    files = data.equal(bench.folder / "recordings" / "4-leads", 4, 8, bench.size(60 * MB)).files
    took: dict[int, dict[str, float]] = {}
    for count in FILES:
        raw = bench.scratch("raw")
        data.link(files[:count], raw)
        took[count] = _run(bench, raw)
        bench.tell(
            f"  {count} recordings: " + ", ".join(f"{k} {v:.1f} s" for k, v in took[count].items())
        )
    table = Table(
        "python -m pipelines.run, all instances at once on this machine, wall time in s",
        ("recordings of 60 MB", *STEPS, "whole command"),
        [
            [str(count), *(f"{times[step]:.1f}" for step in STEPS), f"{times['whole']:.1f}"]
            for count, times in took.items()
        ],
    )
    figures = {"spark_first_seconds": took[FILES[0]]["SparkTransform"]}
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
