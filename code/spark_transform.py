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
Rows may come in any order: those of a recording are in the order of their sample numbers, which
must differ. A null among components does not count; a time must be there and not be negative.

How this is computed, `ecglib.features` says. No Python runs in the executors, and the managed
image's lack of pyarrow does not matter.

The output appears whole: it is written to a sibling prefix, then takes the old one's place, and
`_SUCCESS` is created last. `_receipt.json` tells the job's managed output where the data is.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ecglib.compiled import Classes, compile_sources
from ecglib.errors import StepError, run, why_not
from ecglib.features import BAD_INPUT, READERS, Features, Windows
from ecglib.storage import Storage, beside, checked_uris

# PySpark is imported where it is used: what needs no Spark can be tested without it.
if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = 1
MICROSECONDS = 1_000_000
_COMPONENT = re.compile(r"pc([1-9][0-9]*)")

EXAMPLES = """\
examples:
  spark-submit --py-files ecglib.zip spark_transform.py \\
      --input s3://bucket/run/components --output s3://bucket/run/features
  spark-submit --py-files ecglib.zip spark_transform.py \\
      --input s3://bucket/run/components --output-name features --window 2 --step 0.5
"""


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
    source, output = checked_uris(options.input, output)

    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.appName("ecg-features")
        # A partition is what its folder is called: split=1 would otherwise become an integer.
        .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
        .getOrCreate()
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            classes = compile_sources(spark, folder)
            rows = write_features(spark, classes, source, output, windows, options.reader)
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


def write_features(
    spark: SparkSession, classes: Classes, source: str, output: str, windows: Windows, reader: str
) -> dict[str, int]:
    """Put features in the output's place, whole or not at all; returns the windows by split."""
    storage = Storage(spark)
    splits = storage.splits(source)
    components = spark.read.parquet(source)
    names = component_columns(components.columns, source)
    print(f"components: {source}, {len(names)} in {', '.join(splits)}", flush=True)
    features = Features(names, windows, classes)
    fragments = features.fragments(components, reader)
    print(f"components: read {fragments.how}", flush=True)
    session: Any = spark
    counts = {split: session._jsc.sc().longAccumulator() for split in splits}
    staging = beside(output, "staging")
    try:
        (
            features.windows(fragments.table, counts)
            .write.mode("overwrite")
            # A commit's marker may not stand in the output before all of it does.
            .option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
            .partitionBy("split")
            .parquet(staging)
        )
        # The tasks that count are those that write, of which Spark counts each once.
        rows = {split: int(count.value()) for split, count in counts.items()}
        if not any(rows.values()):
            raise StepError("there is no row in any split of the components; nothing to write")
        storage.replace(output, staging)
    except BaseException as error:
        storage.delete(staging)
        # Raised in an executor; the driver gets it as the text of a Java exception.
        bad = re.search(rf"{BAD_INPUT}(.*)", str(error))
        if bad:
            raise StepError(f"--input {source}: {bad[1]}") from None
        raise
    return rows


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
    add(
        "--reader",
        choices=READERS,
        default=READERS[0],
        help="read batches of columns where Spark has them, or only rows: several times slower, "
        "but by Spark's public interface alone (default: %(default)s)",
    )
    add("--message-file", default="/opt/ml/output/message", metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
