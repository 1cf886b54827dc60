"""What the managed Spark image does with its arguments, on pip's pyspark and a JRE from a wheel.

`prepare` turns a container command, `smspark-submit … app.py …`, into the spark-submit command
line that does the same on this machine:

- Driver and executors are one JVM, `local[cores]`. On the service the primary, the first of the
  sorted host names (so algo-10 comes before algo-2), runs the driver; the other instances start
  their daemons, run nothing of the user's, wait for the primary to go down and then exit 0.
- `s3://` and `s3a://` are the store's folders, by a file system of our own with the name of the
  image's class. Any bucket folder will do, one made during the job too; a missing one is an error.
- A path without a scheme is HDFS in the image, and so it is here: a private folder below the
  scratch folder, empty at the start, never this machine's root. Local files are `file:///opt/ml/…`.
- Event logs are written straight to where they are asked for.
- Nothing listens but on loopback, and no Java is used but the wheel's.

Source of the image's side: aws/sagemaker-spark-container, `src/smspark`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlparse

from pipelines.local import spark_configuration, spark_runtime
from pipelines.local.spark_command import (
    SparkCommand,
    SparkCommandError,
    is_spark_submit,
    parse,
    real_path,
)
from pipelines.local.spark_runtime import Runtime

__all__ = ["SparkCommandError", "SparkLaunch", "is_primary", "is_spark_submit", "prepare"]

_JAVA_OPTIONS = (
    # Half the CPU time of a short job. For a long one `-XX:TieredStopAtLevel=4` in
    # spark.driver.extraJavaOptions, which comes later and wins, buys speed for warm-up.
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
)
_LOG4J = {
    "rootLogger.appenderRef.stderr.ref": "stderr",
    "appender.stderr.type": "Console",
    "appender.stderr.name": "stderr",
    "appender.stderr.target": "SYSTEM_ERR",
    "appender.stderr.layout.type": "PatternLayout",
    "appender.stderr.layout.pattern": "%d{HH:mm:ss} %p %c{1}: %m%n%ex",
    # These two warn on every start, that an optional native library is not there, and on every
    # wide table, that its plan is too long to print.
    "logger.native.name": "org.apache.hadoop.util.NativeCodeLoader",
    "logger.native.level": "error",
    "logger.plans.name": "org.apache.spark.sql.catalyst.util.SparkStringUtils",
    "logger.plans.level": "error",
}
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


@dataclass(frozen=True)
class SparkLaunch:
    """A process to start. Its working folder and its /opt/ml are the caller's business."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    """Additions to the instance's environment; they win over what is there."""
    ignored: tuple[str, ...]
    """Settings that can't be honoured on this machine, a sentence each."""


def is_primary(current: str, hosts: Sequence[str]) -> bool:
    """Whether this host runs the driver. Sorting is lexicographic, as in the image."""
    return current == sorted(hosts)[0]


def prepare(
    command: Sequence[str], *, opt_ml: Path, store: Path, work: Path, cache: Path, cores: int
) -> SparkLaunch:
    """Describe the process that does what the image would do with `command` on the primary.

    `command`: the whole container command, its paths as the process will see them.
    `opt_ml`: the folder that is, or holds, the instance's /opt/ml.
    `store`: `s3://bucket/key` is `<store>/bucket/key`.
    `work`: scratch for this instance alone; deleted by the caller when it likes.
    `cache`: outlives runs, may be shared by processes.
    `cores`: how many tasks run at once.

    Raises SparkCommandError for what the image would refuse or misread.
    """
    opt_ml, store, work, cache = (path.absolute() for path in (opt_ml, store, work, cache))
    asked = parse(command, opt_ml)
    runtime = spark_runtime.find()
    configuration = spark_configuration.load(opt_ml)
    event_logs = _event_logs(asked, opt_ml, store)
    for name in ("conf", "hdfs", "local", "tmp", "uploads"):
        (work / name).mkdir(parents=True, exist_ok=True)
    jar = spark_runtime.file_system_jar(runtime, cache)

    memory, too_much = _driver_memory(configuration.properties.get("spark.driver.memory"))
    log4j = _log4j(work, configuration.log4j, "info" if asked.verbose else "warn")
    java_options = [
        *_JAVA_OPTIONS,
        f"-Djava.io.tmpdir={work / 'tmp'}",
        f"-Dderby.system.home={work}",
        f"-Dlog4j2.configurationFile={log4j.as_uri()}",
    ]
    class_path = [str(jar), configuration.properties.get("spark.driver.extraClassPath", "")]
    properties = {
        **_defaults(cores),
        **configuration.properties,
        **_metrics(work, configuration.metrics),
        **event_logs,
        **_file_systems(store, work),
        "spark.driver.memory": memory,
        "spark.driver.extraClassPath": os.pathsep.join(path for path in class_path if path),
        "spark.driver.defaultJavaOptions": " ".join(f'"{option}"' for option in java_options),
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
    }
    settings = work / "spark-defaults.conf"
    settings.write_text(_lines(properties, " "), encoding="utf-8")
    argv = [
        *_with_spark_env(work, configuration.environment),
        str(runtime.submit),
        *("--master", f"local[{cores}]", "--properties-file", str(settings)),
        *asked.submit_options,
        *(asked.app, *asked.arguments),
    ]
    return SparkLaunch(
        argv=tuple(argv),
        env=_environment(runtime, work),
        ignored=(*configuration.ignored, *too_much),
    )


def _defaults(cores: int) -> dict[str, str]:
    """What the image's own defaults come to on one machine; the user's values win."""
    return {
        "spark.default.parallelism": str(2 * cores),
        # 200 small tasks a shuffle, Spark's own default, are most of a laptop job's time.
        "spark.sql.shuffle.partitions": str(2 * cores),
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
    }


