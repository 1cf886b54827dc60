"""SparkTransform's features against numpy: windows, readers, executors, odd input, kills.

One JVM serves all tests here, with one context after another: threads, and executors of their own.
"""

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spark_transform
from ecglib import compiled
from ecglib.compiled import Classes
from ecglib.components import ComponentsFile, names
from ecglib.errors import StepError
from ecglib.features import READERS, Windows
from ecglib.parts import schema
from ecglib.storage import Storage
from step_helpers import Floats

from sagepipe.local.spark import distribution

ROWS_PER_PART = 1777
PC = names(4)

# --- recordings -----------------------------------------------------------------------------


def times(rate: float, seconds: float, start: float = 0.0) -> Floats:
    return start + np.arange(round(rate * seconds)) / rate


def recordings() -> dict[str, dict[str, tuple[Floats, Floats]]]:
    """By split and name: the sample numbers and the times of the rows."""

    def whole(time: Floats) -> tuple[Floats, Floats]:
        return np.arange(len(time)), time

    def without(kept: Floats, time: Floats) -> tuple[Floats, Floats]:
        return np.flatnonzero(kept), time[kept]

    steady = times(50, 130)
    kept = np.ones(len(steady), bool)
    kept[1200:3100] = False  # 38 s, and then some rows one by one
    kept[3100::5] = False
    back = times(50, 40)
    back[900:] -= 3.0  # the device's clock is set
    back[1500:1520] = back[1500]
    return {
        "train": {
            "p1/steady": whole(steady),
            "p1/gaps": without(kept, steady),
            "one": whole(np.array([7.0])),
            "two": whole(np.array([0.0, 9.99])),
            "dense": whole(times(1000, 3.2)),
        },
        # Exactly on edges: thirds of a tenth.
        "test": {"late": whole(times(30, 50, start=1234.5)), "back": whole(back)},
        "validation": {"last one": whole(np.array([0.0]))},
    }


def components(name: str, rows: int) -> Floats:
    """[4, rows]: noise, an offset of 1e6, zeros of both signs, heavy tails."""
    random = np.random.default_rng(len(name))
    zeros = np.resize([0.0, -0.0, 1e-30, -0.0, -2.0, -0.0, -1e-9], rows)
    tails = random.standard_cauchy(rows)
    return np.stack([random.normal(size=rows), random.normal(size=rows) + 1e6, zeros, tails])


def write_components(folder: Path, rows_per_part: int = ROWS_PER_PART) -> Path:
    """Write parts as Pca does: they run on from one recording to the next."""
    for split, found in recordings().items():
        tables = []
        for name, (sample, time) in found.items():
            columns = [[name] * len(sample), sample, time, *components(name, len(sample))]
            tables.append(pa.Table.from_arrays([pa.array(c) for c in columns], ROW))
        table = pa.concat_tables(tables)
        (folder / f"split={split}").mkdir(parents=True)
        for part, start in enumerate(range(0, table.num_rows, rows_per_part)):
            path = folder / f"split={split}" / f"part-algo-1-{part:05d}.parquet"
            piece = table.slice(start, rows_per_part).cast(schema(PC))
            with ComponentsFile(path, schema(PC), "parquet") as file:
                fixed = [piece.column(name).combine_chunks() for name in ROW[:3]]
                file.write(fixed, np.stack([piece.column(name).to_numpy() for name in PC]))
    return folder


ROW = ["recording", "sample", "time", *PC]

# --- the reference --------------------------------------------------------------------------


