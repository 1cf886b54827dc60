"""The archive of Spark's classes: made once, used by each job, dropped when it is broken."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from sagepipe.local.spark import archive, distribution, warm
from sagepipe.local.spark.submit import SparkLaunch, prepare
from sagepipe.local.store import Store

JOB = """
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate().range(3).write.parquet("s3://bucket/table")
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with an archive, in a folder with a space in its name."""
    cache = tmp_path_factory.mktemp("a cache")
    assert warm.warm(cache)
    return cache


def launch(folder: Path, cache: Path, **properties: str) -> SparkLaunch:
    opt_ml = folder / "opt"
    settings = opt_ml / "processing/input/conf/configuration.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    (folder / "store/bucket").mkdir(parents=True, exist_ok=True)
    (opt_ml / "job.py").write_text(JOB)
    names = {name.replace("_", "."): value for name, value in properties.items()}
    settings.write_text(json.dumps([{"Classification": "spark-defaults", "Properties": names}]))
    return prepare(
        ["smspark-submit", str(opt_ml / "job.py")],
        opt_ml=opt_ml,
        store=Store(folder / "store"),
        work=folder / "work",
        cache=cache,
        cores=2,
    )


def made(cache: Path) -> archive.Archive:
    spark = distribution.find()
    return archive.of(spark, str(distribution.file_system_jar(spark, cache)), cache)


def uses_an_archive(job: SparkLaunch) -> bool:
    return any(word.startswith("-XX:SharedArchiveFile=") for word in job.argv)


def test_a_job_takes_its_classes_from_the_archive(cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "classes"
    job = launch(tmp_path, cache, spark_driver_extraJavaOptions=f"-Xlog:class+load:file={log}")
    done = subprocess.run(
        job.argv, env={**os.environ, **job.env}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "store/bucket/table/_SUCCESS").exists()
    lines = log.read_text().splitlines()
    shared = sum("source: shared objects file" in line for line in lines)
    assert shared > 0.7 * len(lines) > 5000


def test_it_is_made_once(cache: Path, tmp_path: Path) -> None:
    assert uses_an_archive(launch(tmp_path, cache))
    before = made(cache).classes.stat()
    assert not warm.warm(cache)
    assert made(cache).classes.stat() == before
    assert not list(cache.glob(".warm-*"))


def test_another_class_path_has_none(cache: Path, tmp_path: Path) -> None:
    job = launch(tmp_path, cache, spark_driver_extraClassPath="/opt/ml/x.jar")
    assert not uses_an_archive(job)
    assert job.ignored == ()


@pytest.mark.parametrize("name", [archive.BASE, archive.CLASSES, archive.MADE])
def test_a_broken_one_is_dropped_with_a_word(tmp_path: Path, name: str) -> None:
    broken = made(tmp_path / "cache")
    broken.folder.mkdir()
    for path in (broken.base, broken.classes):
        path.write_bytes(b"classes")
    broken.finish()
    assert broken.is_made()
    (broken.folder / name).write_bytes(b"cut")
    job = launch(tmp_path, tmp_path / "cache")
    (word,) = job.ignored
    assert (
        word
        == f"{broken.folder} was not whole and is removed: without it Spark starts more slowly."
    )
    assert not broken.folder.exists()
    assert not uses_an_archive(job)
    assert launch(tmp_path, tmp_path / "cache").ignored == ()


def test_a_training_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "fails.py"
    script.write_text("raise SystemExit('no luck')")
    monkeypatch.setattr(warm, "TRAINING", script)
    with pytest.raises(warm.WarmError, match=r"can't be made: .*exited with 1: .*no luck"):
        warm.warm(tmp_path / "cache")
    names = [path.name for path in (tmp_path / "cache").iterdir()]
    assert not [name for name in names if "classes" in name or "warm" in name]
