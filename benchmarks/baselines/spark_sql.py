"""The windows by Spark SQL alone: rows are copied into each of their windows, shuffled and sorted.

What spark_transform.py did before it aggregated rows where they are read.
"""

import sys

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F


def main(source: str, target: str, window: str, step: str) -> None:
    """Write the features of each split, recording and window, lengths in whole microseconds."""
    spark = SparkSession.builder.getOrCreate()
    components = spark.read.parquet(source)
    names = [name for name in components.columns if name.startswith("pc")]
    key = ("split", "recording", "window")
    in_order = Window.partitionBy(*key).orderBy("sample")
    time = F.round(F.col("time") * 1_000_000).cast("long")
    last = F.floor(time / F.lit(int(step)))
    first = F.greatest(F.floor((time - int(window)) / F.lit(int(step))) + 1, F.lit(0))
    rows = components.select(
        *("split", "recording", "sample"),
        *names,
        F.explode(F.when(first <= last, F.sequence(first, last))).alias("window"),
    )
    signs = {name: F.col(name) >= 0 for name in names}
    crossing = {
        name: (sign != F.lag(sign).over(in_order)).cast("long").alias(f"{name}_crossing")
        for name, sign in signs.items()
    }
    features = [
        feature
        for name in names
        for feature in (
            F.avg(name).alias(f"{name}_mean"),
            F.stddev_pop(name).alias(f"{name}_std"),
            F.min(name).alias(f"{name}_min"),
            F.max(name).alias(f"{name}_max"),
            F.sum(F.col(name) * F.col(name)).alias(f"{name}_energy"),
            F.coalesce(F.sum(f"{name}_crossing"), F.lit(0)).alias(f"{name}_zero_crossings"),
        )
    ]
    table = (
        rows.select("*", *crossing.values()).groupBy(*key).agg(F.count("*").alias("n"), *features)
    )
    table.write.mode("overwrite").partitionBy("split").parquet(target)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
