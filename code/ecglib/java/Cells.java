package ecglib;

import java.io.Serializable;

/**
 * Where windows begin and end, as cells: the pieces of time that no window's edge lies in.
 *
 * Window k covers the microseconds [k * step, k * step + length). Its end lies `length mod step`
 * into some step, so each step is cut there: step j is the cells 2j and 2j + 1, and window k the
 * cells 2k to 2(k + length div step). Where the cut is at 0, cells of even number are empty; where
 * a window is shorter than a step, cells of odd number lie between windows.
 */
public final class Cells implements Serializable {
  private static final long serialVersionUID = 1L;
  /** Of the windows that start in one block, one task makes all: more, and few cells go to two. */
  private static final long MOST_SHARED = 16;

  private final long step;
  private final long cut;
  private final long whole;
  private final long block;

  public Cells(long length, long step) {
    this.step = step;
    this.cut = length % step;
    this.whole = length / step;
    this.block = MOST_SHARED * (whole + 1) + 64;
  }

  /** The cell that a time lies in. */
  public long at(long micros) {
    return 2 * (micros / step) + (micros % step < cut ? 0 : 1);
  }

  /** The first microsecond of a cell. */
  public long start(long cell) {
    return cell / 2 * step + (cell % 2 == 0 ? 0 : cut);
  }

  /** The first microsecond after a cell. */
  public long end(long cell) {
    return start(cell + 1);
  }

  /** Whether no window has this cell. */
  public boolean isGap(long cell) {
    return firstWindow(cell) > lastWindow(cell);
  }

  /** The first window that has this cell. */
  public long firstWindow(long cell) {
    return Math.max(0, (cell + 1) / 2 - whole);
  }

  /** The last window that has this cell; before the first one, if none has. */
  public long lastWindow(long cell) {
    return cell / 2;
  }

  /** The last cell of a window. */
  public long lastCell(long window) {
    return 2 * (window + whole);
  }

  /** The block of windows that a window belongs to. */
  public long block(long window) {
    return window / block;
  }

  /** The first window of a block. */
  public long firstOf(long number) {
    return number * block;
  }

  /** When a window starts, in seconds. */
  public double seconds(long window) {
    return window * step / 1e6;
  }
}
