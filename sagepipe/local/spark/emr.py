"""The configuration channel of the managed Spark image: EMR classifications in one JSON file.

Taken from the image's source (aws/sagemaker-spark-container, `smspark/config.py` and
`bootstrapper.py`): fourteen classifications, the user's values after the defaults so that they
win. Here the cluster is one JVM on this machine; what only a cluster has is named, not applied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.local.spark.command import SparkCommandError

PLACES = ("input/data/conf/configuration.json", "processing/input/conf/configuration.json")
"""Where the image looks below /opt/ml; the first that exists counts."""

_CLUSTER = "there is no cluster, and no daemons, on this machine"
_METASTORE = "there is no Hive metastore on this machine"
_APPLIED = ("core-site", "spark-defaults", "spark-env", "spark-log4j", "spark-metrics")
_IGNORED = {
    "hadoop-env": _CLUSTER,
    "hadoop-log4j": _CLUSTER,
    "hive-env": _METASTORE,
    "hive-exec-log4j": _METASTORE,
    "hive-log4j": _METASTORE,
    "hive-site": _METASTORE,
    "spark-hive-site": _METASTORE,
    "yarn-env": _CLUSTER,
    "yarn-site": _CLUSTER,
}
CLASSIFICATIONS = tuple(sorted((*_APPLIED, *_IGNORED)))

_ONE_JVM = "driver and executors are one local JVM"
_FOLDER = "S3 and HDFS are folders here"
_OURS = "the local engine sets it"
# Prefixes of Spark properties without a local meaning, and why.
_NOT_LOCAL = (
    ("spark.master", "the image sets it, and so does the local engine"),
    ("spark.submit.deployMode", "the image sets it, and so does the local engine"),
    ("spark.executor.cores", _ONE_JVM),
    ("spark.executor.memory", _ONE_JVM),
    ("spark.executor.instances", _ONE_JVM),
    ("spark.executor.extraJavaOptions", _ONE_JVM),
    ("spark.executor.defaultJavaOptions", _ONE_JVM),
    ("spark.executor.extraLibraryPath", _ONE_JVM),
    ("spark.executor.pyspark.memory", _ONE_JVM),
    ("spark.cores.max", _ONE_JVM),
    ("spark.driver.cores", _ONE_JVM),
    ("spark.driver.memoryOverhead", _ONE_JVM),
    ("spark.driver.host", _OURS),
    ("spark.driver.bindAddress", _OURS),
    ("spark.driver.defaultJavaOptions", _OURS),
    ("spark.local.dir", _OURS),
    ("spark.pyspark.", "Python is the one that runs the engine"),
    ("spark.dynamicAllocation.", _ONE_JVM),
    ("spark.shuffle.service.", _CLUSTER),
    ("spark.yarn.", _CLUSTER),
    ("spark.ui.", "the web interface is off"),
    ("spark.history.", "the web interface is off"),
    ("spark.sql.hive.", _METASTORE),
    ("spark.hadoop.hive.", _METASTORE),
    ("spark.hadoop.yarn.", _CLUSTER),
    ("spark.hadoop.dfs.", _FOLDER),
    ("spark.hadoop.fs.defaultFS", _FOLDER),
    ("spark.hadoop.fs.hdfs.", _FOLDER),
    ("spark.hadoop.fs.s3", _FOLDER),
    ("spark.hadoop.fs.AbstractFileSystem.", _FOLDER),
    ("spark.hadoop.fs.sagepipe.", _OURS),
)
_OWN_VARIABLES = ("JAVA_HOME", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", "PYTHONHASHSEED", "PATH")
_OWN_VARIABLE_PREFIXES = ("SPARK_", "HADOOP_", "YARN_")


@dataclass(frozen=True)
class SparkConfiguration:
    """The user's settings that apply here, and a sentence for each that does not."""

    properties: Mapping[str, str]
    environment: Mapping[str, str]
    """From spark-env; values are shell text, as in the image's spark-env.sh."""
    log4j: Mapping[str, str]
    metrics: Mapping[str, str]
    ignored: tuple[str, ...]


def load(opt_ml: Path) -> SparkConfiguration:
    """Read the configuration channel below `opt_ml`, the folder that is the instance's /opt/ml.

    No file means no settings. Raises SparkCommandError, naming the file and the entry, for what
    the image would refuse.
    """
    for place in PLACES:
        path = opt_ml / place
        if path.is_file():
            try:
                content = json.loads(path.read_bytes())
            except ValueError as error:
                raise SparkCommandError(f"/opt/ml/{place} is not JSON: {error}") from None
            return _sort(content, f"/opt/ml/{place}")
    return SparkConfiguration({}, {}, {}, {}, ())


def _sort(content: Any, where: str) -> SparkConfiguration:
    found: dict[str, dict[str, str]] = {name: {} for name in _APPLIED}
    ignored: list[str] = []
    for name, properties in _classifications(content, where):
        if name in _IGNORED:
            names = ", ".join(sorted(properties)) or "nothing"
            ignored.append(f"{name} ({names}) is ignored: {_IGNORED[name]}.")
        else:
            found[name].update(properties)
    # spark-defaults come second: in the image too they override what core-site says.
    properties = {f"spark.hadoop.{key}": value for key, value in found["core-site"].items()}
    properties.update(found["spark-defaults"])
    for key in list(properties):
        reason = next((why for prefix, why in _NOT_LOCAL if key.startswith(prefix)), None)
        if reason:
            del properties[key]
            ignored.append(f"{key} is ignored: {reason}.")
    environment = found["spark-env"]
    for key in list(environment):
        if key in _OWN_VARIABLES or key.startswith(_OWN_VARIABLE_PREFIXES):
            del environment[key]
            ignored.append(f"{key} of spark-env is ignored: {_OURS}.")
    return SparkConfiguration(
        properties, environment, found["spark-log4j"], found["spark-metrics"], tuple(ignored)
    )


def _classifications(content: Any, where: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every classification with its properties (of an env one: those of its `export` part)."""
    for entry in content if isinstance(content, list) else [content]:
        name = entry.get("Classification") if isinstance(entry, dict) else None
        if name not in CLASSIFICATIONS:
            raise SparkCommandError(
                f"{where}: the image has no classification {name!r}; "
                f"it takes {', '.join(CLASSIFICATIONS)}"
            )
        own = _properties(entry, f"{where}: {name}")
        inner = entry.get("Configurations") or []
        if not name.endswith("-env"):
            yield name, own
            continue
        if not inner:
            raise SparkCommandError(f"{where}: {name} needs Configurations with an export part")
        for part in inner:
            if not isinstance(part, dict) or part.get("Classification") != "export":
                raise SparkCommandError(f"{where}: {name} may only hold export parts, not {part!r}")
            yield name, _properties(part, f"{where}: {name}: export")


def _properties(entry: Mapping[str, Any], where: str) -> dict[str, str]:
    properties = entry.get("Properties")
    if not isinstance(properties, dict):
        raise SparkCommandError(f"{where} needs Properties, an object of names and values")
    for key, value in properties.items():
        if not isinstance(value, (str, int, float)) or "\n" in f"{key}{value}":
            raise SparkCommandError(f"{where}: the value of {key} must be one line of text")
    return {key: str(value) for key, value in properties.items()}
