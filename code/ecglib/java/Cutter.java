package ecglib;

import java.util.ArrayDeque;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;

/**
 * Cuts rows into fragments: runs of consecutive sample numbers of a recording in one cell.
 *
 * A sample number that does not follow the one before begins a fragment, so that fragments never
 * overlap, whatever the files, tasks and order that rows come in: sorted by their first samples
 * they are the recording.
 */
final class Cutter {
  private static final double MOST_SECONDS = 9e12;  // in microseconds, a long
  private static final long EXACT = 1L << 50;  // microseconds, of which a double knows quarters

  private final Cells cells;
  private final Summary summary;
  private final ArrayDeque done = new ArrayDeque();

  private String split;
  private String recording;
  private long cell;
  private long start;  // of the cell, in microseconds
  private long end;
  private double inner;  // and in seconds, less a microsecond at either end
  private double outer;
  private boolean gap;
  private long first;
  private long last;

  Cutter(Cells cells, int width) {
    this.cells = cells;
    this.summary = new Summary(width);
  }

  /** Take the next of the fragments that are complete; null if none is. */
  Row poll() {
    return (Row) done.poll();
  }

  void feed(Chunk chunk) {
    int from = 0;
    for (int i = 0; i < chunk.rows; i++) {
      long sample = chunk.sample[i];
      double time = chunk.time[i];
      boolean begins = chunk.begins[i];
      if (!begins && sample == last + 1 && time > inner && time < outer) {
        last = sample;
        continue;
      }
      if (!(time >= 0 && time < MOST_SECONDS)) {
        throw badTime(time, begins ? chunk.recording[i] : recording, sample);
      }
      long micros = Math.round(time * 1e6);
      if (begins || sample != last + 1 || micros < start || micros >= end) {
        add(chunk, from, i);
        finish();
        from = i;
        if (begins) {
          split = chunk.split[i];
          recording = chunk.recording[i];
        }
        cell = cells.at(micros);
        start = cells.start(cell);
        end = cells.end(cell);
        gap = cells.isGap(cell);
        // Times that lie in the cell without a look at the microsecond that they round to.
        inner = (start + 1) / 1e6;
        outer = end < EXACT ? (end - 1) / 1e6 : 0;
        first = sample;
      }
      last = sample;
    }
    add(chunk, from, chunk.rows);
  }

  /** Complete the fragment under way. */
  void finish() {
    if (summary.rows() == 0) {
      return;
    }
    byte[] bytes = summary.bytes();
    long to = cells.block(cells.lastWindow(cell));
    for (long block = cells.block(cells.firstWindow(cell)); block <= to; block++) {
      done.add(
          RowFactory.create(
              new Object[] {split, recording, block, cell, first, last, bytes}));
    }
    summary.clear();
  }

  private void add(Chunk chunk, int from, int to) {
    if (!gap && from < to) {
      summary.add(chunk.values, chunk.missing, from, to);
    }
  }

  private static RuntimeException badTime(double time, String recording, long sample) {
    String how = time < 0 ? "negative" : time > 0 ? "too large a" : "missing";
    return Features.bad(
        how + " time in recording " + recording + " at sample " + sample
            + "; windows are counted from time 0, in seconds");
  }
}
