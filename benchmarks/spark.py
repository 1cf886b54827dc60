"""SparkTransform as on the service, against itself before and engines without a cluster."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks import data, measure
from benchmarks.bench import BASELINES, CODE, MB, Bench, cores
from benchmarks.measure import BenchmarkError, Usage, cpu, peak
from benchmarks.results import Result, Table, Target
from sagepipe.local.spark import distribution

OURS, ROWS, BEFORE = "SparkTransform", "SparkTransform, --reader rows", "Spark SQL, as before"
DUCKDB, POLARS, NUMPY = "DuckDB, with lag", "Polars", "numpy alone"
WINDOW, STEP = 10, 5

FILES = 8
COPIES = 8
"""Times that a fast contestant gets the same parts, as so many splits, to have much more to do."""

# As the image has it: the full JIT and the parallel collector. The heap is the least, on purpose.
_JAVA = "-XX:+UseParallelGC"
_HEAP = "512m"


@dataclass(frozen=True)
class Contestant:
    """Reads a folder of components and writes features to another; `copies` of the data."""

    command: Callable[[Path, Path], Sequence[str]]
    copies: int


@dataclass(frozen=True)
class Source:
    """Components of recordings of so many bytes of raw CSV: `FILES` of them, one, and copies."""

    bytes: int
    all: Path
    one: Path
    copies: dict[int, Path]


def run(bench: Bench) -> Result:
    """CPU seconds for little and for much data: the difference is without the start."""
    everybody = _contestants(bench)
    rates: dict[int, dict[str, float]] = {}
    rows: list[list[str]] = []
    runs: dict[str, Any] = {}
    shuffled = 0.0
    for leads, contestants in ((4, everybody), (12, {OURS: everybody[OURS]})):
        source = _components(bench, leads)
        little = _in_turns(bench, contestants, dict.fromkeys(contestants, source.one))
        _require_same(bench, contestants)
        sources = {name: source.copies[one.copies] for name, one in contestants.items()}
        much = _in_turns(bench, contestants, sources)
        runs[f"{leads} leads"] = {
            "little": measure.as_json(little),
            "much": measure.as_json(much),
        }
        rates[leads] = {}
        for name, contestant in contestants.items():
            bytes_ = source.bytes * contestant.copies - source.bytes / FILES
            seconds = cpu(much[name]).median - cpu(little[name]).median
            # Noise may make more data faster in a quick run, where the start is all there is.
            rates[leads][name] = bytes_ / max(seconds, 0.1)
            rows.append(
                [
                    *(str(leads), name),
                    *(cpu(usages[name]).text(".2f") for usages in (little, much)),
                    f"{rates[leads][name] / MB:.0f}",
                    *(f"{peak(usages[name]):.0f}" for usages in (little, much)),
                ]
            )
        if leads == 4:
            shuffled = _shuffled(bench, source) / source.bytes
    figures = {
        "spark_bytes_per_core_second": rates[4][OURS],
        "spark_shuffled_bytes_per_raw_byte": shuffled,
    }
    absent = [name for name in (DUCKDB, POLARS) if name not in rates[4]]
    table = Table(
        f"Windows of {WINDOW} s every {STEP} s, all cores, full JIT, Spark with a heap of {_HEAP}",
        (
            *("leads", "what", "one recording: CPU s", "many: CPU s", "MB per CPU s"),
            *("one: peak MiB", "many: peak MiB"),
        ),
        rows,
        f"Recordings have 60 MB; many are {FILES}, or {COPIES} times as many for whoever is fast. "
        "MB are of raw CSV, of what many take more than one: the start is left out."
        + (f" Not installed here: {', '.join(absent)}." if absent else ""),
    )
    return Result(tuple(_targets(rates)), [table], figures, runs)


def _targets(rates: dict[int, dict[str, float]]) -> list[Target]:
    targets = [
        Target(f"{OURS}, {leads} leads, raw CSV", rates[leads][OURS] / MB, ">=", bound, "MB/CPU s")
        for leads, bound in ((4, 100.0), (12, 50.0))
    ]
    if DUCKDB in rates[4]:
        times = rates[4][OURS] / rates[4][DUCKDB]
        targets.append(Target(f"{OURS} against DuckDB with lag, 4 leads", times, ">=", 1.0))
    return targets


# --- contestants ----------------------------------------------------------------------------


def _contestants(bench: Bench) -> dict[str, Contestant]:
    micros = str(STEP * 1_000_000)

    def ours(*more: str) -> Callable[[Path, Path], Sequence[str]]:
        return lambda source, target: _submit(
            bench,
            str(CODE / "spark_transform.py"),
            *("--input", source.as_uri(), "--output", target.as_uri()),
            *("--window", str(WINDOW), "--step", str(STEP), *more),
        )

    def before(source: Path, target: Path) -> Sequence[str]:
        script = str(BASELINES / "spark_sql.py")
        return _submit(bench, script, source.as_uri(), target.as_uri(), f"{WINDOW}000000", micros)

    def engine(name: str, *more: str) -> Callable[[Path, Path], Sequence[str]]:
        return lambda source, target: bench.baseline(name, source, target, micros, *more)

    found = {
        OURS: Contestant(ours(), COPIES),
        ROWS: Contestant(ours("--reader", "rows"), COPIES // 2),
        BEFORE: Contestant(before, 1),
        NUMPY: Contestant(engine("numpy_windows"), COPIES),
    }
    if _installed(bench, "duckdb"):
        threads = str(len(cores()))
        found[DUCKDB] = Contestant(engine("duckdb_windows", threads), 1)
    if _installed(bench, "polars"):
        found[POLARS] = Contestant(engine("polars_windows"), 1)
    return found


def _installed(bench: Bench, module: str) -> bool:
    return not subprocess.run([bench.python, "-c", f"import {module}"], check=False).returncode


def _submit(bench: Bench, script: str, *arguments: str, conf: Sequence[str] = ()) -> list[str]:
    spark = distribution.find()
    settings = [
        "spark.ui.enabled=false",
        f"spark.sql.shuffle.partitions={2 * len(cores())}",
        "spark.sql.sources.partitionColumnTypeInference.enabled=false",
        f"spark.driver.defaultJavaOptions={_JAVA}",
        *conf,
    ]
    return [
        *("env", f"JAVA_HOME={spark.java_home}", f"SPARK_HOME={spark.spark_home}"),
        *("SPARK_LOCAL_IP=127.0.0.1", "SPARK_LOCAL_HOSTNAME=localhost"),
        f"PYSPARK_PYTHON={bench.python}",
        *(
            str(spark.spark_home / "bin/spark-submit"),
            "--master",
            f"local[{len(cores())}]",
            "--driver-memory",
            _HEAP,
        ),
        *(word for setting in settings for word in ("--conf", setting)),
        *(script, *arguments),
    ]


def _components(bench: Bench, leads: int) -> Source:
    """What Preprocess and Pca make of recordings."""
    folder = bench.folder / "recordings" / f"{leads}-leads"
    recordings = data.equal(folder, leads, FILES, bench.size(60 * MB))
    made = bench.scratch(f"components-{leads}")
    everything, copies = made / "pca" / "components", {1: made / "pca" / "components"}
    bench.run(bench.preprocess(recordings.folder, made / "parts"))
    bench.run(bench.pca(made / "parts", made / "pca"))
    parts = sorted((everything / "split=train").iterdir())
    one = made / "one"
    data.link(parts[: max(1, len(parts) // FILES)], one / "split=train")
    for count in (COPIES // 2, COPIES):
        copies[count] = made / f"{count}-fold"
        for number in range(count):
            data.link(parts, copies[count] / f"split=copy{number}")
    return Source(recordings.bytes, everything, one, copies)


def _in_turns(
    bench: Bench, contestants: Mapping[str, Contestant], sources: Mapping[str, Path]
) -> dict[str, list[Usage]]:
    def contest(name: str) -> Callable[[], Usage]:
        # On all cores, as a cluster has them: the sum of their seconds counts.
        return lambda: bench.run(
            contestants[name].command(sources[name], _target(bench, name)), cores()
        )

    return measure.in_turns({name: contest(name) for name in contestants}, bench.rounds, bench.tell)


def _target(bench: Bench, name: str) -> Path:
    return bench.scratch(_folder(name)) / "features"


def _folder(name: str) -> str:
    """A name that is the same as a URI."""
    return "features-of-" + "".join(letter for letter in name if letter.isalnum())


def _shuffled(bench: Bench, source: Source) -> float:
    """The bytes that our tasks write for each other, by Spark's event log."""
    logs = bench.scratch("events")
    conf = ("spark.eventLog.enabled=true", f"spark.eventLog.dir={logs.as_uri()}")
    script, target = str(CODE / "spark_transform.py"), _target(bench, OURS)
    arguments = ("--input", source.all.as_uri(), "--output", target.as_uri())
    bench.run(_submit(bench, script, *arguments, conf=conf), cores())
    (log,) = logs.iterdir()
    ended = (json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())
    written = (
        event["Task Metrics"]["Shuffle Write Metrics"]["Shuffle Bytes Written"]
        for event in ended
        if event["Event"] == "SparkListenerTaskEnd"
    )
    return float(sum(written))


