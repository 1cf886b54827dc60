"""What is deployed now: a pipeline, its latest version, tags, and which scripts are there.

Only reads. What AWS says is turned into frozen data once, here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagepipe.aws import boto
from sagepipe.errors import AwsError, DeploymentError
from sagepipe.language.walk import strings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

# Where a definition's scripts are: s3://<bucket>/<prefix>/code/<sha256>/<name>
_SCRIPT = re.compile(r"s3://([^/]+)/((?:[^/]+/)+code/([0-9a-f]{64})/([^/]+))")
SCRIPT_KEY = re.compile(r"(?:[^/]+/)+code/([0-9a-f]{64})/([^/]+)")

_PAGE = 100


@dataclass(frozen=True)
class Version:
    """A published definition, without the definition. `created` is in ISO 8601."""

    number: int
    name: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    created: str = ""
    last_execution: str = ""


@dataclass(frozen=True)
class Deployed:
    """A pipeline as it is now. `definition`, `name` and `aliases` are its latest version's.

    `alias_of` is the number of the version that has the alias which was asked for, if any has.
    """

    arn: str
    definition: str
    role_arn: str
    description: str
    max_parallel_steps: int | None
    tags: tuple[tuple[str, str], ...]
    modified: str
    latest: Version
    alias_of: int | None = None


@dataclass(frozen=True, order=True)
class Script:
    """An object that a definition refers to, named by its content."""

    bucket: str
    key: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.key.rpartition("/")[2]

    @property
    def uri(self) -> str:
        """Its `s3://` URI."""
        return f"s3://{self.bucket}/{self.key}"


def read(sagemaker: SageMakerClient, name: str, alias: str | None = None) -> Deployed | None:
    """The pipeline called `name`, or None. Raises `AwsError`, `DeploymentError`."""
    found = describe(sagemaker, name)
    if found is None:
        return None
    if found.get("PipelineStatus") == "Deleting":
        raise DeploymentError(f"pipeline {name} is being deleted; wait until it is gone")
    with boto.calls(f"list the versions of pipeline {name}"):
        latest, alias_of = _latest(sagemaker, name, alias)
    parallelism = found.get("ParallelismConfiguration") or {}
    return Deployed(
        arn=found["PipelineArn"],
        definition=found["PipelineDefinition"],
        role_arn=found["RoleArn"],
        description=found.get("PipelineDescription") or "",
        max_parallel_steps=parallelism.get("MaxParallelExecutionSteps"),
        tags=_tags(sagemaker, name, found["PipelineArn"]),
        modified=_time(found.get("LastModifiedTime")),
        latest=latest,
        alias_of=alias_of,
    )


def describe(
    sagemaker: SageMakerClient, name: str, version: int | str | None = None
) -> dict[str, Any] | None:
    """DescribePipeline's answer; `version` is a number or an alias, or None for the latest.

    Returns None if there is no such pipeline or version. Raises `AwsError`.
    """
    which: dict[str, Any] = {}
    if isinstance(version, int):
        which = {"PipelineVersionId": version}
    elif version is not None:
        which = {"PipelineVersionAlias": version}
    try:
        with boto.calls(f"read pipeline {name}"):
            return {**sagemaker.describe_pipeline(PipelineName=name, **which)}
    except AwsError as error:
        if error.code == "ResourceNotFound":
            return None
        raise


def versions(sagemaker: SageMakerClient, name: str) -> Iterator[Version]:
    """All versions, the newest first, a page at a time. For use in `boto.calls`."""
    more: dict[str, Any] = {}
    while True:
        page = sagemaker.list_pipeline_versions(
            PipelineName=name, SortOrder="Descending", MaxResults=_PAGE, **more
        )
        summaries: list[Any] = page["PipelineVersionSummaries"]  # the stubs lack its aliases
        for one in summaries:
            yield Version(
                number=one["PipelineVersionId"],
                name=one.get("PipelineVersionDisplayName") or "",
                description=one.get("PipelineVersionDescription") or "",
                aliases=tuple(one.get("PipelineVersionAliases") or ()),
                created=_time(one.get("CreationTime")),
                last_execution=one.get("LastExecutionPipelineExecutionArn") or "",
            )
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}


def scripts(definition: Mapping[str, Any] | str) -> tuple[Script, ...]:
    """The objects named by their content that a definition refers to, each once."""
    members = json.loads(definition) if isinstance(definition, str) else definition
    found = {
        Script(match[1], match[2], match[3])
        for text in strings(members)
        if (match := _SCRIPT.fullmatch(text))
    }
    return tuple(sorted(found))


def is_there(s3: S3Client, script: Script) -> bool:
    """Whether the object exists.

    Raises `DeploymentError` if it has another content than its name says: whoever wrote that has
    changed what deployed versions run. Raises `AwsError`.
    """
    where: dict[str, Any] = {"Bucket": script.bucket, "Key": script.key}
    try:
        with boto.calls(f"look for {script.uri}"):
            head = s3.head_object(**where, ChecksumMode="ENABLED")
    except AwsError as error:
        if error.code in ("404", "NoSuchKey", "NotFound"):
            return False
        raise
    found = _sha256(head.get("ChecksumSHA256"))
    if found is None:
        # Not ours, or copied without its checksum: the content itself has to tell.
        with boto.calls(f"read {script.uri}"):
            found = hashlib.sha256(s3.get_object(**where)["Body"].read()).hexdigest()
    if found != script.sha256:
        raise DeploymentError(
            f"{script.uri} was overwritten: its content has the hash {found[:12]}…; restore it "
            "from the bucket's versions, or delete it and deploy again"
        )
    return True


def missing(s3: S3Client, wanted: Iterable[Script]) -> tuple[Script, ...]:
    """Those scripts that aren't there. Raises as `is_there` does."""
    return tuple(script for script in wanted if not is_there(s3, script))


def _latest(sagemaker: SageMakerClient, name: str, alias: str | None) -> tuple[Version, int | None]:
    """The latest version, and the number of the one that has the alias."""
    latest = None
    for version in versions(sagemaker, name):
        latest = latest or version
        if alias is None:
            return latest, None
        if alias in version.aliases:
            return latest, version.number
    if latest is None:
        raise DeploymentError(f"pipeline {name} has no version; create it anew")
    return latest, None


def _tags(sagemaker: SageMakerClient, name: str, arn: str) -> tuple[tuple[str, str], ...]:
    with boto.calls(f"list the tags of pipeline {name}"):
        pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
        return tuple(sorted((tag["Key"], tag["Value"]) for page in pages for tag in page["Tags"]))


def _sha256(checksum: str | None) -> str | None:
    return base64.b64decode(checksum).hex() if checksum else None


def _time(when: Any) -> str:
    return when.isoformat() if when else ""
