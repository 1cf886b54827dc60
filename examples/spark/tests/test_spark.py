"""The PySpark job with all that it brings along; `python jar/build.py` comes first."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from pipelines import PROJECT

pytest_plugins = ["sagepipe.pytest_plugin"]

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"


def test_samples_are_flagged_and_the_configuration_counts(run_pipeline, tmp_path):
    result = run_pipeline(
        PROJECT["flag-samples"],
        store=tmp_path / "store",
        buckets={"ecg-recordings": RECORDINGS},
    )
    assert result.succeeded, (result.reason, result.steps["FlagSamples"].logs)

    bucket = tmp_path / "store" / "local-artifacts"
    names = ("recording", "lead", "time", "value", "microvolts", "reason")
    flags = pq.read_table(bucket / "flags").to_pylist()
    assert sorted(tuple(row[name] for name in names) for row in flags) == [
        ("p1", "i", 0.002, 1.8, 1800, "above"),
        ("p1", "ii", 0.003, None, None, "missing"),
        ("p2", "v1", 0.0, -2.5, -2500, "below"),
    ]

    (path,) = (bucket / "spark-events" / result.execution_id).iterdir()
    events = [json.loads(line) for line in path.read_text().splitlines()]
    (environment,) = (e for e in events if e["Event"] == "SparkListenerEnvironmentUpdate")
    settings = environment["Spark Properties"]
    assert settings["spark.sql.shuffle.partitions"] == "3"
    assert settings["spark.sql.session.timeZone"] == "UTC"
    assert settings["spark.sagepipe.job"].startswith(
        f"pipelines-{result.execution_id}-FlagSamples-"
    )
    assert sorted(path.name for path in RECORDINGS.iterdir()) == ["p1.csv", "p2.csv"]
