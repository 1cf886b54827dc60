package ecglib;

import java.io.Serializable;
import java.util.Iterator;

/** The rows of a task, in the order in which they are read. */
interface Source {
  /** Put the next rows into a chunk, at least one; false if there are none. */
  boolean read(Chunk chunk);

  /** Makes a task's source of what Spark gives it. */
  interface Opener extends Serializable {
    Source open(Iterator task);
  }
}
