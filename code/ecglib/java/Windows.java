package ecglib;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.util.LongAccumulator;

/** Fragments, sorted by split, recording, block, cell and first sample, to rows of windows. */
public final class Windows implements FlatMapFunction {
  private static final long serialVersionUID = 1L;
  /** The folder of rows without a split is split=<this>. */
  private static final String NO_SPLIT = "__HIVE_DEFAULT_PARTITION__";

  private final Cells cells;
  private final int width;
  private final Map counts;

  /** `counts`: accumulators that count the windows, by split. */
  Windows(Cells cells, int width, Map counts) {
    this.cells = cells;
    this.width = width;
    this.counts = counts;
  }

  @Override
  public Iterator call(Object fragments) {
    return new Stream(cells, width, counts, (Iterator) fragments);
  }

  private static final class Fragment {
    final long cell;
    final long first;
    final long last;
    final Summary summary;

    Fragment(Row row) {
      cell = row.getLong(3);
      first = row.getLong(4);
      last = row.getLong(5);
      summary = Summary.of((byte[]) row.get(6));
    }
  }

  private static final class BySample implements Comparator {
    @Override
    public int compare(Object one, Object other) {
      return Long.compare(((Fragment) one).first, ((Fragment) other).first);
    }
  }

  private static final class Stream implements Iterator {
    private final Cells cells;
    private final Map counts;
    private final Iterator fragments;
    private final Summary whole;
    private final int width;

    private final ArrayDeque open = new ArrayDeque();  // fragments of the window, in time's order
    private String split;
    private String recording;
    private long block = -1;
    private long window;  // the next to complete, if any fragment is open
    private Row waiting;  // the fragment after the open ones
    private long until;  // windows that end before this cell have all their fragments
    private Row next;

    Stream(Cells cells, int width, Map counts, Iterator fragments) {
      this.cells = cells;
      this.width = width;
      this.counts = counts;
      this.fragments = fragments;
      this.whole = new Summary(width);
    }

    /** Windows are made one at a time: a short step puts a fragment into any number of them. */
    @Override
    public boolean hasNext() {
      while (next == null) {
        if (!open.isEmpty() && cells.lastCell(window) < until) {
          next = row();
          window++;
          drop();
        } else if (waiting != null) {
          put(waiting);
          waiting = null;
        } else if (fragments.hasNext()) {
          waiting = (Row) fragments.next();
          until = isOfBlock(waiting) ? waiting.getLong(3) : Long.MAX_VALUE;
        } else if (!open.isEmpty()) {
          until = Long.MAX_VALUE;
        } else {
          return false;
        }
      }
      return true;
    }

    @Override
    public Object next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      Row row = next;
      next = null;
      return row;
    }

    private boolean isOfBlock(Row row) {
      return row.getLong(2) == block
          && row.get(1).equals(recording)
          && Objects.equals(row.get(0), split);
    }

    private void put(Row row) {
      split = (String) row.get(0);
      recording = (String) row.get(1);
      block = row.getLong(2);
      Fragment fragment = new Fragment(row);
      if (open.isEmpty()) {
        window = Math.max(cells.firstWindow(fragment.cell), cells.firstOf(block));
      }
      open.add(fragment);
      until = fragment.cell;
    }

    /** Let go of fragments that no window still to come has. */
    private void drop() {
      boolean over = window >= cells.firstOf(block + 1);
      while (!open.isEmpty() && (over || ((Fragment) open.peek()).cell < 2 * window)) {
        open.poll();
      }
      if (!open.isEmpty()) {
        window = Math.max(window, cells.firstWindow(((Fragment) open.peek()).cell));
      }
    }

    private Row row() {
      merge();
      Object[] row = new Object[5 + 6 * width];
      row[0] = split;
      row[1] = recording;
      row[2] = window;
      row[3] = cells.seconds(window);
      row[4] = whole.rows();
      for (int c = 0, at = 5; c < width; c++, at += 6) {
        if (whole.count(c) > 0) {
          row[at] = whole.mean(c);
          row[at + 1] = whole.deviation(c);
          row[at + 2] = whole.least(c);
          row[at + 3] = whole.most(c);
          row[at + 4] = whole.energy(c);
        }
        row[at + 5] = whole.count(c) > 0 ? whole.crossings(c) : 0L;
      }
      ((LongAccumulator) counts.get(split == null ? NO_SPLIT : split)).add(1);
      return RowFactory.create(row);
    }

    /** Merge the open fragments, which are those of the window, in the order of their samples. */
    private void merge() {
      ArrayList sorted = new ArrayList(open);
      Collections.sort(sorted, new BySample());
      whole.clear();
      Fragment before = null;
      for (int i = 0; i < sorted.size(); i++) {
        Fragment fragment = (Fragment) sorted.get(i);
        if (before != null && fragment.first <= before.last) {
          throw Features.bad(
              "recording " + recording + " has more than one row of sample " + fragment.first);
        }
        whole.append(fragment.summary);
        before = fragment;
      }
    }
  }
}