@cache
def reference(window: float, step: float) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Every window's features, with 80-bit sums, by split, recording and number."""
    found = {}
    length, apart = round(window * 1e6), round(step * 1e6)
    for split, named in recordings().items():
        for name, (sample, time) in named.items():
            micros = np.floor(time * 1e6 + 0.5).astype(np.int64)
            values = components(name, len(sample))
            for number in range(int(micros.max()) // apart + 1):
                start = number * apart
                inside = (micros >= start) & (micros < start + length)
                if inside.any():
                    row = {"start": start / 1e6, "n": int(inside.sum())}
                    for column, series in zip(PC, values[:, inside], strict=True):
                        row |= {f"{column}_{k}": v for k, v in statistics(series).items()}
                    found[split, name, number] = row
    return found


def statistics(values: Floats) -> dict[str, Any]:
    exact = values.astype(np.longdouble)
    mean = exact.sum() / len(exact)
    return {
        "mean": mean,
        "std": np.sqrt(((exact - mean) ** 2).mean()),
        "min": values.min(),
        "max": values.max(),
        "energy": (exact**2).sum(),
        "zero_crossings": int(np.count_nonzero(np.diff(values >= 0))),
    }


BOUNDS = {"mean": 1e-14, "energy": 1e-13, "std": 1e-9}


def assert_equals_numpys(features: Path, window: float, step: float) -> None:
    found = {(row["split"], row["recording"], row["window"]): row for row in rows(features)}
    expected = reference(window, step)
    assert found.keys() == expected.keys()
    for key, right in expected.items():
        for name, value in right.items():
            bound = BOUNDS.get(name.partition("_")[2], 0.0)
            error = abs(np.longdouble(found[key][name]) - value)
            assert error <= bound * abs(value), (key, name, found[key][name], value)


def rows(features: Path) -> list[dict[str, Any]]:
    assert (features / "_SUCCESS").exists()
    found: list[dict[str, Any]] = pq.read_table(features, partitioning="hive").to_pylist()
    return found


# --- Spark ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cluster:
    spark: Any
    classes: Classes

    def features(self, source: Path, output: Path, window: float, step: float, reader: str) -> Path:
        spark_transform.write_features(
            self.spark,
            self.classes,
            source.as_uri(),
            output.as_uri(),
            Windows(round(window * 1e6), round(step * 1e6)),
            reader,
        )
        return output


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    found = distribution.find()
    settings = {
        "JAVA_HOME": str(found.java_home),
        "SPARK_HOME": str(found.spark_home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "SPARK_LOCAL_DIRS": str(tmp_path_factory.mktemp("spark")),
        "SPARK_WORKER_DIR": str(tmp_path_factory.mktemp("executors")),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": "--driver-memory 512m --driver-java-options "
        '"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" pyspark-shell',
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def on(java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Cluster]]:
    """The cluster of a master; there is one at a time."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "512m",
        "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.shuffle.partitions": "3",
        "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
        # Every part in a task of its own.
        "spark.sql.files.maxPartitionBytes": "1m",
        "spark.sql.files.openCostInBytes": "1m",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }
    running: dict[str, Cluster] = {}

    def get(master: str) -> Cluster:
        if master not in running:
            stop()
            spark = SparkSession.builder.master(master).config(map=settings).getOrCreate()
            spark.sparkContext.setLogLevel("ERROR")
            classes = compiled.compile_sources(spark, str(tmp_path_factory.mktemp("jar")))
            running[master] = Cluster(spark, classes)
        return running[master]

    def stop() -> None:
        while running:
            running.popitem()[1].spark.stop()

    yield get
    stop()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_components(tmp_path_factory.mktemp("components"))


PAIRS = [
    (10, 5),
    (10, 3.333333),
    (2, 0.7),
    (1, 1),
    (0.25, 1.5),
    (3, 20),
    (0.02, 0.01),
    (60, 0.5),
    (0.1, 0.1),
    (7, 7.000001),
    (33.3, 11.1),
    (100_000, 50_000),
]
THREADS, THREAD, EXECUTORS = "local[4]", "local[1]", "local-cluster[2,1,512]"


@pytest.mark.parametrize(
    ("master", "window", "step", "reader"),
    [
        *((THREADS, *pair, "batches") for pair in PAIRS),
        *((THREADS, *pair, "rows") for pair in PAIRS[:7]),
        *((THREAD, *pair, "batches") for pair in PAIRS[:3]),
        *((EXECUTORS, *PAIRS[0], reader) for reader in ("batches", "rows")),
        (EXECUTORS, *PAIRS[1], "batches"),
    ],
)
def test_every_feature_equals_numpys(
    on: Callable[[str], Cluster],
    source: Path,
    tmp_path: Path,
    master: str,
    window: float,
    step: float,
    reader: str,
) -> None:
    features = on(master).features(source, tmp_path / "features", window, step, reader)
    assert_equals_numpys(features, window, step)


# --- how rows are read ----------------------------------------------------------------------


@pytest.fixture
def threads(on: Callable[[str], Cluster]) -> Cluster:
    return on(THREADS)


def test_the_log_says_how_rows_are_read(
    threads: Cluster, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for reader in READERS:
        threads.features(source, tmp_path / reader, 2, 0.7, reader)
    said = capsys.readouterr().out
    assert "components: read in batches of columns\n" in said
    assert "components: read row by row: as asked\n" in said


def test_without_the_vectorised_reader_rows_are_read(
    threads: Cluster, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threads.spark.conf.set("spark.sql.parquet.enableVectorizedReader", "false")
    try:
        features = threads.features(source, tmp_path / "features", 2, 0.7, "batches")
    finally:
        threads.spark.conf.unset("spark.sql.parquet.enableVectorizedReader")
    assert_equals_numpys(features, 2, 0.7)
    assert re.search(
        r"read row by row: .*UnsupportedOperationException: Scan parquet .*reads row by row",
        capsys.readouterr().out,
    )


def test_a_spark_without_its_internal_classes(
    on: Callable[[str], Cluster],
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Of another version, say, where one of them has another name.
    package = tmp_path / "package"
    shutil.copytree(Path(compiled.__file__).with_name("java"), package / "java")
    batches = package / "java/internal/Batches.java"
    batches.write_text(batches.read_text().replace("WritableColumnVector", "RenamedVector"))
    monkeypatch.setattr(compiled.resources, "files", lambda _: package)
    features = on("local[2]").features(source, tmp_path / "features", 2, 0.7, "batches")
    assert_equals_numpys(features, 2, 0.7)
    assert re.search(r"read row by row: .*RenamedVector", capsys.readouterr().out)


def test_columns_of_other_types_are_read_row_by_row(
    threads: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pa.table(
        {
            "pc2": pa.array([1, -1, None, 4], pa.int16()),
            "time": pa.array([0.0, 0.1, 0.2, 0.3], pa.float32()),
            "pc1": pa.array([1.5, None, float("inf"), -1.0], pa.float32()),
            "recording": pa.array([7, 7, 7, 7], pa.int32()),
            "sample": pa.array([0, 1, 2, 3], pa.int32()),
        }
    )
    (row,) = rows(threads.features(put(table, tmp_path / "c"), tmp_path / "f", 1, 1, "batches"))
    assert "row by row: java.lang.UnsupportedOperationException: recording is of type INT" in (
        capsys.readouterr().out
    )
    assert (row["recording"], row["n"]) == ("7", 4)
    assert (row["pc2_min"], row["pc2_max"], row["pc2_energy"]) == (-1, 4, 18)
    assert row["pc2_zero_crossings"] == 2
    assert row["pc1_max"] == row["pc1_mean"] == float("inf")
    assert np.isnan(row["pc1_std"])
    assert row["pc1_zero_crossings"] == 1


def test_without_a_compiler_the_error_says_what_was_looked_for(
    threads: Cluster, tmp_path: Path
) -> None:
    with pytest.raises(StepError, match=r"no compiler for Java: .*java-runtime is not a JDK$"):
        compiled.compile_sources(threads.spark, str(tmp_path), ["javac"])


# --- rows that are not as Pca writes them ---------------------------------------------------


def put(table: pa.Table, folder: Path, **options: Any) -> Path:
    (folder / "split=train").mkdir(parents=True)
    pq.write_table(table, folder / "split=train/part.parquet", **options)
    return folder


def some_rows(count: int = 6000) -> pa.Table:
    """Of one recording, 10 ms apart: more than Spark's batch of 4,096."""
    sample = np.arange(count)
    columns = [["r"] * count, sample, sample / 100, *components("r", count)]
    return pa.Table.from_arrays([pa.array(column) for column in columns], ROW)


def with_cell(table: pa.Table, column: str, place: int, value: Any) -> pa.Table:
    cells = table.column(column).to_pylist()
    cells[place] = value
    at = table.column_names.index(column)
    return table.set_column(at, column, pa.array(cells, table.schema.field(at).type))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("time", None, "missing time in recording r at sample 5000; windows are counted from"),
        ("time", float("nan"), "missing time in recording r at sample 5000"),
        ("time", -0.5, "negative time in recording r at sample 5000"),
        ("time", float("inf"), "too large a time in recording r at sample 5000"),
        ("recording", None, "a row of split train has no recording or no sample number"),
        ("sample", None, "a row of split train has no recording or no sample number"),
        ("sample", 4999, "recording r has more than one row of sample 4999"),
    ],
)
def test_a_row_that_has_no_place(
    threads: Cluster, tmp_path: Path, reader: str, column: str, value: Any, message: str
) -> None:
    source = put(with_cell(some_rows(), column, 5000, value), tmp_path / "c")
    with pytest.raises(StepError, match=f"^--input {source.as_uri()}: {message}"):
        threads.features(source, tmp_path / "features", 2, 0.7, reader)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize("reader", READERS)
