package ecglib;

import java.util.Map;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.StructType;

/**
 * What the driver calls: components to fragments, and fragments to windows.
 *
 * Components have the columns split, recording, sample, time and then `width` doubles.
 */
public final class Features {
  private final Cells cells;
  private final int width;

  public Features(long length, long step, int width) {
    this.cells = new Cells(length, step);
    this.width = width;
  }

  /** Fragments of components, with the columns of `schema`. */
  public Dataset fragmentsOfRows(Dataset components, StructType schema) {
    return fragments(components, components.toJavaRDD(), new Rows.Opener(width), schema);
  }

  Dataset fragments(Dataset components, JavaRDD read, Source.Opener opener, StructType schema) {
    return table(components, read.mapPartitions(new Fragments(cells, width, opener)), schema);
  }

  /**
   * Windows, with the columns of `schema`.
   *
   * @param fragments those of each split, recording and block in one partition, and sorted there
   *     by these and by cell and first sample
   * @param counts an accumulator for each split, that counts its windows
   */
  public Dataset windows(Dataset fragments, StructType schema, Map counts) {
    JavaRDD read = fragments.toJavaRDD();
    return table(fragments, read.mapPartitions(new Windows(cells, width, counts)), schema);
  }

  private static Dataset table(Dataset before, JavaRDD rows, StructType schema) {
    return before.sparkSession().createDataFrame(rows, schema);
  }

  /** An error that is the input's fault: the driver shows what follows the colon. */
  static RuntimeException bad(String text) {
    return new IllegalArgumentException("bad components: " + text);
  }

  static RuntimeException unnamed(String split) {
    return bad("a row of split " + split + " has no recording or no sample number");
  }
}