# --- no speed without the same result -------------------------------------------------------

_TOLERANCE = 1e-9


def _require_same(bench: Bench, contestants: Mapping[str, Contestant]) -> None:
    """Compare everybody's last features with ours.

    Raises:
        BenchmarkError: there are other windows, or a value differs by more than 1e-9.
    """
    features = {
        name: _read(bench.folder / "scratch" / _folder(name) / "features") for name in contestants
    }
    ours = features[OURS]
    for name, theirs in features.items():
        if ours.keys() != theirs.keys():
            raise BenchmarkError(f"{name} has {len(theirs)} windows, but ours are {len(ours)}")
        one, other = (np.array([table[key] for key in sorted(ours)]) for table in (ours, theirs))
        worst = float(np.abs(one - other).max())
        if not worst < _TOLERANCE * max(1.0, float(np.abs(one).max())):
            raise BenchmarkError(f"{name}: features differ from ours by {worst:.1e}")


def _read(folder: Path) -> dict[tuple[str, str, int], list[float]]:
    found = {}
    for row in pq.read_table(folder, partitioning="hive").to_pylist():
        key = (str(row.pop("split")), str(row.pop("recording")), int(row.pop("window")))
        row.pop("start", None)
        found[key] = [float(row[name]) for name in sorted(row)]
    return found
