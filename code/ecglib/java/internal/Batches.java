package ecglib;

import java.util.Iterator;
import java.util.Objects;
import org.apache.spark.sql.execution.vectorized.WritableColumnVector;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.types.UTF8String;

/** Rows by column, as a scan reads them. */
final class Batches implements Source {
  private final Iterator batches;
  private final int[] places;
  private boolean begun;
  private UTF8String split;
  private UTF8String recording;

  private Batches(Iterator batches, int[] places) {
    this.batches = batches;
    this.places = places;
  }

  static final class Opener implements Source.Opener {
    private static final long serialVersionUID = 1L;
    private final int[] places;

    /** `places`: where batches have split, recording, sample, time and each component. */
    Opener(int[] places) {
      this.places = places;
    }

    @Override
    public Source open(Iterator task) {
      return new Batches(task, places);
    }
  }

  @Override
  public boolean read(Chunk chunk) {
    chunk.rows = 0;
    while (chunk.rows == 0) {
      if (!batches.hasNext()) {
        return false;
      }
      put((ColumnarBatch) batches.next(), chunk);
    }
    return true;
  }

  private void put(ColumnarBatch batch, Chunk chunk) {
    int rows = batch.numRows();
    if (rows == 0) {
      return;
    }
    chunk.rows = rows;
    if (chunk.begins.length < rows) {
      chunk.begins = new boolean[rows];
      chunk.split = new String[rows];
      chunk.recording = new String[rows];
    }
    ColumnVector names = batch.column(places[1]);
    ColumnVector sample = batch.column(places[2]);
    if (names.hasNull() || sample.hasNull()) {
      throw Features.unnamed(Objects.toString(split));
    }
    name(batch.column(places[0]), names, chunk);
    chunk.sample = sample.getLongs(0, rows);
    ColumnVector time = batch.column(places[3]);
    chunk.time = time.getDoubles(0, rows);
    if (time.hasNull()) {
      for (int i = 0; i < rows; i++) {
        chunk.time[i] = time.isNullAt(i) ? Double.NaN : chunk.time[i];
      }
    }
    for (int c = 0; c < chunk.values.length; c++) {
      ColumnVector component = batch.column(places[4 + c]);
      chunk.values[c] = component.getDoubles(0, rows);
      chunk.missing[c] = component.hasNull() ? nulls(component, rows) : null;
    }
  }

  private void name(ColumnVector splits, ColumnVector names, Chunk chunk) {
    // A batch is of one file, and so of one split.
    UTF8String ofSplit = splits.isNullAt(0) ? null : splits.getUTF8String(0);
    boolean other = !begun || !Objects.equals(ofSplit, split);
    WritableColumnVector codes = null;
    if (names instanceof WritableColumnVector && ((WritableColumnVector) names).hasDictionary()) {
      codes = ((WritableColumnVector) names).getDictionaryIds();
    }
    String text = ofSplit == null ? null : ofSplit.toString();
    UTF8String before = recording;
    for (int i = 0; i < chunk.rows; i++) {
      chunk.begins[i] = false;
      if (codes != null && i > 0 && codes.getDictId(i) == codes.getDictId(i - 1)) {
        continue;
      }
      UTF8String now = names.getUTF8String(i);
      if (other || !now.equals(before)) {
        chunk.begins[i] = true;
        chunk.split[i] = text;
        chunk.recording[i] = now.toString();
        other = false;
      }
      before = now;
    }
    begun = true;
    // The memory of a batch is used again for the next one.
    split = ofSplit == null ? null : ofSplit.copy();
    recording = before.copy();
  }

  private static boolean[] nulls(ColumnVector column, int rows) {
    boolean[] nulls = new boolean[rows];
    for (int i = 0; i < rows; i++) {
      nulls[i] = column.isNullAt(i);
    }
    return nulls;
  }
}
