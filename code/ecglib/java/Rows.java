package ecglib;

import java.util.Arrays;
import java.util.Iterator;
import java.util.Objects;
import org.apache.spark.sql.Row;

/** Rows one by one: split, recording, sample, time and the components. */
final class Rows implements Source {
  private final Iterator rows;
  private final boolean[][] nulls;
  private boolean begun;
  private String split;
  private String recording;

  private Rows(Iterator rows, int width) {
    this.rows = rows;
    this.nulls = new boolean[width][Chunk.SIZE];
  }

  static final class Opener implements Source.Opener {
    private static final long serialVersionUID = 1L;
    private final int width;

    Opener(int width) {
      this.width = width;
    }

    @Override
    public Source open(Iterator task) {
      return new Rows(task, width);
    }
  }

  @Override
  public boolean read(Chunk chunk) {
    Arrays.fill(chunk.missing, null);
    chunk.rows = 0;
    while (chunk.rows < Chunk.SIZE && rows.hasNext()) {
      put((Row) rows.next(), chunk, chunk.rows++);
    }
    return chunk.rows > 0;
  }

  private void put(Row row, Chunk chunk, int i) {
    String ofSplit = (String) row.get(0);
    String ofRecording = (String) row.get(1);
    if (ofRecording == null || row.isNullAt(2)) {
      throw Features.unnamed(ofSplit);
    }
    chunk.begins[i] =
        !begun || !ofRecording.equals(recording) || !Objects.equals(ofSplit, split);
    if (chunk.begins[i]) {
      begun = true;
      chunk.split[i] = split = ofSplit;
      chunk.recording[i] = recording = ofRecording;
    }
    chunk.sample[i] = row.getLong(2);
    chunk.time[i] = row.isNullAt(3) ? Double.NaN : row.getDouble(3);
    for (int c = 0; c < nulls.length; c++) {
      if (!row.isNullAt(4 + c)) {
        chunk.values[c][i] = row.getDouble(4 + c);
        nulls[c][i] = false;
      } else {
        if (chunk.missing[c] == null) {
          Arrays.fill(nulls[c], false);
          chunk.missing[c] = nulls[c];
        }
        nulls[c][i] = true;
      }
    }
  }
}
