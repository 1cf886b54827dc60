package org.apache.hadoop.fs.s3a;

import java.io.File;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Arrays;
import java.util.TreeSet;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.DelegateToFileSystem;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileUtil;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/**
 * S3 as a folder: `s3://bucket/key` and `s3a://bucket/key` are `<store>/bucket/key`, or lie in the
 * folder that is mounted there; `hdfs://any/path` is `<hdfs>/path`, a private folder that stands in
 * for the cluster's HDFS.
 *
 * Keys are told from files, and mounts chosen, as store.py does it: of nested mounts the innermost,
 * of equal ones the last; outside of mounts `%=` goes before a name that could be taken for
 * something else. Keys with an empty, `.` or `..` segment have no Hadoop path (the real class can't
 * name them either): a folder that holds such a key is an error when it is listed.
 *
 * It bears the name of the class that the managed image uses for both S3 schemes, so a script that
 * names that class itself still gets this one. It stays within what Janino compiles (Java 7, no
 * lambdas), since there is no JDK. An object appears when its stream is closed, as in S3.
 */
public class S3AFileSystem extends RawLocalFileSystem {
  private static final String ESCAPE = "%=";
  static final String PART = ".%=part-";

  private URI uri;
  private Path workingDirectory;
  private File root;
  private File uploads;
  private Mounts mounts = new Mounts();

  public S3AFileSystem() {
    super();
  }

