"""Which uploaded scripts nobody can run any more.

A script may only go if no version of any pipeline refers to it: versions are kept for ever, and
pipelines may share a bucket and prefix. Scripts that were uploaded lately stay, as a deployment
may be about to publish a definition with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sagepipe.aws import boto
from sagepipe.deploy import deployed
from sagepipe.errors import DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef
    from mypy_boto3_sagemaker import SageMakerClient

_HASH = re.compile(r"[0-9a-f]{64}")
_BATCH = 1000  # what DeleteObjects takes


@dataclass(frozen=True)
class Store:
    """Where scripts are kept: `<prefix>/code/` in the bucket."""

    s3: S3Client
    bucket: str
    prefix: str


@dataclass(frozen=True)
class Item:
    """An object below the prefix."""

    key: str
    size: int
    modified: datetime

    @property
    def sha256(self) -> str:
        """The hash in its key."""
        return self.key.split("/")[-2]


def unused(store: Store, sagemaker: SageMakerClient, before: datetime) -> list[Item]:
    """Scripts from before that time to which no version refers. Raises `AwsError`.

    Sees the pipelines of one account and region, where a bucket's scripts can be run from.
    """
    # Listed before the definitions are read: what gets published meanwhile is then seen in use.
    items = [item for item in _items(store) if item.modified < before]
    used = set(_used(sagemaker)) if items else set()
    return [item for item in items if item.sha256 not in used]


def lines(store: Store, unused: Sequence[Item], *, deleted: bool) -> Iterator[str]:
    """What was found, and what became of it."""
    for item in unused:
        yield f"- s3://{store.bucket}/{item.key} ({item.size} bytes, {item.modified:%Y-%m-%d})"
    total = f"{len(unused)} unused scripts, {sum(item.size for item in unused)} bytes"
    if not unused:
        yield f"nothing to prune below s3://{store.bucket}/{store.prefix}/code/"
    else:
        yield f"{total}: deleted" if deleted else f"{total}; --delete removes them"


def delete(store: Store, items: Sequence[Item]) -> None:
    """Deletes them. Raises `AwsError`, and `DeploymentError` naming what could not be deleted."""
    for first in range(0, len(items), _BATCH):
        keys: list[ObjectIdentifierTypeDef] = [
            {"Key": item.key} for item in items[first : first + _BATCH]
        ]
        with boto.calls(f"delete scripts from bucket {store.bucket}"):
            answer = store.s3.delete_objects(
                Bucket=store.bucket, Delete={"Objects": keys, "Quiet": True}
            )
        for failed in answer.get("Errors", []):
            raise DeploymentError(
                f"s3://{store.bucket}/{failed['Key']} was not deleted: {failed.get('Message')}; "
                "run it again"
            )


def _items(store: Store) -> Iterator[Item]:
    with boto.calls(f"list the scripts in bucket {store.bucket}"):
        pages = store.s3.get_paginator("list_objects_v2").paginate(
            Bucket=store.bucket, Prefix=f"{store.prefix}/code/"
        )
        for page in pages:
            for one in page.get("Contents", []):
                # Whatever else somebody keeps there isn't ours to delete.
                if deployed.SCRIPT_KEY.fullmatch(one["Key"]):
                    yield Item(one["Key"], one["Size"], one["LastModified"])


def _used(sagemaker: SageMakerClient) -> Iterator[str]:
    """Every hash that stands anywhere in any version of any pipeline, in whatever form."""
    for name in _pipelines(sagemaker):
        with boto.calls(f"list the versions of pipeline {name}"):
            numbers = [version.number for version in deployed.versions(sagemaker, name)]
        for number in numbers:
            answer = deployed.describe(sagemaker, name, number)
            if answer is not None:
                yield from _HASH.findall(answer["PipelineDefinition"])


def _pipelines(sagemaker: SageMakerClient) -> list[str]:
    with boto.calls("list the pipelines"):
        pages = sagemaker.get_paginator("list_pipelines").paginate()
        return [one["PipelineName"] for page in pages for one in page["PipelineSummaries"]]