def _file_systems(store: Path, work: Path) -> dict[str, str]:
    schemes = ("s3", "s3a", "hdfs")
    committers = "org.apache.hadoop.mapreduce.lib.output.FileOutputCommitterFactory"
    return {
        **{f"spark.hadoop.fs.{name}.impl": spark_runtime.FILE_SYSTEM_CLASS for name in schemes},
        **{
            f"spark.hadoop.fs.AbstractFileSystem.{name}.impl": spark_runtime.FILE_CONTEXT_CLASS
            for name in schemes
        },
        # Hadoop's default for s3a is a committer from a jar that pyspark does not bring.
        "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a": committers,
        "spark.hadoop.fs.defaultFS": "hdfs://local",
        "spark.hadoop.fs.ecg.store": str(store),
        "spark.hadoop.fs.ecg.hdfs": str(work / "hdfs"),
        "spark.hadoop.fs.ecg.uploads": str(work / "uploads"),
    }


def _event_logs(asked: SparkCommand, opt_ml: Path, store: Path) -> dict[str, str]:
    """Settings for the event log; its folder is made, since Spark wants one that exists."""
    if asked.event_logs_s3_uri:  # the image, too, prefers it over a local folder
        uri = urlparse(asked.event_logs_s3_uri)
        if uri.scheme not in ("s3", "s3a") or not uri.netloc:
            raise SparkCommandError(
                f"--spark-event-logs-s3-uri takes s3://bucket/prefix, not {asked.event_logs_s3_uri}"
            )
        bucket = store / uri.netloc
        if not bucket.is_dir():
            raise SparkCommandError(
                f"--spark-event-logs-s3-uri: the store has no bucket {uri.netloc} ({bucket})"
            )
        if ".." in PurePosixPath(uri.path).parts:
            raise SparkCommandError(
                f"--spark-event-logs-s3-uri leads out of its bucket: {asked.event_logs_s3_uri}"
            )
        (bucket / uri.path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        folder = f"s3a://{uri.netloc}{uri.path}"
    elif asked.event_logs_dir:
        if not PurePosixPath(asked.event_logs_dir).is_absolute():
            raise SparkCommandError(
                f"--local-spark-event-logs-dir takes an absolute path, not {asked.event_logs_dir}"
            )
        real_path(asked.event_logs_dir, opt_ml).mkdir(parents=True, exist_ok=True)
        folder = f"file://{quote(asked.event_logs_dir)}"
    else:
        return {}
    return {"spark.eventLog.enabled": "true", "spark.eventLog.dir": folder}


def _driver_memory(asked: str | None) -> tuple[str, tuple[str, ...]]:
    """The JVM's heap limit: a quarter of this machine's memory, 1 to 8 GiB, unless asked for."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    usual = f"{min(max(machine // 4, 2**30), 2**33) // 2**20}m"
    if asked is None:
        return usual, ()
    match = re.fullmatch(r"(\d+)([kmgt]?)b?", asked.strip().lower())
    if match is None:
        raise SparkCommandError(f"spark.driver.memory is a size such as 4g, not {asked!r}")
    # Spark reads a bare number as MiB.
    size = int(match[1]) * _UNITS[match[2] or "m"]
    if size <= machine // 2:
        return asked, ()
    return usual, (
        f"spark.driver.memory={asked} is ignored: it is more than half of this machine's "
        f"{machine // 2**20}m; {usual} is used.",
    )


def _log4j(work: Path, asked: Mapping[str, str], level: str) -> Path:
    path = work / "log4j2.properties"
    settings = {**_LOG4J, "rootLogger.level": level, **asked}
    path.write_text(_lines(settings, "="), encoding="utf-8")
    return path


def _metrics(work: Path, asked: Mapping[str, str]) -> dict[str, str]:
    if not asked:
        return {}
    path = work / "metrics.properties"
    path.write_text(_lines(asked, "="), encoding="utf-8")
    return {"spark.metrics.conf": str(path)}


def _with_spark_env(work: Path, exports: Mapping[str, str]) -> tuple[str, ...]:
    """What to put before spark-submit so that a shell reads spark-env, as it does in the image.

    A value may be quoted or name another variable. Spark's own script would read the file too, but
    not from a folder with a space in its name.
    """
    if not exports:
        return ()
    path = work / "spark-env.sh"
    path.write_text(_lines({f"export {key}": value for key, value in exports.items()}, "="))
    return ("bash", "-c", 'source "$0" && exec "$@"', str(path))


def _environment(runtime: Runtime, work: Path) -> dict[str, str]:
    return {
        "JAVA_HOME": str(runtime.java_home),
        "SPARK_HOME": str(runtime.spark_home),
        "SPARK_CONF_DIR": str(work / "conf"),
        "SPARK_LOCAL_DIRS": str(work / "local"),
        # For the short-lived JVM that puts the long-lived one's command line together.
        "SPARK_LAUNCHER_OPTS": " ".join(_JAVA_OPTIONS),
        "SPARK_LOCAL_IP": "127.0.0.1",
        # The machine's own name often resolves to nothing, or to an outside address.
        "SPARK_LOCAL_HOSTNAME": "localhost",
        # Executors would otherwise start whichever python3 comes first on PATH.
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONHASHSEED": "0",
        # A Hadoop client's settings on this machine are not the image's.
        "HADOOP_CONF_DIR": "",
        "YARN_CONF_DIR": "",
    }


def _lines(settings: Mapping[str, str], separator: str) -> str:
    return "".join(f"{key}{separator}{value}\n" for key, value in settings.items())
