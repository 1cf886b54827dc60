package org.apache.hadoop.fs.s3a;

import java.io.File;
import java.io.IOException;
import java.net.URLDecoder;
import java.util.ArrayList;
import java.util.Collection;
import org.apache.hadoop.fs.Path;

/** The user's folders that are seen in one bucket. A key here has no slash at its ends. */
class Mounts {
  private final Mount[] all;

  Mounts() {
    all = new Mount[0];
  }

  /** Those of `bucket`, of a table "rw:bucket:prefix:folder ro:…", each part percent-encoded. */
  Mounts(String bucket, String table) throws IOException {
    String[] rows = table.trim().isEmpty() ? new String[0] : table.trim().split(" ");
    ArrayList found = new ArrayList();
    for (int i = 0; i < rows.length; i++) {
      String[] parts = rows[i].split(":");
      if (parts.length != 4) {
        throw new IOException("fs.sagepipe.mounts has no row like " + rows[i]);
      }
      if (URLDecoder.decode(parts[1], "UTF-8").equals(bucket)) {
        File folder = new File(URLDecoder.decode(parts[3], "UTF-8"));
        found.add(new Mount(URLDecoder.decode(parts[2], "UTF-8"), folder, parts[0].equals("rw")));
      }
    }
    all = (Mount[]) found.toArray(new Mount[0]);
  }

  boolean any() {
    return all.length > 0;
  }

  /** The mount that a key lies in, or null: the innermost, and of equal ones the last. */
  Mount of(String key) {
    Mount found = null;
    for (int i = 0; i < all.length; i++) {
      boolean deeper = found == null || all[i].prefix.length() >= found.prefix.length();
      if (deeper && isIn(key, all[i].prefix)) {
        found = all[i];
      }
    }
    return found;
  }

  /** Whether there is a mount below a key, or, if `orAt`, at it. */
  boolean under(String key, boolean orAt) {
    for (int i = 0; i < all.length; i++) {
      if (isIn(all[i].prefix, key) && (orAt || !all[i].prefix.equals(key))) {
        return true;
      }
    }
    return false;
  }

  /** The names in the folder `key` that mounts below it give it. */
  Collection names(String key) {
    String base = key.isEmpty() ? "" : key + "/";
    ArrayList names = new ArrayList();
    for (int i = 0; i < all.length; i++) {
      String prefix = all[i].prefix;
      if (prefix.startsWith(base) && prefix.length() > base.length()) {
        names.add(prefix.substring(base.length()).split("/")[0]);
      }
    }
    return names;
  }

  private static boolean isIn(String key, String prefix) {
    return prefix.isEmpty() || (key + "/").startsWith(prefix + "/");
  }
}

/** A folder of the user's that is seen below a prefix of a bucket. */
class Mount {
  final String prefix;
  final File folder;
  final boolean writable;

  Mount(String prefix, File folder, boolean writable) {
    this.prefix = prefix;
    this.folder = folder;
    this.writable = writable;
  }

  /** A name as it is, since nothing is encoded here; refused if it would have to be. */
  String plain(String name, Path path) {
    if (!S3AFileSystem.onDisk(name).equals(name)) {
      throw new IllegalArgumentException(path + ": " + folder + " is a folder of yours, and no file"
          + " in it can be named so");
    }
    return name;
  }
}
