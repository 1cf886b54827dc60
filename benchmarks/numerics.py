"""Numerical safety, measured on hard data against 80-bit arithmetic."""

from __future__ import annotations

import json
import subprocess

from benchmarks.bench import Bench
from benchmarks.measure import BenchmarkError
from benchmarks.results import Result, Table

ROWS = 20_000


def run(bench: Bench) -> Result:
    """Compare ours, scikit-learn's two solvers and the naive formula."""
    command = bench.baseline("numerics", 1000 if bench.quick else ROWS)
    done = subprocess.run(
        command, env=bench.environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkError(f"numerics: {done.stderr.strip()[-800:]}")
    found = json.loads(done.stdout)
    ways = list(next(iter(found.values())))
    rows = [
        [case, *(f"{e['variance']:.0e} / {e['angle']:.0e}" for e in by_way.values())]
        for case, by_way in found.items()
    ]
    table = Table(
        "Largest relative error of a variance / largest angle of a component",
        ("data", *ways),
        rows,
        f"Against long double (64-bit mantissa), {ROWS} rows of 12 leads unless said otherwise.",
    )
    return Result([], [table], {}, found)
