package ecglib;

import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import scala.collection.Seq;

/**
 * Fragments of components as Spark's Parquet reader has them, in batches of columns: no row is
 * ever made. Plans and batches are not part of Spark's public interface. What is in this folder may
 * fail to compile or to find what it looks for; then rows are read.
 */
public final class Scan {
  public Scan() {}

  /**
   * As `Features.fragmentsOfRows`.
   *
   * @throws UnsupportedOperationException where Spark has no batches of them; it says why
   */
  public Dataset fragments(Features features, Dataset components, StructType schema) {
    Seq leaves = components.queryExecution().executedPlan().collectLeaves();
    SparkPlan scan = (SparkPlan) leaves.head();
    if (leaves.size() != 1 || !scan.supportsColumnar()) {
      throw new UnsupportedOperationException(scan.nodeName() + " reads row by row");
    }
    int[] places = places(components.schema().fields(), scan.schema());
    JavaRDD batches = scan.executeColumnar().toJavaRDD();
    return features.fragments(components, batches, new Batches.Opener(places), schema);
  }

  /** Where the scan has each of the columns wanted. */
  private static int[] places(StructField[] wanted, StructType scanned) {
    int[] places = new int[wanted.length];
    for (int i = 0; i < wanted.length; i++) {
      String name = wanted[i].name();
      if (!scanned.getFieldIndex(name).isDefined()) {
        throw new UnsupportedOperationException("the scan has no column " + name);
      }
      places[i] = scanned.fieldIndex(name);
      StructField found = scanned.fields()[places[i]];
      if (!found.dataType().equals(wanted[i].dataType())) {
        throw new UnsupportedOperationException(name + " is of type " + found.dataType().sql());
      }
    }
    return places;
  }
}
