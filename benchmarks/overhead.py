"""What the local engine adds to the scripts that it runs, and that its staging copies nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.bench import GB, MB, Bench
from benchmarks.measure import BenchmarkError, Spread, spread
from benchmarks.results import Result, Table, Target

MANY = 8
_SCRIPT = """\
import json, pathlib, sys
raw, out = sys.argv[1:]
size = sum(path.stat().st_size for path in pathlib.Path(raw).iterdir())
pathlib.Path(out).mkdir(parents=True, exist_ok=True)
pathlib.Path(out, sys.argv[0].rpartition("/")[2] + ".json").write_text(json.dumps(size))
"""


def run(bench: Bench) -> Result:
    """Run a script that does almost nothing, bare and as a step of 1 and of 8 instances."""
    from sagepipe import run as run_definition  # beside us, so no dependency of the others

    folder = bench.scratch("engine")
    script = folder / "script.py"
    script.write_text(_SCRIPT, encoding="utf-8")
    long = _long(bench)

    def engine(count: int, mode: str) -> Callable[[], None]:
        def go() -> None:
            store = bench.scratch("store")
            result = run_definition(
                _definition(count),
                store=store,
                buckets={"recordings": f"{long.parent}:ro"},
                objects={"s3://code/script.py": script},
                cache=False,
                unchecked=True,
            )
            if not result.succeeded:
                raise BenchmarkError(f"the engine's run failed: {result.reason}")
            used = sum(p.lstat().st_blocks for p in store.rglob("*")) * 512
            copied[mode] = max(copied.get(mode, 0), used)

        return go

    def bare(count: int) -> Callable[[], None]:
        def go() -> None:
            out = bench.scratch("bare")
            command = [sys.executable, str(script), str(long.parent), str(out)]
            processes = [subprocess.Popen(command) for _ in range(count)]
            codes = [process.wait() for process in processes]
            if any(codes):
                raise BenchmarkError("the script failed, bare")

        return go

    copied: dict[str, int] = {}
    rounds = 2 * bench.rounds + 1
    contestants = {
        "bare, 1 process": bare(1),
        "engine, 1 instance": engine(1, "1"),
        f"bare, {MANY} processes": bare(MANY),
        f"engine, {MANY} instances": engine(MANY, "8"),
    }
    contestants["engine, 1 instance"]()  # what is imported and tried out once
    took: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            began = time.perf_counter()
            contestant()
            took[name].append(time.perf_counter() - began)
    for name, times in took.items():
        bench.tell(f"  {name:<24} {statistics.median(times):.3f} s wall")
    step = _difference(took["engine, 1 instance"], took["bare, 1 process"])
    many = _difference(took[f"engine, {MANY} instances"], took[f"bare, {MANY} processes"])
    instance = (many.median - step.median) / (MANY - 1)
    return Result(
        targets=[
            Target("engine, a step of one instance", step.median, "<=", 0.3, "s", step.text(".3f")),
            Target("engine, each further instance", max(0.0, instance), "<=", 0.05, "s"),
            Target(
                "engine, staging a 2 GB input, bytes written",
                max(copied.values()) / MB,
                "<=",
                1,
                "MB",
            ),
        ],
        tables=[
            Table(
                f"The local engine with an input of {long.stat().st_size / MB:.0f} MB",
                ("what", "wall s"),
                [[name, spread(times).text(".3f")] for name, times in took.items()],
                "Each instance is a Python process that looks at the size of its input.",
            )
        ],
        figures={"engine_step_seconds": step.median, "engine_instance_seconds": instance},
        runs={name: [round(t, 4) for t in times] for name, times in took.items()},
    )


def _difference(above: list[float], below: list[float]) -> Spread:
    return spread([a - b for a, b in zip(above, below, strict=True)])


def _long(bench: Bench) -> Path:
    folder = bench.folder / "recordings"
    eight = data.equal(folder / "4-leads", 4, 8, bench.size(60 * MB))
    return data.long(folder / "long", eight, bench.size(2 * GB)).files[0]


def _definition(count: int) -> dict[str, Any]:
    base = "/opt/ml/processing"

    def source(name: str, uri: str) -> dict[str, Any]:
        return {
            "InputName": name,
            "AppManaged": False,
            "S3Input": {
                "S3Uri": uri,
                "LocalPath": f"{base}/{name}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
                "S3DataDistributionType": "FullyReplicated",
                "S3CompressionType": "None",
            },
        }

    arguments = {
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": count,
                "VolumeSizeInGB": 30,
            }
        },
        "AppSpecification": {
            "ImageUri": "image",
            "ContainerEntrypoint": [
                "python3",
                f"{base}/code/script.py",
                f"{base}/raw",
                f"{base}/out",
            ],
        },
        "ProcessingInputs": [
            source("raw", "s3://recordings/"),
            source("code", "s3://code/script.py"),
        ],
        "ProcessingOutputConfig": {"Outputs": []},
        "RoleArn": "arn:aws:iam::000000000000:role/local",
    }
    step = {"Name": "Step", "Type": "Processing", "Arguments": arguments}
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": [step]}
