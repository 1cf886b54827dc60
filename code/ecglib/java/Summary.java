package ecglib;

import java.nio.ByteBuffer;

/**
 * What windows need to know of the rows of a fragment: count, sum, spread, extremes and changes of
 * sign of each component. Two summaries of rows that follow each other merge to the one of both.
 *
 * Sums are kept in twice a double's precision, as a high and a low part (Dekker, 1971), so that
 * a mean does not depend on where the rows were cut; squared distances are from the mean of each
 * piece and merged as Chan et al. (1979) do, so that an offset does not cancel them. A value that
 * is null does not count; one that is not finite makes its statistics what IEEE 754 makes of it.
 */
public final class Summary {
  private static final int BYTES = 3 * 8 + 5 * 8 + 1;  // of a component

  private final int width;
  private long rows;
  private final long[] count;
  private final double[] high;
  private final double[] low;
  private final double[] squares;
  private final double[] least;
  private final double[] most;
  private final long[] crossings;
  private final boolean[] firstPositive;
  private final boolean[] lastPositive;
  private double[] present = new double[0];

  public Summary(int width) {
    this.width = width;
    count = new long[width];
    high = new double[width];
    low = new double[width];
    squares = new double[width];
    least = new double[width];
    most = new double[width];
    crossings = new long[width];
    firstPositive = new boolean[width];
    lastPositive = new boolean[width];
  }

  public void clear() {
    rows = 0;
    java.util.Arrays.fill(count, 0);
  }

  public long rows() {
    return rows;
  }

  public long count(int component) {
    return count[component];
  }

  public double mean(int component) {
    return high[component] / count[component];
  }

  /** The population's standard deviation. */
  public double deviation(int component) {
    return Math.sqrt(squares[component] / count[component]);
  }

  public double least(int component) {
    return least[component];
  }

  public double most(int component) {
    return most[component];
  }

  /** The sum of squares. */
  public double energy(int component) {
    return squares[component] + high[component] * mean(component);
  }

  /** Changes of sign from a value to the next; zero counts as positive. */
  public long crossings(int component) {
    return crossings[component];
  }

  /** Add the rows [from, to) of some columns; `missing` has a column's nulls, or null for none. */
  public void add(double[][] values, boolean[][] missing, int from, int to) {
    rows += to - from;
    for (int c = 0; c < width; c++) {
      if (missing[c] == null) {
        addAll(c, values[c], from, to);
      } else {
        int kept = compact(values[c], missing[c], from, to);
        addAll(c, present, 0, kept);
      }
    }
  }

  private int compact(double[] values, boolean[] missing, int from, int to) {
    if (present.length < to - from) {
      present = new double[values.length];
    }
    int kept = 0;
    for (int i = from; i < to; i++) {
      if (!missing[i]) {
        present[kept++] = values[i];
      }
    }
    return kept;
  }

  private void addAll(int c, double[] values, int from, int to) {
    if (from == to) {
      return;
    }
    double sum = 0;
    double rest = 0;
    double min = values[from];
    double max = min;
    int sign = min >= 0 ? 1 : 0;
    boolean first = sign == 1;
    int changes = 0;
    for (int i = from; i < to; i++) {
      double value = values[i];
      double total = sum + value;
      double part = total - sum;
      rest += (sum - (total - part)) + (value - part);
      sum = total;
      min = value < min ? value : min;
      max = value > max ? value : max;
      int now = value >= 0 ? 1 : 0;
      changes += sign ^ now;
      sign = now;
    }
    long n = to - from;
    double distances = 0;
    if (isFinite(sum)) {
      double whole = sum + rest;
      rest -= whole - sum;
      sum = whole;
      double mean = sum / n;
      double correction = (Math.fma(-mean, (double) n, sum) + rest) / n;
      for (int i = from; i < to; i++) {
        double distance = (values[i] - mean) - correction;
        distances += distance * distance;
      }
    } else {
      sum = 0;
      rest = 0;
      for (int i = from; i < to; i++) {
        sum += values[i];
        min = Math.min(min, values[i]);
        max = Math.max(max, values[i]);
      }
      distances = Double.NaN;
    }
    append(c, n, sum, rest, distances, min, max, changes, first, sign == 1);
  }

  /** Add the rows that another summary is of; they come after these. */
  public void append(Summary other) {
    rows += other.rows;
    for (int c = 0; c < width; c++) {
      if (other.count[c] > 0) {
        append(c, other.count[c], other.high[c], other.low[c], other.squares[c], other.least[c],
            other.most[c], other.crossings[c], other.firstPositive[c], other.lastPositive[c]);
      }
    }
  }

  private void append(int c, long n, double sum, double rest, double distances, double min,
      double max, long changes, boolean first, boolean last) {
    long had = count[c];
    if (had == 0) {
      high[c] = sum;
      low[c] = rest;
      squares[c] = distances;
      least[c] = min;
      most[c] = max;
      crossings[c] = changes;
      firstPositive[c] = first;
    } else {
      squares[c] += distances + between(high[c], low[c], had, sum, rest, n);
      double total = high[c] + sum;
      if (isFinite(total)) {
        double part = total - high[c];
        double error = (high[c] - (total - part)) + (sum - part) + (low[c] + rest);
        high[c] = total + error;
        low[c] = error - (high[c] - total);
      } else {
        high[c] = total;
        low[c] = 0;
      }
      least[c] = Math.min(least[c], min);
      most[c] = Math.max(most[c], max);
      crossings[c] += changes + (lastPositive[c] == first ? 0 : 1);
    }
    lastPositive[c] = last;
    count[c] = had + n;
  }

  /** What the distance of two means adds to the squares. */
  private static double between(
      double sum, double rest, long n, double otherSum, double otherRest, long m) {
    double mean = sum / n;
    double otherMean = otherSum / m;
    double correction = (Math.fma(-mean, (double) n, sum) + rest) / n;
    double otherCorrection = (Math.fma(-otherMean, (double) m, otherSum) + otherRest) / m;
    double distance = (otherMean - mean) + (otherCorrection - correction);
    return distance * distance * ((double) n * m / (n + m));
  }

  private static boolean isFinite(double value) {
    return Math.abs(value) <= Double.MAX_VALUE;
  }

  /** As bytes, for `Summary.of`. */
  public byte[] bytes() {
    ByteBuffer buffer = ByteBuffer.allocate(8 + BYTES * width).putLong(rows);
    for (int c = 0; c < width; c++) {
      buffer.putLong(count[c]).putDouble(high[c]).putDouble(low[c]).putDouble(squares[c]);
      buffer.putDouble(least[c]).putDouble(most[c]).putLong(crossings[c]);
      buffer.put((byte) ((firstPositive[c] ? 1 : 0) | (lastPositive[c] ? 2 : 0)));
    }
    return buffer.array();
  }

  public static Summary of(byte[] bytes) {
    Summary summary = new Summary((bytes.length - 8) / BYTES);
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    summary.rows = buffer.getLong();
    for (int c = 0; c < summary.width; c++) {
      summary.count[c] = buffer.getLong();
      summary.high[c] = buffer.getDouble();
      summary.low[c] = buffer.getDouble();
      summary.squares[c] = buffer.getDouble();
      summary.least[c] = buffer.getDouble();
      summary.most[c] = buffer.getDouble();
      summary.crossings[c] = buffer.getLong();
      int signs = buffer.get();
      summary.firstPositive[c] = (signs & 1) != 0;
      summary.lastPositive[c] = (signs & 2) != 0;
    }
    return summary;
  }
}
