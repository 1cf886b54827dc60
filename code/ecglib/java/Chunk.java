package ecglib;

/** Some rows of components, by column; the arrays are used again for the next rows. */
final class Chunk {
  /** Rows at a time: few enough for a processor's cache. Spark's batches are as large. */
  static final int SIZE = 4096;

  int rows;
  /** Whether a row's split or recording is another than that of the row before. */
  boolean[] begins = new boolean[SIZE];
  /** The split, by row; only where a row begins. */
  String[] split = new String[SIZE];
  /** The recording, by row; only where a row begins. */
  String[] recording = new String[SIZE];
  long[] sample = new long[SIZE];
  /** Seconds; a null is not a number. */
  double[] time = new double[SIZE];
  /** By component, then by row. */
  final double[][] values;
  /** Which values are null, by component, then by row; a component without nulls has null. */
  final boolean[][] missing;

  Chunk(int width) {
    values = new double[width][SIZE];
    missing = new boolean[width][];
  }
}
