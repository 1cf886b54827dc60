"""Windowed features of principal components, with Spark.

Reads the components that `pca.py` writes (Parquet below `split=<split>/`, columns recording,
sample, time in s, pc1 … pck) and writes, as Parquet partitioned by split, one row for each
recording and window:

    recording  string
    window     long    k; window k covers the times [k * step, k * step + window), k >= 0
    start      double  k * step, s
    n          long    samples in the window
    pc<i>_mean, pc<i>_std (population), pc<i>_min, pc<i>_max   double
    pc<i>_energy          double  sum of squares
    pc<i>_zero_crossings  long    changes of sign from one sample of the window to the next, where
                                  0 counts as positive

Windows without a sample have no row; the last ones of a recording may be part-filled, see `n`.

Everything is a Spark SQL expression: no Python runs in the executors, and the managed image's lack
of pyarrow does not matter. Rows are copied into their windows (window / step copies), shuffled once
by (split, recording, window), sorted and aggregated as a stream, so memory does not depend on a
recording's length and a long recording is shared between executors.

The output appears whole: it is written to a sibling prefix, then takes the old one's place, and
`_SUCCESS` is created last. `_receipt.json` tells the job's managed output where the data is.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecglib.errors import StepError, run, why_not

# PySpark is imported where it is used: what needs no Spark can be tested without it.
if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

SCHEMA = 1
KEY = ("split", "recording", "window")
MICROSECONDS = 1_000_000
BAD_TIME = "negative or missing time in recording"
_COMPONENT = re.compile(r"pc([1-9][0-9]*)")

EXAMPLES = """\
examples:
  spark-submit --py-files ecglib.zip spark_transform.py \\
      --input s3://bucket/run/components --output s3://bucket/run/features
  spark-submit --py-files ecglib.zip spark_transform.py \\
      --input s3://bucket/run/components --output-name features --window 2 --step 0.5
"""


@dataclass(frozen=True)
class Windows:
    """Length and distance of the windows, in whole microseconds.

    Integers, since 0.1 s is no binary fraction: with floats a sample on an edge would fall to
    either side of it, by the edge's number.
    """

    length: int
    step: int


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0, 1 after an expected error, 2 for arguments that make no sense."""
    options = _parser().parse_args(argv)
    return run(lambda: transform(options), options.message_file)


def refusal(argv: Sequence[str]) -> str:
    """Why `main` would refuse these arguments before it reads anything; "" if it wouldn't."""
    return why_not(lambda: asked_windows(_parser().parse_args(argv)))


def transform(options: argparse.Namespace) -> None:
    """The whole step. Raises StepError."""
    windows = asked_windows(options)
    output = options.output or output_uri(options.output_name, options.job_config)
    source, output, staging = checked_uris(options.input, output)

    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.appName("ecg-features")
        # A partition is what its folder is called: split=1 would otherwise become an integer.
        .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
        .getOrCreate()
    )
    try:
        storage = Storage(spark)
        splits = storage.splits(source)
        components = spark.read.parquet(source)
        names = component_columns(components.columns, source)
        print(f"components: {source}, {len(names)} in {', '.join(splits)}", flush=True)
        rows = write(spark, features(components, names, windows), output, staging, storage, splits)
    finally:
        spark.stop()
    for split, count in rows.items():
        print(f"features: {split}: {count} windows", flush=True)
    if options.receipt_dir:
        receipt = {
            "schema": SCHEMA,
            "output": output,
            "rows": rows,
            "window": options.window,
            "step": options.step,
        }
        write_receipt(options.receipt_dir, receipt)
    print(f"features: {output}", flush=True)


# --- options, without Spark -----------------------------------------------------------------


def asked_windows(options: argparse.Namespace) -> Windows:
    """The windows that were asked for. Raises StepError."""
    return Windows(
        length=microseconds(options.window, "--window"), step=microseconds(options.step, "--step")
    )


def microseconds(seconds: float, option: str) -> int:
    """A duration in whole microseconds. Raises StepError unless it is at least one."""
    if not 1 / MICROSECONDS <= seconds < float("inf"):
        raise StepError(f"{option} {seconds}: must be a number of seconds above zero")
    return round(seconds * MICROSECONDS)


