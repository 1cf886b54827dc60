"""Spark event logs of real jobs, copied from S3 to a folder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from sagepipe.aws import boto
from sagepipe.executions.download import blocks, objects
from sagepipe.language.s3 import Location
from sagepipe.local.spark import history_logs


def download(
    prefix: Location,
    folder: Path,
    region: str,
    stop: threading.Event,
    tell: Callable[[int, int], None],
) -> None:
    """Copy every event log below a prefix into a folder; nothing else that lies there.

    `tell` gets how many files are there and their bytes, before they are copied. Ends early when
    `stop` is set. Raises AwsError.
    """
    with boto.calls(f"read the event logs of {prefix}"):
        s3 = boto.client("s3", region)
        found = [(item, name) for item in objects(s3, prefix) if (name := _name(item["Key"]))]
        tell(len(found), sum(item["Size"] for item, _ in found))
        for item, name in found:
            target = folder / name
            target.parent.mkdir(exist_ok=True)
            with target.open("wb") as file:
                for block in blocks(s3, prefix.bucket, item["Key"]):
                    if stop.is_set():
                        return
                    file.write(block)


def _name(key: str) -> str | None:
    """Where an event log, or a file of a rolling one, goes; None for another object.

    A name that Spark gives has nothing in it that could lead out of the folder.
    """
    parts = PurePosixPath(key).parts
    if history_logs.is_log(parts[-1]):
        return parts[-1]
    if len(parts) > 1 and history_logs.is_rolling(parts[-2]) and parts[-1] != "..":
        return f"{parts[-2]}/{parts[-1]}"
    return None
