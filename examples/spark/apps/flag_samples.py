"""Which samples of the recordings in a bucket lie outside of what their lead can hold.

Reads s3://SOURCE/*.csv (time in s, then one column in mV for each lead) and writes to
s3://DEST/flags/, replacing what is there, Parquet with the columns recording, lead, time, value,
microvolts and reason ("below", "above" or "missing").

What it brings along: voltage.py comes with --py-files, the limits with --files as limits.csv, and
the conversion to µV is a class of leads.jar, which comes with --jars. All are there on every
executor.
"""

import argparse

import voltage
from pyspark import SparkFiles
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import LongType


def flag(rows):
    """The flagged samples of one partition; runs on an executor."""
    limits = voltage.read_limits(SparkFiles.get("limits.csv"))
    for row in rows:
        for lead, value in row.leads.items():
            reason = voltage.reason(value, *limits[lead])
            if reason:
                yield Row(row.recording, lead, row.time, value, reason)


def main():
    """Read, flag, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--source-bucket", required=True)
    parser.add_argument("--dest-bucket", required=True)
    options = parser.parse_args()

    spark = SparkSession.builder.appName("flag-samples").getOrCreate()
    spark.udf.registerJavaFunction("microvolts", "leads.Microvolts", LongType())
    table = spark.read.csv(f"s3://{options.source_bucket}/*.csv", header=True, inferSchema=True)
    leads = [pair for name in table.columns[1:] for pair in (F.lit(name), F.col(name))]
    samples = table.select(
        F.regexp_extract(F.input_file_name(), r"([^/]+)\.csv$", 1).alias("recording"),
        table[table.columns[0]].alias("time"),
        F.create_map(*leads).alias("leads"),
    )
    flagged = spark.createDataFrame(
        samples.rdd.mapPartitions(flag),
        "recording string, lead string, time double, value double, reason string",
    )
    converted = flagged.withColumn("microvolts", F.expr("microvolts(value)"))
    converted.write.mode("overwrite").parquet(f"s3://{options.dest_bucket}/flags/")
    spark.stop()


if __name__ == "__main__":
    main()