  public void initialize(URI name, Configuration conf) throws IOException {
    String scheme = name.getScheme();
    String bucket = name.getAuthority() == null ? "" : name.getAuthority();
    uri = URI.create(scheme + "://" + bucket);
    workingDirectory = new Path(scheme, bucket, "/user/" + System.getProperty("user.name"));
    uploads = new File(required(conf, "fs.sagepipe.uploads"));
    if (scheme.equals("hdfs")) {
      root = new File(required(conf, "fs.sagepipe.hdfs"));
    } else {
      root = new File(required(conf, "fs.sagepipe.store"), bucket);
      mounts = new Mounts(bucket, conf.get("fs.sagepipe.mounts", ""));
      boolean exists = mounts.any() || root.isDirectory();
      if (bucket.isEmpty() || bucket.startsWith(".") || !exists) {
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

  /** The path below the bucket, without slashes at its ends; the bucket's root is empty. */
  private String key(Path path) {
    String key = absolute(path).toUri().getPath();
    if ((key + "/").contains("/../")) {
      throw new IllegalArgumentException(path + " leads out of its bucket");
    }
    return key.substring(1);
  }

  private boolean isS3() {
    return !uri.getScheme().equals("hdfs");
  }

  public File pathToFile(Path path) {
    String key = key(path);
    if (!isS3()) {
      return new File(root, key);
    }
    Mount mount = mounts.of(key);
    File file = mount == null ? root : mount.folder;
    String inside = mount == null ? key : key.substring(mount.prefix.length());
    String[] segments = inside.split("/");
    for (int i = 0; i < segments.length; i++) {
      if (!segments[i].isEmpty()) {
        file = new File(file, mount == null ? onDisk(segments[i]) : mount.plain(segments[i], path));
      }
    }
    return file;
  }

  /** What a segment of a key is called on disk: store.py's encoding. */
  static String onDisk(String segment) {
    return segment.startsWith(ESCAPE) || segment.startsWith(PART) ? ESCAPE + segment : segment;
  }

  /** Refuses to change what lies in a folder that is only read. */
  private void checkWritable(Path path) throws IOException {
    Mount mount = mounts.of(key(path));
    if (mount != null && !mount.writable) {
      throw new IOException(absolute(path) + " lies in " + mount.folder + ", which is only read");
    }
  }

  public boolean exists(Path path) throws IOException {
    return pathToFile(path).exists() || mounts.under(key(path), true);
  }

  public FileStatus getFileStatus(Path path) throws IOException {
    File file = pathToFile(path);
    boolean folder = file.isDirectory() || mounts.under(key(path), true);
    if (!folder && !file.exists()) {
      throw new FileNotFoundException("No such file or directory: " + absolute(path));
    }
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
    String[] names = names(path, status.getPath());
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

  /** The names in a folder, mounted ones too, in the order of S3. */
  private String[] names(Path path, Path shown) throws IOException {
    String key = key(path);
    Mount mount = mounts.of(key);
    File folder = pathToFile(path);
    String[] files = folder.list();
    if (files == null && folder.exists()) {
      throw new IOException("cannot list " + shown);
    }
    TreeSet names = new TreeSet();
    for (int i = 0; files != null && i < files.length; i++) {
      String name = files[i];
      if (isS3() && name.startsWith(PART)) {
        continue;  // being copied in
      }
      if (isS3() && mount == null && name.startsWith(ESCAPE)) {
        name = name.substring(ESCAPE.length());
        if (name.isEmpty() || name.equals(".") || name.equals("..")) {
          throw new IOException(shown + " has a key with an empty, '.' or '..' segment, which Hadoop"
              + " has no path for; rename or move that object (" + new File(folder, files[i]) + ")");
        }
      }
      names.add(name);
    }
    names.addAll(mounts.names(key));
    return (String[]) names.toArray(new String[0]);
  }

  public boolean mkdirs(Path path) throws IOException {
    if (exists(path) && getFileStatus(path).isDirectory()) {
      return true;
    }
    checkWritable(path);
    return super.mkdirs(path);
  }

  public boolean mkdirs(Path path, FsPermission permission) throws IOException {
    return mkdirs(path);
  }

  public boolean rename(Path from, Path to) throws IOException {
    checkWritable(from);
    checkWritable(to);
    checkNoMount(from, true);
    // Names are not encoded in a mount, so what enters or leaves one is copied.
    return mounts.of(key(from)) == mounts.of(key(to)) ? super.rename(from, to)
        : FileUtil.copy(this, from, this, to, true, getConf());
  }

  private void checkNoMount(Path path, boolean orAt) throws IOException {
    if (mounts.under(key(path), orAt)) {
      throw new IOException(absolute(path) + " holds a mounted folder, which is neither moved nor"
          + " deleted; name a prefix in it, or one beside it");
    }
  }

  public boolean delete(Path path, boolean recursive) throws IOException {
    if (key(path).isEmpty()) {
      throw new IOException("the root of a bucket cannot be deleted: " + absolute(path));
    }
    checkWritable(path);
    checkNoMount(path, false);
    if (!mounts.under(key(path), true)) {
      return super.delete(path, recursive);
    }
    // The folder itself is the user's, and stays.
    FileStatus[] found = listStatus(path);
    if (found.length > 0 && !recursive) {
      throw new IOException(absolute(path) + " is not empty");
    }
    for (int i = 0; i < found.length; i++) {
      super.delete(found[i].getPath(), true);
    }
    return true;
  }

  public boolean truncate(Path path, long length) throws IOException {
    if (isS3()) {
      throw new UnsupportedOperationException("S3 cannot truncate: " + path);
    }
    return super.truncate(path, length);
  }

  public FSDataOutputStream append(Path path, int bufferSize, Progressable progress)
      throws IOException {
    if (isS3()) {
      throw new UnsupportedOperationException("S3 has no append: " + path);
    }
    return super.append(path, bufferSize, progress);
  }

  protected OutputStream createOutputStreamWithMode(Path path, boolean append, FsPermission permission)
      throws IOException {
    File target = pathToFile(path);
    checkWritable(path);
    if (append) {
      return new FileOutputStream(target, true);
    }
    if (target.isDirectory()) {
      throw new IOException(absolute(path) + " is a folder");
    }
    uploads.mkdirs();
    return new S3Upload(new File(uploads, UUID.randomUUID().toString()), target);
  }

  // Objects have no permissions or owners, and Hadoop would start a process for each chmod.
  public void setPermission(Path path, FsPermission permission) {
  }

  public void setOwner(Path path, String user, String group) {
  }

  public void setTimes(Path path, long modified, long accessed) {
  }
}

/** The same for Hadoop's second file API, which structured streaming uses for its checkpoints. */
class S3A extends DelegateToFileSystem {
  public S3A(URI name, Configuration conf) throws IOException, URISyntaxException {
    super(name, new S3AFileSystem(), conf, name.getScheme(), false);
  }
}
