"""Studio's default bucket, which everybody's tools take and somebody has to make first."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from sagepipe.aws import boto
from sagepipe.errors import AwsError
from sagepipe.settings.configuration import Sources


def offer(sources: Sources, arguments: argparse.Namespace) -> None:
    """Make the bucket that Studio's defaults name, if it is missing and that is wanted.

    Whatever else is wrong with it, or if it isn't wanted, the plan will say. Raises `AwsError`:
    it can't be made; its name may be taken by another account.
    """
    if sources.origin("artifact_bucket") != "Studio" or arguments.dry_run:
        return
    region, bucket = sources.get("region"), sources.get("artifact_bucket")
    s3 = boto.client("s3", region)
    try:
        with boto.calls(f"look for bucket {bucket}"):
            s3.head_bucket(Bucket=bucket)
        return
    except AwsError as error:
        if error.code not in ("404", "NoSuchBucket"):
            return
    if not arguments.yes and not _wanted(bucket, region, arguments):
        return
    # us-east-1 is the one region whose name isn't said
    request: dict[str, Any] = {"Bucket": bucket}
    if region != "us-east-1":
        request["CreateBucketConfiguration"] = {"LocationConstraint": region}
    with boto.calls(f"make bucket {bucket}"):
        s3.create_bucket(**request)
    print(f"made bucket {bucket} in {region}", file=sys.stderr)


def _wanted(bucket: str, region: str, arguments: argparse.Namespace) -> bool:
    if not sys.stdin.isatty() or arguments.json:
        return False
    question = f"Studio's default bucket {bucket} doesn't exist; make it in {region}? [y/N] "
    return input(question).strip().lower() in ("y", "yes")
