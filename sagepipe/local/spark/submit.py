"""What the managed Spark image does with its arguments, on pip's pyspark and a JRE from a wheel.

`prepare` turns a container command, `smspark-submit … app.py …`, into the Java command
line that does the same on this machine:

- Driver and executors are one JVM, `local[cores]`. On the service the primary, the first of the
  sorted host names (so algo-10 comes before algo-2), runs the driver; the other instances start
  their daemons, run nothing of the user's, wait for the primary to go down and then exit 0.
- `s3://` and `s3a://` are the store's folders and what is mounted in it, by a file system of our
  own with the name of the image's class. Any bucket folder will do, one made during the job too; a
  missing one is an error, and so is writing into a folder that is only read.
- A path without a scheme is HDFS in the image, and so it is here: a private folder below the
  scratch folder, empty at the start, never this machine's root. Local files are `file:///opt/ml/…`.
- Event logs are written straight to where they are asked for.
- Nothing listens but on loopback, and no Java is used but the wheel's.

Source of the image's side: aws/sagemaker-spark-container, `src/smspark`.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sagepipe.local.spark import archive, distribution, emr, events
from sagepipe.local.spark.command import SparkCommandError, is_spark_submit, parse
from sagepipe.local.spark.distribution import Distribution
from sagepipe.local.spark.history_logs import JOB_PROPERTY
from sagepipe.local.store import Mount, Store

__all__ = [
    "SparkCommandError",
    "SparkLaunch",
    "is_primary",
    "is_spark_submit",
    "only_read",
    "prepare",
]

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
    """What can't be honoured or used on this machine, a sentence each."""


def is_primary(current: str, hosts: Sequence[str]) -> bool:
    """Whether this host runs the driver. Sorting is lexicographic, as in the image."""
    return current == sorted(hosts)[0]


def only_read(store: Store) -> list[Path]:
    """The folders that a Spark job need not be able to write to, though it writes `s3://` itself:
    what is mounted to be read, unless a folder in it is mounted to be written."""
    writable = [mount.directory.resolve() for mount in store.mounts if mount.writable]
    read = [mount.directory.resolve() for mount in store.mounts if not mount.writable]
    return sorted(f for f in read if not any(w.is_relative_to(f) for w in writable))


def prepare(
    command: Sequence[str],
    *,
    opt_ml: Path,
    store: Store,
    work: Path,
    cache: Path,
    cores: int,
    job: str = "",
    sharing: Sequence[str] | None = None,
) -> SparkLaunch:
    """Describe the process that does what the image would do with `command` on the primary.

    `command`: the whole container command, its paths as the process will see them.
    `opt_ml`: the folder that is, or holds, the instance's /opt/ml.
    `store`: what `s3://bucket/key` is.
    `work`: scratch for this instance alone; deleted by the caller when it likes.
    `cache`: outlives runs, may be shared by processes.
    `cores`: how many tasks run at once.
    `job`: the processing job's name, for the event log.
    `sharing`: Java's options about archives of classes, if not those of the cache's archive.

    Raises SparkCommandError for what the image would refuse or misread, and StoreError for event
    logs that have no place in the store.
    """
    opt_ml, work, cache = (path.absolute() for path in (opt_ml, work, cache))
    asked = parse(command, opt_ml)
    spark = distribution.find()
    configuration = emr.load(opt_ml)
    event_logs = events.settings(asked, opt_ml, store)
    for name in ("hdfs", "local", "tmp", "uploads"):
        (work / name).mkdir(parents=True, exist_ok=True)
    jar = distribution.file_system_jar(spark, cache)
    given = configuration.properties.get("spark.driver.extraClassPath", "")
    class_path = os.pathsep.join(path for path in (str(jar), given) if path)
    broken = ""
    if sharing is None:
        classes = archive.of(spark, class_path, cache)
        sharing = [classes.option] if classes.is_made() else []
        broken = "" if sharing else classes.drop()

    memory, too_much = _driver_memory(configuration.properties.get("spark.driver.memory"))
    log4j = _log4j(work, configuration.log4j, "info" if asked.verbose else "warn")
    java_options = [
        *distribution.JAVA_OPTIONS,
        *sharing,
        f"-Djava.io.tmpdir={work / 'tmp'}",
        f"-Dderby.system.home={work}",
        f"-Dlog4j2.configurationFile={log4j.as_uri()}",
    ]
    properties = {
        **_defaults(cores),
        **configuration.properties,
        **_metrics(work, configuration.metrics),
        **event_logs,
        **({JOB_PROPERTY: job} if job else {}),
        **_file_systems(store, work),
        "spark.driver.memory": memory,
        "spark.driver.extraClassPath": class_path,
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
    }
    empty = distribution.settings_folder(spark, cache)
    java = [
        *(str(spark.java), "-cp", os.pathsep.join([class_path, str(empty), f"{spark.jars}/*"])),
        *(f"-Xmx{memory}", *java_options, *_asked_options(configuration.properties)),
        *distribution.launcher_options(spark, cache),
    ]
    settings = work / "spark-defaults.conf"
    settings.write_text(_lines(properties, " "), encoding="utf-8")
    argv = [
        *_with_spark_env(work, configuration.environment),
        *(*java, distribution.SUBMIT_CLASS),
        *("--master", f"local[{cores}]", "--properties-file", str(settings)),
        *asked.submit_options,
        *(asked.app, *asked.arguments),
    ]
    return SparkLaunch(
        argv=tuple(argv),
        env=_environment(spark, work, empty, configuration.properties),
        ignored=(*configuration.ignored, *too_much, *filter(None, [broken])),
    )


