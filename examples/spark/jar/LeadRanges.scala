package leads

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.functions.{col, count, input_file_name, max, min, regexp_extract}

/** The range of every lead of every recording: LeadRanges INPUT OUTPUT, both `s3://` prefixes.
  *
  * Reads the CSV files at INPUT and writes one row for each recording, as CSV too, replacing what
  * is at OUTPUT.
  */
object LeadRanges {
  def main(args: Array[String]): Unit = {
    val Array(input, output) = args
    val spark = SparkSession.builder.appName("lead-ranges").getOrCreate()
    val table = spark.read.option("header", true).option("inferSchema", true).csv(s"$input/*.csv")
    val leads = table.columns.drop(1).toSeq
    val ranges = leads.flatMap { lead =>
      Seq(min(col(lead)).as(s"${lead}_min"), max(col(lead)).as(s"${lead}_max"))
    }
    table
      .withColumn("recording", regexp_extract(input_file_name(), "([^/]+)\\.csv$", 1))
      .groupBy("recording")
      .agg(count("*").as("samples"), ranges: _*)
      .orderBy("recording")
      .coalesce(1)
      .write.mode("overwrite").option("header", true).csv(output)
    spark.stop()
  }
}
