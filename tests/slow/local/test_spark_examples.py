"""The examples below examples/spark, run by the engine as a user would; two Spark starts."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from examples.spark import build_jar, define
from sagepipe.language import validate
from sagepipe.language.s3 import Location
from sagepipe.local import Result, run
from sagepipe.local.spark import history_logs

EXAMPLES = Path(define.__file__).parent
DATA = EXAMPLES / "data"


def example(name: str, store: Path) -> Result:
    (store / define.RESULTS).mkdir(parents=True)
    buckets = {define.CODE: EXAMPLES / "code", define.DATA: DATA}
    return run(EXAMPLES / name, store=store, buckets=buckets)


def log(result: Result, step: str) -> str:
    return f"{result.reason}\n{result.steps[step].logs}"


@pytest.fixture(scope="module")
def pyspark(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return example("pyspark.json", tmp_path_factory.mktemp("pyspark") / "store")


@pytest.fixture(scope="module")
def spark_jar(tmp_path_factory: pytest.TempPathFactory) -> Result:
    store = tmp_path_factory.mktemp("jar") / "store"
    build_jar.build(store / define.JARS / "lead-ranges.jar")
    return example("spark_jar.json", store)


def test_the_definitions_are_what_the_sdk_builds() -> None:
    for name, built in define.definitions().items():
        assert json.loads((EXAMPLES / name).read_text()) == built, "python -m examples.spark.define"
        validate.check(built)


def test_pyspark_reads_one_bucket_and_writes_another(pyspark: Result) -> None:
    assert pyspark.succeeded, log(pyspark, "FlagSamples")
    flags = pq.read_table(pyspark.store.folder(Location(define.RESULTS, "flags"))).to_pylist()
    names = ("recording", "lead", "time", "value", "reason")
    assert sorted(tuple(row[name] for name in names) for row in flags) == [
        ("p1", "i", 0.002, 1.8, "above"),
        ("p1", "ii", 0.003, None, "missing"),
        ("p2", "v1", 0.0, -2.5, "below"),
    ]
    assert sorted(path.name for path in DATA.rglob("*") if path.is_file()) == ["p1.csv", "p2.csv"]


def test_its_configuration_counts_and_its_log_tells_its_job(pyspark: Result) -> None:
    assert pyspark.succeeded, log(pyspark, "FlagSamples")
    (path,) = history_logs.of_execution(history_logs.find(pyspark.store.root), pyspark.execution_id)
    folder = pyspark.store.folder(Location(define.RESULTS, "spark-events"))
    assert path.parent == folder / pyspark.execution_id
    events = [json.loads(line) for line in path.read_text().splitlines()]
    (environment,) = (e for e in events if e["Event"] == "SparkListenerEnvironmentUpdate")
    settings = environment["Spark Properties"]
    assert settings["spark.sql.shuffle.partitions"] == "3"
    assert settings["spark.sagepipe.job"].startswith(
        f"pipelines-{pyspark.execution_id}-FlagSamples-"
    )


def test_a_jar_from_scala_runs(spark_jar: Result) -> None:
    assert spark_jar.succeeded, log(spark_jar, "LeadRanges")
    (part,) = spark_jar.store.folder(Location(define.RESULTS, "ranges")).glob("*.csv")
    with part.open(newline="") as file:
        rows = {row.pop("recording"): row for row in csv.DictReader(file)}
    assert {name: int(row["samples"]) for name, row in rows.items()} == {"p1": 4, "p2": 3}
    assert (float(rows["p1"]["i_min"]), float(rows["p1"]["i_max"])) == (-0.2445, 1.8)
    assert (float(rows["p2"]["v1_min"]), float(rows["p2"]["v1_max"])) == (-2.5, -0.29)