def _defaults(cores: int) -> dict[str, str]:
    """What the image's own defaults come to on one machine; the user's values win."""
    return {
        "spark.default.parallelism": str(2 * cores),
        # 200 small tasks a shuffle, Spark's own default, are most of a laptop job's time.
        "spark.sql.shuffle.partitions": str(2 * cores),
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
    }


def _file_systems(store: Store, work: Path) -> dict[str, str]:
    schemes = ("s3", "s3a", "hdfs")
    rows = [_mount(mount) for mount in store.mounts]
    committers = "org.apache.hadoop.mapreduce.lib.output.FileOutputCommitterFactory"
    return {
        **{f"spark.hadoop.fs.{name}.impl": distribution.FILE_SYSTEM_CLASS for name in schemes},
        **{
            f"spark.hadoop.fs.AbstractFileSystem.{name}.impl": distribution.FILE_CONTEXT_CLASS
            for name in schemes
        },
        # Hadoop's default for s3a is a committer from a jar that pyspark does not bring.
        "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a": committers,
        "spark.hadoop.fs.defaultFS": "hdfs://local",
        "spark.hadoop.fs.sagepipe.store": str(store.root.absolute()),
        **({"spark.hadoop.fs.sagepipe.mounts": " ".join(rows)} if rows else {}),
        "spark.hadoop.fs.sagepipe.hdfs": str(work / "hdfs"),
        "spark.hadoop.fs.sagepipe.uploads": str(work / "uploads"),
    }


def _mount(mount: Mount) -> str:
    """A row of the file system's table of mounts; percent-encoded, since names may hold anything
    and Hadoop replaces ${…} in its settings."""
    parts = (mount.bucket, mount.prefix, str(mount.directory.absolute()))
    return ":".join(["rw" if mount.writable else "ro", *(quote(part) for part in parts)])


def _driver_memory(asked: str | None) -> tuple[str, tuple[str, ...]]:
    """The JVM's heap limit: the usual one, unless asked for another that fits this machine."""
    machine = distribution.machine_memory()
    usual = f"{distribution.usual_memory() // 2**20}m"
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


def _asked_options(properties: Mapping[str, str]) -> list[str]:
    """The user's options for Java, which come after ours and win."""
    text = properties.get("spark.driver.extraJavaOptions", "")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise SparkCommandError(f"spark.driver.extraJavaOptions: {error}: {text}") from None


def _environment(
    spark: Distribution, work: Path, settings: Path, properties: Mapping[str, str]
) -> dict[str, str]:
    libraries = properties.get("spark.driver.extraLibraryPath")
    return {
        **({"LD_LIBRARY_PATH": libraries} if libraries else {}),
        "JAVA_HOME": str(spark.java_home),
        "SPARK_HOME": str(spark.spark_home),
        "SPARK_CONF_DIR": str(settings),
        "SPARK_LOCAL_DIRS": str(work / "local"),
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
