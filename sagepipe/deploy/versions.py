"""The deployed versions of a pipeline, for people to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sagepipe.aws import boto
from sagepipe.deploy import deployed
from sagepipe.deploy.deployed import Version
from sagepipe.errors import AwsError, DeploymentError
from sagepipe.language.definition import Definition
from sagepipe.settings.configuration import Target

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient


def listing(sagemaker: SageMakerClient, target: Target) -> list[Version]:
    """All versions, the newest first. Raises `AwsError`; `DeploymentError`: there's no pipeline."""
    try:
        with boto.calls(f"list the versions of pipeline {target.pipeline_name}"):
            return list(deployed.versions(sagemaker, target.pipeline_name))
    except AwsError as error:
        if error.code == "ResourceNotFound":
            raise _no_pipeline(target) from error
        raise


def table(versions: Sequence[Version]) -> Iterator[str]:
    """The versions as lines of at most 80 characters, where names and aliases are as usual."""
    rows = [("version", "name", "alias", "created", "last execution")]
    rows += [
        (
            str(version.number),
            version.name or "-",
            ",".join(version.aliases) or "-",
            version.created[:16].replace("T", " "),
            version.last_execution.rpartition("/")[2] or "-",
        )
        for version in versions
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()


def described(
    sagemaker: SageMakerClient, target: Target, version: int | str | None
) -> dict[str, Any]:
    """DescribePipeline's answer for a version, a number or an alias; None is the latest.

    Raises `AwsError`; `DeploymentError`: there is no such pipeline or version.
    """
    name = target.pipeline_name
    answer = deployed.describe(sagemaker, name, version)
    if answer is None and (version is None or deployed.describe(sagemaker, name) is None):
        raise _no_pipeline(target)
    if answer is None:
        raise DeploymentError(
            f"pipeline {name} has no {words(version)}; see sagepipe versions list"
        )
    return answer


def facts(answer: Mapping[str, Any], s3: S3Client) -> dict[str, str]:
    """What there is to know of a described version, by what it is."""
    document = json.loads(answer["PipelineDefinition"])
    definition = Definition.read(document)
    scripts = deployed.scripts(document)
    missing = deployed.missing(s3, scripts)
    found = {
        "name": answer.get("PipelineVersionDisplayName") or "-",
        "alias": ", ".join(answer.get("PipelineVersionAliases") or []) or "-",
        "description": answer.get("PipelineVersionDescription") or "-",
        "steps": ", ".join(definition.steps),
        "parameters": ", ".join(
            f"{one.name}={'' if one.default is None else one.default}"
            for one in definition.parameters.values()
        ),
    }
    return found | {
        f"script {script.name}": script.uri + (" (missing)" if script in missing else "")
        for script in scripts
    }


def words(version: int | str | None) -> str:
    """A version in words."""
    if version is None:
        return "the latest version"
    return f"version {version}" if isinstance(version, int) else f"alias {version}"


def _no_pipeline(target: Target) -> DeploymentError:
    return DeploymentError(
        f"there is no pipeline {target.pipeline_name} in {target.region}; check --pipeline-name "
        "and --region, or deploy it with sagepipe upsert"
    )
