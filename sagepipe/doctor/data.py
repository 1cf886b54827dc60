"""Inputs that have something in them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from sagepipe.aws import boto
from sagepipe.doctor.case import Case
from sagepipe.doctor.findings import Finding, check
from sagepipe.errors import AwsError
from sagepipe.language.foreseen import Channel

_LOOKED_AT = 1000  # keys, which one call gives


@check(cheap=True)
def inputs(case: Case) -> Iterator[Finding]:
    """Each input that comes from outside has objects, and some that look like what is read."""
    for channel in case.data:
        where = f"step {channel.step!r}, input {channel.name!r}"
        try:
            keys = _keys(case, channel)
        except AwsError as error:
            if error.code == "NoSuchBucket":
                yield Finding(
                    "stops",
                    where,
                    f"there is no bucket {channel.where.bucket}",
                    f"aws s3 mb s3://{channel.where.bucket} --region {case.region}",
                )
            else:
                yield Finding("unknown", where, f"not checked: {error}", "sagepipe doctor")
            continue
        folder = f"s3://{channel.where.bucket}/{channel.where.key.rstrip('/')}/"
        mend = f"aws s3 sync FOLDER {folder}"
        if not keys:
            yield Finding("stops", where, f"there are no objects at {channel.where}", mend)
        elif case.looks_like and not any(map(case.looks_like, keys)):
            count = f"{len(keys)} objects" if len(keys) < _LOOKED_AT else f"first {len(keys)}"
            yield Finding(
                "stops",
                where,
                f"none of the {count} at {channel.where} looks like what the pipeline reads; "
                f"there is {', '.join(itertools.islice(keys, 2))}",
                mend,
            )


def _keys(case: Case, channel: Channel) -> list[str]:
    """Keys at an input's URI, which is a mere string prefix to the service; no folder markers."""
    request: dict[str, Any] = {"Bucket": channel.where.bucket, "Prefix": channel.where.key}
    with boto.calls(f"list {channel.where}"):
        # whose bucket it is, is told by the check of buckets; here it is only looked at
        answer = case.client("s3", owned=False).list_objects_v2(MaxKeys=_LOOKED_AT, **request)
    return [one["Key"] for one in answer.get("Contents", []) if not one["Key"].endswith("/")]
