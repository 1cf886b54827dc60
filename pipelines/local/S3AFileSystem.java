package org.apache.hadoop.fs.s3a;

import java.io.BufferedOutputStream;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.DelegateToFileSystem;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/**
 * S3 as a folder: `s3://bucket/key` and `s3a://bucket/key` are `<store>/bucket/key`; `hdfs://any/path`
 * is `<hdfs>/path`, a private folder that stands in for the cluster's HDFS.
 *
 * It bears the name of the class that the managed image uses for both S3 schemes, so a script that
 * names that class itself still gets this one. It stays within what Janino compiles (Java 7, no
 * lambdas), since there is no JDK. An object appears when its stream is closed, as in S3.
 */
public class S3AFileSystem extends RawLocalFileSystem {
  private URI uri;
  private Path workingDirectory;
  private File root;
  private File uploads;

  public S3AFileSystem() {
    super();
  }

  public void initialize(URI name, Configuration conf) throws IOException {
    String scheme = name.getScheme();
    String bucket = name.getAuthority() == null ? "" : name.getAuthority();
    uri = URI.create(scheme + "://" + bucket);
    workingDirectory = new Path(scheme, bucket, "/user/" + System.getProperty("user.name"));
    uploads = new File(required(conf, "fs.ecg.uploads"));
    if (scheme.equals("hdfs")) {
      root = new File(required(conf, "fs.ecg.hdfs"));
    } else {
      File store = new File(required(conf, "fs.ecg.store"));
      root = new File(store, bucket);
      if (bucket.isEmpty() || bucket.startsWith(".") || !root.isDirectory()) {
        throw new IOException("bucket '" + bucket + "' of " + name + " does not exist: the local store"
            + " has no folder " + root + ". Check the name; to create the bucket, make that folder");
      }
    }
    super.initialize(uri, conf);
  }

  private static String required(Configuration conf, String key) throws IOException {
    String value = conf.getTrimmed(key);
    if (value == null) {
      throw new IOException(key + " is not set: this file system needs to know its folder");
    }
    return value;
  }

  public URI getUri() {
    return uri;
  }

  public String getScheme() {
    return uri.getScheme();
  }

  // Called by the superclass's constructor, before there is a URI to qualify it with.
  protected Path getInitialWorkingDirectory() {
    return null;
  }

  public Path getWorkingDirectory() {
    return workingDirectory;
  }

  public void setWorkingDirectory(Path path) {
    workingDirectory = absolute(path);
  }

  public Path getHomeDirectory() {
    return new Path(uri.getScheme(), uri.getAuthority(), "/user/" + System.getProperty("user.name"));
  }

  /** A bucket without a key, `s3://bucket`, has an empty path, which Hadoop takes for a relative one. */
  private Path absolute(Path path) {
    checkPath(path);
    if (path.toUri().getPath().isEmpty()) {
      return new Path(uri.getScheme(), uri.getAuthority(), "/");
    }
    return path.makeQualified(uri, workingDirectory);
  }

  public File pathToFile(Path path) {
    String key = absolute(path).toUri().getPath();
    if ((key + "/").contains("/../")) {
      throw new IllegalArgumentException(path + " leads out of its bucket");
    }
    return new File(root, key);
  }

  public boolean exists(Path path) throws IOException {
    return pathToFile(path).exists();
  }

  public FileStatus getFileStatus(Path path) throws IOException {
    File file = pathToFile(path);
    if (!file.exists()) {
      throw new FileNotFoundException("No such file or directory: " + absolute(path));
    }
    boolean folder = file.isDirectory();
    return new FileStatus(folder ? 0L : file.length(), folder, 1, getDefaultBlockSize(),
        file.lastModified(), absolute(path));
  }

  public FileStatus getFileLinkStatus(Path path) throws IOException {
    return getFileStatus(path);
  }

  public boolean supportsSymlinks() {
    return false;
  }

  public FileStatus[] listStatus(Path path) throws IOException {
    FileStatus status = getFileStatus(path);
    if (!status.isDirectory()) {
      return new FileStatus[] {status};
    }
    String[] names = pathToFile(path).list();
    if (names == null) {
      throw new IOException("cannot list " + status.getPath());
    }
    Arrays.sort(names);  // S3 lists keys in order
    FileStatus[] found = new FileStatus[names.length];
    int count = 0;
    for (int i = 0; i < names.length; i++) {
      try {
        // The three-part form keeps a colon in a name from being read as a scheme.
        found[count] = getFileStatus(new Path(status.getPath(), new Path(null, null, names[i])));
        count++;
      } catch (FileNotFoundException gone) {
        // deleted since it was listed
      }
    }
    return (FileStatus[]) Arrays.copyOf(found, count);
  }

  public boolean delete(Path path, boolean recursive) throws IOException {
    if (pathToFile(path).getCanonicalFile().equals(root.getCanonicalFile())) {
      throw new IOException("the root of a bucket cannot be deleted: " + absolute(path));
    }
    return super.delete(path, recursive);
  }

  public FSDataOutputStream append(Path path, int bufferSize, Progressable progress)
      throws IOException {
    if (!uri.getScheme().equals("hdfs")) {
      throw new UnsupportedOperationException("S3 has no append: " + path);
    }
    return super.append(path, bufferSize, progress);
  }

  protected OutputStream createOutputStreamWithMode(Path path, boolean append, FsPermission permission)
      throws IOException {
    File target = pathToFile(path);
    if (append) {
      return new FileOutputStream(target, true);
    }
    if (target.isDirectory()) {
      throw new IOException(absolute(path) + " is a folder");
    }
    uploads.mkdirs();
    return new Upload(new File(uploads, UUID.randomUUID().toString()), target);
  }

  // Objects have no permissions or owners, and Hadoop would start a process for each chmod.
  public void setPermission(Path path, FsPermission permission) {
  }

  public void setOwner(Path path, String user, String group) {
  }

  public void setTimes(Path path, long modified, long accessed) {
  }
}

/** Bytes gather in a private file and become the object when the stream is closed. */
class Upload extends FilterOutputStream {
  private final File part;
  private final File target;
  private boolean open = true;

  Upload(File part, File target) throws IOException {
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
      Files.move(part.toPath(), target.toPath(),
          new StandardCopyOption[] {StandardCopyOption.REPLACE_EXISTING});
    }
  }
}

/** The same for Hadoop's second file API, which structured streaming uses for its checkpoints. */
class S3A extends DelegateToFileSystem {
  public S3A(URI name, Configuration conf) throws IOException, URISyntaxException {
    super(name, new S3AFileSystem(), conf, name.getScheme(), false);
  }
}