def test_rows_in_any_order_and_recordings_that_alternate(
    threads: Cluster, tmp_path: Path, reader: str
) -> None:
    one = some_rows()
    two = one.set_column(0, "recording", pa.array(["another"] * one.num_rows))
    shuffled = pa.concat_tables([one, two]).take(np.random.default_rng(0).permutation(12_000))
    ordered = threads.features(put(one, tmp_path / "c"), tmp_path / "1", 2, 0.7, reader)
    mixed = threads.features(put(shuffled, tmp_path / "m"), tmp_path / "2", 2, 0.7, reader)
    expected = {row["window"]: row for row in rows(ordered)}
    found = rows(mixed)
    assert len(found) == 2 * len(expected)
    for row in found:
        for name, value in expected[row["window"]].items():
            if name != "recording":
                assert row[name] == (pytest.approx(value, 1e-9) if "std" in name else value) or (
                    row[name] == pytest.approx(value, 1e-13)
                ), name


@pytest.mark.parametrize("reader", READERS)
def test_nulls_among_components_do_not_count(threads: Cluster, tmp_path: Path, reader: str) -> None:
    table = some_rows()
    values = np.asarray(table.column("pc1"))
    present = np.arange(len(values)) % 7 != 3
    present[200:400] = False  # whole windows
    masked = pa.array(values, mask=~present)
    source = put(table.set_column(3, "pc1", masked), tmp_path / "c")
    found = {
        row["window"]: row for row in rows(threads.features(source, tmp_path / "f", 1, 1, reader))
    }
    assert [found[number]["n"] for number in range(60)] == [100] * 60
    for number, row in found.items():
        inside = slice(100 * number, 100 * number + 100)
        kept = values[inside][present[inside]]
        if not len(kept):
            assert [row[f"pc1_{kind}"] for kind in ("mean", "std", "min", "max", "energy")] == [
                None
            ] * 5
            assert row["pc1_zero_crossings"] == 0
            continue
        for kind, value in statistics(kept).items():
            assert row[f"pc1_{kind}"] == pytest.approx(float(value), rel=1e-12), (number, kind)