def output_uri(name: str, job_config: str) -> str:
    """The S3 URI of the output called `name`, from the job's own configuration file.

    The URI holds the execution's id. As an argument it would be part of the step's cache key,
    and no execution would ever match another; the output configuration is not part of it.
    """
    try:
        with open(job_config, encoding="utf-8") as file:
            outputs = json.load(file)["ProcessingOutputConfig"]["Outputs"]
        found = {output["OutputName"]: output["S3Output"]["S3Uri"] for output in outputs}
    except FileNotFoundError:
        raise StepError(
            f"--output-name needs the job's configuration, and there is no {job_config}; "
            "give --job-config or, outside a processing job, --output"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepError(f"{job_config} is not a job's configuration: {error!r}") from None
    if name not in found:
        names = ", ".join(sorted(found)) or "none"
        raise StepError(f"--output-name {name}: the job has no such output; it has: {names}")
    return str(found[name])


def checked_uris(source: str, output: str) -> tuple[str, str, str]:
    """Input, output and the staging prefix beside the output. Raises StepError.

    The output replaces what is there, so it may be neither a whole bucket nor hold the input.
    """
    source, output = source.rstrip("/"), output.rstrip("/")
    scheme, colon, path = output.rpartition("://")
    parent, slash, name = path.rpartition("/")
    if not name or (colon and not parent):
        raise StepError(f"--output {output}: is a whole bucket or root; name a prefix in it")
    plain_source, plain_output = (re.sub(r"^s3a://", "s3://", uri) for uri in (source, output))
    if f"{plain_source}/".startswith(f"{plain_output}/"):
        raise StepError(f"--output {output}: would replace the input, {source}")
    if f"{plain_output}/".startswith(f"{plain_source}/"):
        raise StepError(f"--output {output}: lies in the input, {source}")
    # The underscore hides it from readers of the parent prefix.
    return source, output, f"{scheme}{colon}{parent}{slash}_{name}.staging"


def component_columns(columns: Iterable[str], source: str) -> list[str]:
    """pc1 … pck among the columns, by number. Raises StepError if the input is none of ours."""
    columns = list(columns)
    names = sorted(filter(_COMPONENT.fullmatch, columns), key=lambda name: int(name[2:]))
    missing = {"split", "recording", "sample", "time"}.difference(columns)
    if missing or not names:
        raise StepError(
            f"--input {source}: has columns {', '.join(columns)}; expected split (from folders "
            "split=<split>/), recording, sample, time and pc1, pc2, … as pca.py writes them"
        )
    return names


def write_receipt(folder: str, receipt: dict[str, Any]) -> None:
    """Write `_receipt.json` into a folder, making the folder."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "_receipt.json")
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        json.dump(receipt, file, indent=2)
        file.write("\n")
    os.replace(path + ".tmp", path)


# --- the features ---------------------------------------------------------------------------


def features(components: DataFrame, names: Sequence[str], windows: Windows) -> DataFrame:
    """One row for each (split, recording, window), columns as in the module's docstring."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    in_order = Window.partitionBy(*KEY).orderBy("sample")
    rows = components.select(
        "split", "recording", "sample", *names, F.explode(_window_numbers(windows)).alias("window")
    )

    def crossing(name: str) -> Column:
        positive = F.col(name) >= 0
        return (positive != F.lag(positive).over(in_order)).cast("long").alias(f"{name}_crossing")

    def aggregates(name: str) -> list[Column]:
        value = F.col(name)
        crossings = F.coalesce(F.sum(f"{name}_crossing"), F.lit(0).cast("long"))
        return [
            F.avg(value).alias(f"{name}_mean"),
            F.stddev_pop(value).alias(f"{name}_std"),
            F.min(value).alias(f"{name}_min"),
            F.max(value).alias(f"{name}_max"),
            crossings.alias(f"{name}_zero_crossings"),
        ]

    def energy(name: str) -> Column:
        # Not an aggregate of its own: Spark generates and compiles code for each, which for short
        # recordings takes longer than running it. A component is never null, so n is its count.
        mean, std = F.col(f"{name}_mean"), F.col(f"{name}_std")
        return (F.col("n") * (mean * mean + std * std)).alias(f"{name}_energy")

    start = F.col("window") * F.lit(windows.step) / F.lit(float(MICROSECONDS))
    # The aggregation has the sort's key, so Spark does it without a second shuffle.
    return (
        rows.select("*", *(crossing(name) for name in names))
        .groupBy(*KEY)
        .agg(F.count("*").alias("n"), *(column for name in names for column in aggregates(name)))
        .select("*", *(energy(name) for name in names))
        .select(*KEY, start.alias("start"), "n", *_feature_names(names))
    )


def _feature_names(names: Sequence[str]) -> list[str]:
    kinds = ("mean", "std", "min", "max", "energy", "zero_crossings")
    return [f"{name}_{kind}" for name in names for kind in kinds]


def _window_numbers(windows: Windows) -> Column:
    """The numbers k >= 0 of the windows that a row's time lies in, as an array."""
    from pyspark.sql import functions as F

    length, step = F.lit(windows.length), F.lit(windows.step)
    time = F.round(F.col("time") * MICROSECONDS).cast("long")
    last = F.floor(time / step)
    first = F.greatest(F.floor((time - length) / step) + 1, F.lit(0).cast("long"))
    bad = F.col("time").isNull() | (F.col("time") < 0)
    message = F.concat_ws(" ", F.lit(BAD_TIME), "recording", F.lit("at sample"), "sample")
    return (
        F.when(bad, F.raise_error(message).cast("array<bigint>"))
        # A step longer than the window leaves gaps between windows.
        .when(first <= last, F.sequence(first, last))
    )


# --- storage --------------------------------------------------------------------------------


def write(
    spark: SparkSession,
    table: DataFrame,
    output: str,
    staging: str,
    storage: Storage,
    splits: Sequence[str],
) -> dict[str, int]:
    """Put the table in the output's place, whole or not at all; returns its rows by split."""
    try:
        (
            table.write.mode("overwrite")
            # A commit's marker may not stand in the output before all of it does.
            .option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
            .partitionBy("split")
            .parquet(staging)
        )
        if not storage.splits(staging, required=False):
            raise StepError("there is no row in any split of the components; nothing to write")
        storage.replace(output, staging)
    except BaseException as error:
        storage.delete(staging)
        # Raised in an executor; the driver gets it as the text of a Java exception.
        bad_time = re.search(rf"{BAD_TIME}.*", str(error))
        if bad_time:
            raise StepError(f"{bad_time[0]}; windows are counted from time 0") from None
        raise
    counted = spark.read.parquet(output).groupBy("split").count()
    rows = dict.fromkeys(splits, 0)
    rows.update((row["split"], row["count"]) for row in counted.toLocalIterator())
    storage.mark_complete(output)
    return rows


class Storage:
    """Whole prefixes, through Hadoop's file systems: S3 and a folder alike."""

    def __init__(self, spark: SparkSession) -> None:
        session: Any = spark
        self._jvm = session._jvm
        self._configuration = session._jsc.hadoopConfiguration()

    def splits(self, uri: str, *, required: bool = True) -> list[str]:
        """The splits below a prefix, by its folders' names. Raises StepError if it has none."""
        files, path = self._open(uri)
        found = []
        if files.exists(path):
            names = (status.getPath().getName() for status in files.listStatus(path))
            found = sorted(name[len("split=") :] for name in names if name.startswith("split="))
        if required and not found:
            raise StepError(
                f"--input {uri}: no components there; expected folders split=<split>/ with "
                "Parquet files, as pca.py writes them"
            )
        return found

    def replace(self, output: str, staging: str) -> None:
        """Let the staging prefix take the output's place, still without `_SUCCESS`.

        On S3 a rename is a copy, object by object: the old marker goes before anything else does.
        """
        files, path = self._open(output)
        files.delete(self._success(path), False)
        files.delete(path, True)
        files.mkdirs(path.getParent())
        if not files.rename(self._open(staging)[1], path):
            raise StepError(f"cannot move {staging} to {output}")

    def mark_complete(self, output: str) -> None:
        """Create `_SUCCESS` in the output."""
        files, path = self._open(output)
        files.create(self._success(path), True).close()

    def _success(self, path: Any) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(path, "_SUCCESS")

    def delete(self, uri: str) -> None:
        """Delete everything below a prefix; nothing there is no error."""
        files, path = self._open(uri)
        files.delete(path, True)

    def _open(self, uri: str) -> tuple[Any, Any]:
        from py4j.protocol import Py4JJavaError

        path = self._jvm.org.apache.hadoop.fs.Path(uri)
        try:
            return path.getFileSystem(self._configuration), path
        except Py4JJavaError as error:
            raise StepError(f"cannot open {uri}: {error.java_exception.getMessage()}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Windowed features of principal components, with Spark.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add: Callable[..., Any] = parser.add_argument
    add("--input", required=True, metavar="URI", help="components, with folders split=<split>/")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--output", metavar="URI", help="the features' prefix; it is replaced")
    where.add_argument(
        "--output-name", metavar="NAME", help="write to the S3 URI of this output of the job"
    )
    add(
        "--job-config",
        default="/opt/ml/config/processingjobconfig.json",
        metavar="FILE",
        help="the job's configuration, for --output-name (default: %(default)s)",
    )
    add("--receipt-dir", metavar="DIR", help="write _receipt.json, which says what was written")
    add("--window", type=float, default=10.0, metavar="SECONDS", help="default: %(default)s")
    add("--step", type=float, default=5.0, metavar="SECONDS", help="default: %(default)s")
    add("--message-file", default="/opt/ml/output/message", metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
