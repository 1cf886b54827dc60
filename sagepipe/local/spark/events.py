"""Where a Spark job's event log goes: a folder of the instance, or straight to the store."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlparse

from sagepipe.language.s3 import Location
from sagepipe.local.spark.command import SparkCommand, SparkCommandError, real_path
from sagepipe.local.store import Store


def settings(asked: SparkCommand, opt_ml: Path, store: Store) -> dict[str, str]:
    """Spark's settings for the event log; its folder is made, since Spark wants one that exists.

    Raises SparkCommandError and StoreError for a folder or prefix that can't be written to.
    """
    if asked.event_logs_s3_uri:  # the image, too, prefers it over a local folder
        uri = urlparse(asked.event_logs_s3_uri)
        if uri.scheme not in ("s3", "s3a") or not uri.netloc:
            raise SparkCommandError(
                f"--spark-event-logs-s3-uri takes s3://bucket/prefix, not {asked.event_logs_s3_uri}"
            )
        mounts = [mount for mount in store.mounts if mount.bucket == uri.netloc]
        if not (mounts or store.bucket(uri.netloc).is_dir()):
            raise SparkCommandError(
                f"--spark-event-logs-s3-uri: the store has no bucket {uri.netloc} "
                f"({store.bucket(uri.netloc)})"
            )
        location = Location(uri.netloc, uri.path.strip("/"))
        if any(part in ("", ".", "..") for part in location.key.split("/")) and location.key:
            raise SparkCommandError(
                f"--spark-event-logs-s3-uri: Hadoop has no path for {asked.event_logs_s3_uri}; "
                "use keys without empty, '.' or '..' segments"
            )
        covering = [mount for mount in mounts if mount.covers(location)]
        inner = max(reversed(covering), key=lambda mount: len(mount.prefix), default=None)
        if inner is not None and not inner.writable:
            raise SparkCommandError(
                f"--spark-event-logs-s3-uri: {asked.event_logs_s3_uri} lies in {inner.directory}, "
                "which is only read"
            )
        store.folder(location).mkdir(parents=True, exist_ok=True)
        folder = f"s3a://{uri.netloc}{uri.path}"
    elif asked.event_logs_dir:
        if not PurePosixPath(asked.event_logs_dir).is_absolute():
            raise SparkCommandError(
                f"--local-spark-event-logs-dir takes an absolute path, not {asked.event_logs_dir}"
            )
        real_path(asked.event_logs_dir, opt_ml).mkdir(parents=True, exist_ok=True)
        folder = f"file://{quote(asked.event_logs_dir)}"
    else:
        return {}
    return {"spark.eventLog.enabled": "true", "spark.eventLog.dir": folder}