def test_a_split_without_rows_and_nothing_at_all(threads: Cluster, tmp_path: Path) -> None:
    source = put(some_rows(), tmp_path / "c")
    (source / "split=odd: 100%").mkdir()
    shutil.copytree(source / "split=train", source / "split=a%3Ab")  # a:b
    pq.write_table(some_rows(0), source / "split=odd: 100%/part.parquet")
    storage = Storage(threads.spark)
    assert storage.splits(source.as_uri()) == ["a:b", "odd: 100%", "train"]
    found = rows(threads.features(source, tmp_path / "f", 10, 10, "batches"))
    assert {row["split"] for row in found} == {"a:b", "train"}
    shutil.rmtree(source / "split=train")
    shutil.rmtree(source / "split=a%3Ab")
    with pytest.raises(StepError, match="there is no row in any split"):
        threads.features(source, tmp_path / "g", 10, 10, "batches")


def test_a_sample_in_half_a_million_windows(threads: Cluster, tmp_path: Path) -> None:
    source = put(some_rows(3), tmp_path / "c")
    features = threads.features(source, tmp_path / "f", 500, 0.001, "batches")
    found = pq.read_table(features, columns=["window", "n"])
    # The windows from time 0 on that the rows at 0, 10 and 20 ms lie in.
    assert sorted(found.column("window").to_pylist()) == list(range(21))
    later = some_rows(3).set_column(2, "time", pa.array([500.0, 500.01, 500.02]))
    source = put(later, tmp_path / "d")
    features = threads.features(source, tmp_path / "g", 500, 0.001, "batches")
    assert pq.read_table(features, columns=["window"]).num_rows == 500_020


