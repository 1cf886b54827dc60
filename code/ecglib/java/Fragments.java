package ecglib;

import java.util.Iterator;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.Row;

/** A task's rows to their fragments. */
public final class Fragments implements FlatMapFunction {
  private static final long serialVersionUID = 1L;

  private final Cells cells;
  private final int width;
  private final Source.Opener opener;

  Fragments(Cells cells, int width, Source.Opener opener) {
    this.cells = cells;
    this.width = width;
    this.opener = opener;
  }

  @Override
  public Iterator call(Object task) {
    Source source = opener.open((Iterator) task);
    return new Stream(source, new Chunk(width), new Cutter(cells, width));
  }

  private static final class Stream implements Iterator {
    private final Source source;
    private final Chunk chunk;
    private final Cutter cutter;
    private boolean ended;
    private Row next;

    Stream(Source source, Chunk chunk, Cutter cutter) {
      this.source = source;
      this.chunk = chunk;
      this.cutter = cutter;
    }

    @Override
    public boolean hasNext() {
      next = next == null ? cutter.poll() : next;
      while (next == null && !ended) {
        if (source.read(chunk)) {
          cutter.feed(chunk);
        } else {
          cutter.finish();
          ended = true;
        }
        next = cutter.poll();
      }
      return next != null;
    }

    @Override
    public Object next() {
      if (!hasNext()) {
        throw new java.util.NoSuchElementException();
      }
      Row row = next;
      next = null;
      return row;
    }
  }
}
