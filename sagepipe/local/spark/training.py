"""The job that an archive of Spark's classes is made with: it uses what jobs tend to use.

Runs under spark-submit, with an `s3://` prefix for whatever it writes as its argument.
"""

import sys

from pyspark.sql import DataFrame, Row, SparkSession, Window
from pyspark.sql import functions as F


def main(prefix: str) -> None:
    """Read, write, shuffle, aggregate and sort a few rows, by SQL and by RDDs."""
    spark = SparkSession.builder.appName("training").getOrCreate()
    numbers = spark.range(2000).select(
        (F.col("id") % 3).cast("string").alias("split"),
        F.concat(F.lit("r"), (F.col("id") % 7).cast("string")).alias("name"),
        F.col("id").alias("sample"),
        (F.col("id") / 100).alias("time"),
        F.sin("id").alias("value"),
    )
    for kind in ("parquet", "csv", "json"):
        written = f"{prefix}/{kind}"
        numbers.write.mode("overwrite").partitionBy("split").format(kind).save(written)
    table = spark.read.parquet(f"{prefix}/parquet")
    spark.read.option("header", "true").csv(f"{prefix}/csv").count()

    in_order = Window.partitionBy("split", "name").orderBy("sample")
    changes = table.withColumn("before", F.lag("value").over(in_order))
    means = changes.groupBy("split", "name").agg(
        F.count("*").alias("n"), F.avg("value"), F.stddev_pop("before"), F.max("time")
    )
    means.write.mode("overwrite").parquet(f"{prefix}/means")
    means.join(table, ["split", "name"]).where("value > 0").limit(3).collect()

    near = table.repartition("split", "name").sortWithinPartitions("split", "name", "sample")
    counted = spark.sparkContext.accumulator(0)
    rows = near.rdd.map(lambda row: (counted.add(1), Row(**row.asDict()))[1])
    again = spark.createDataFrame(rows, table.schema)
    again.write.mode("overwrite").partitionBy("split").parquet(f"{prefix}/again")

    # As a program of Java's would.
    java_rows = near._jdf.toJavaRDD()
    made = DataFrame(spark._jsparkSession.createDataFrame(java_rows, near._jdf.schema()), spark)
    made.write.mode("overwrite").partitionBy("split").parquet(f"{prefix}/rows")
    spark._jsc.sc().longAccumulator().value()
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