# --- whole or not at all --------------------------------------------------------------------


class Killed(BaseException):
    """As by a signal: nobody cleans up."""


class Limited:
    """A Hadoop file system that is killed after some changes."""

    def __init__(self, files: Any, left: list[int]) -> None:
        self._files, self._left = files, left

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._files, name)
        if name in ("exists", "listStatus"):
            return method

        def change(*arguments: Any) -> Any:
            if not self._left[0]:
                raise Killed
            self._left[0] -= 1
            return method(*arguments)

        return change


class Dying(Storage):
    def __init__(self, spark: Any, changes: int) -> None:
        super().__init__(spark)
        self._left = [changes]

    def _open(self, uri: str) -> tuple[Any, Any]:
        files, path = super()._open(uri)
        return Limited(files, self._left), path


def content(folder: Path) -> str | None:
    data = folder / "split=train/data"
    return data.read_text() if data.exists() else None


def test_killed_at_any_moment_the_old_or_the_new_is_whole(threads: Cluster, tmp_path: Path) -> None:
    output, staging = tmp_path / "features", tmp_path / "_features.staging"
    aside = tmp_path / "_features.previous"
    seen = []
    for changes in range(20):
        for folder, text in ((output, "old"), (staging, "new")):
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "split=train").mkdir(parents=True)
            (folder / "split=train/data").write_text(text)
        (output / "_SUCCESS").touch()
        shutil.rmtree(aside, ignore_errors=True)
        storage = Dying(threads.spark, changes)
        try:
            storage.replace(output.as_uri(), staging.as_uri())
        except Killed:
            pass
        else:
            break
        if (output / "_SUCCESS").exists():
            seen.append(content(output))
        else:
            seen.append((content(output), content(aside), content(staging)))
            assert "old" in seen[-1][:2]
        # The next run's work replaces all of it.
        shutil.rmtree(staging, ignore_errors=True)
        (staging / "split=train").mkdir(parents=True)
        (staging / "split=train/data").write_text("newer")
        Storage(threads.spark).replace(output.as_uri(), staging.as_uri())
        assert content(output) == "newer"
        assert {path.name for path in tmp_path.iterdir()} == {"features"}
    assert {"old", "new"} <= set(seen)
    assert content(output) == "new"
