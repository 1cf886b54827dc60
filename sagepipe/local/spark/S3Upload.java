package org.apache.hadoop.fs.s3a;

import java.io.BufferedOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.CopyOption;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.UUID;

/** Bytes gather in a private file and become the object when the stream is closed. */
class S3Upload extends FilterOutputStream {
  private final File part;
  private final File target;
  private boolean open = true;

  S3Upload(File part, File target) throws IOException {
    super(new BufferedOutputStream(new FileOutputStream(part)));
    this.part = part;
    this.target = target;
  }

  public void write(byte[] bytes, int offset, int length) throws IOException {
    out.write(bytes, offset, length);
  }

  public void close() throws IOException {
    if (open) {
      open = false;
      out.close();
      target.getParentFile().mkdirs();
      // A rename leaves an earlier object's bytes alone: a job's input may be a hard link to them.
      try {
        Files.move(part.toPath(), target.toPath(), new CopyOption[] {StandardCopyOption.ATOMIC_MOVE});
      } catch (AtomicMoveNotSupportedException elsewhere) {
        // A mounted folder may lie on another disk: copy it beside its place, then rename it.
        File beside = new File(target.getParentFile(), S3AFileSystem.PART + UUID.randomUUID());
        try {
          Files.copy(part.toPath(), beside.toPath(), new CopyOption[0]);
          Files.move(beside.toPath(), target.toPath(),
              new CopyOption[] {StandardCopyOption.ATOMIC_MOVE});
        } finally {
          Files.deleteIfExists(beside.toPath());
        }
        Files.delete(part.toPath());
      }
    }
  }
}
