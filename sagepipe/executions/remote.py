"""Executions of a deployed pipeline: find, read, stop and retry them.

Everything takes boto3's clients and gives frozen data; nothing here prints or waits.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sagepipe.aws import boto, studio
from sagepipe.aws.boto import calls
from sagepipe.deploy import deployed
from sagepipe.errors import AwsError, ExecutionError
from sagepipe.executions import jobs
from sagepipe.language.definition import Definition

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_ARN = re.compile(
    r"(?P<pipeline>arn:aws[a-z\-]*:sagemaker:(?P<region>[a-z0-9\-]*):\d{12}:pipeline/(?P<name>[^/]+))"
    r"/execution/(?P<id>[^/]+)"
)


@dataclass(frozen=True)
class Pipeline:
    """A deployed pipeline's ARN, and the definition of one of its versions."""

    arn: str
    definition: Definition


@dataclass(frozen=True)
class Step:
    """One step of an execution; `kind` as the API says it, such as ProcessingJob or Condition.

    `reason` says why it failed, or while it runs, why the last attempt did. `cached_from` is the
    execution whose outputs it took; `job` the processing job's name as the ARN has it, which may
    be in lower case (`jobs.describe` knows the true one).
    """

    name: str
    kind: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    reason: str = ""
    attempts: int = 0
    job: str = ""
    cached_from: str = ""
    outcome: str = ""

    def seconds(self, now: datetime) -> float:
        """How long it took, or has been taking."""
        return ((self.ended or now) - self.started).total_seconds() if self.started else 0.0


@dataclass(frozen=True)
class Execution:
    """An execution at one moment; `steps` has those that have begun, in that order."""

    arn: str
    status: str
    reason: str = ""
    created: datetime | None = None
    modified: datetime | None = None
    display_name: str = ""
    version: int | None = None
    domain: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def id(self) -> str:
        """The last part of the ARN, by which people know it."""
        return self.arn.rpartition("/")[2]

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        parts = _ARN.fullmatch(self.arn)
        return parts["name"] if parts else ""

    @property
    def region(self) -> str:
        """The region that it runs in."""
        parts = _ARN.fullmatch(self.arn)
        return parts["region"] if parts else ""

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.status in ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")

    @property
    def studio_link(self) -> str:
        """Its page in Studio, or "" where no domain is known.

        The domain is that of whoever started it in Studio. The form of the address is what Studio
        shows in the browser; AWS doesn't document it.
        """
        parts = _ARN.fullmatch(self.arn)
        if not self.domain or not parts:
            return ""
        host = f"studio-{self.domain}.studio.{parts['region']}.sagemaker.aws"
        return f"https://{host}/pipelines/view/{parts['name']}/executions/{self.id}/graph"


def pipeline(
    sagemaker: SageMakerClient, name: str, version: int | None = None, alias: str | None = None
) -> Pipeline:
    """The pipeline called `name`: its latest version, or the one that is asked for.

    Raises `AwsError`; `ExecutionError` if there is no such pipeline, version or alias.
    """
    answer = deployed.describe(sagemaker, name, version if version is not None else alias)
    if answer is None:
        of = (
            f", version {version}" if version is not None else f", alias {alias!r}" if alias else ""
        )
        raise ExecutionError(_no_pipeline(sagemaker, name, of))
    return Pipeline(
        answer["PipelineArn"], Definition.read(json.loads(answer["PipelineDefinition"]))
    )


def find(sagemaker: SageMakerClient, name: str, wanted: str | None) -> str:
    """The ARN of an execution: given as ARN or id, or the one started last.

    Raises `AwsError`; `ExecutionError` if the pipeline has none or the ARN is of another region.
    """
    if wanted is None:
        latest = latest_of(sagemaker, name)
        if latest is None:
            raise ExecutionError(
                f"pipeline {name!r} has no execution yet; start one with sagepipe start"
            )
        return latest
    if not wanted.startswith("arn:"):
        return f"{pipeline(sagemaker, name).arn}/execution/{wanted}"
    parts = _ARN.fullmatch(wanted)
    if parts is None:
        raise ExecutionError(f"{wanted!r} is no execution's ARN")
    if parts["region"] != sagemaker.meta.region_name:
        raise ExecutionError(
            f"{wanted} is in {parts['region']}, not {sagemaker.meta.region_name}; "
            f"give --region {parts['region']}"
        )
    return wanted


def latest_of(sagemaker: SageMakerClient, name: str, *statuses: str) -> str | None:
    """The ARN of the execution started last, of those with one of `statuses` if any are given."""
    return next(arns_of(sagemaker, name, *statuses), None)


def arns_of(sagemaker: SageMakerClient, name: str, *statuses: str) -> Iterator[str]:
    """The ARNs of a pipeline's executions, the newest first, read page by page.

    Raises `AwsError`; `ExecutionError` if there is no such pipeline.
    """
    try:
        with calls(f"list the executions of {name}"):
            pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
                PipelineName=name, SortBy="CreationTime", SortOrder="Descending"
            )
            for page in pages:
                found = page["PipelineExecutionSummaries"]
                # A plain moto server doesn't sort them.
                for one in sorted(found, key=lambda one: one["StartTime"], reverse=True):
                    if not statuses or one["PipelineExecutionStatus"] in statuses:
                        yield str(one["PipelineExecutionArn"])
    except AwsError as error:
        if not boto.is_missing(error):
            raise
        raise ExecutionError(_no_pipeline(sagemaker, name)) from error


def read(sagemaker: SageMakerClient, arn: str) -> Execution:
    """The execution and its steps as they are now. Raises `AwsError` or `ExecutionError`."""
    execution = describe(sagemaker, arn)
    with calls(f"list the steps of {arn}"):
        pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=arn, SortOrder="Ascending"
        )
        steps = [_step(one) for page in pages for one in page["PipelineExecutionSteps"]]
    return replace(execution, steps=tuple(_with_reason(sagemaker, step) for step in steps))


def describe(sagemaker: SageMakerClient, arn: str) -> Execution:
    """The execution without its steps. Raises `AwsError` or `ExecutionError`."""
    try:
        with calls(f"describe execution {arn}"):
            answer = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    except AwsError as error:
        if not boto.is_missing(error):
            raise
        raise ExecutionError(
            f"there is no execution {arn}; leave it out to take the latest"
        ) from error
    return Execution(
        arn=arn,
        status=answer["PipelineExecutionStatus"],
        reason=answer.get("FailureReason", ""),
        created=answer.get("CreationTime"),
        modified=answer.get("LastModifiedTime"),
        display_name=answer.get("PipelineExecutionDisplayName", ""),
        version=answer.get("PipelineVersionId"),
        domain=answer.get("CreatedBy", {}).get("DomainId", "") or studio.domain(),
    )


def planned_steps(sagemaker: SageMakerClient, arn: str) -> list[str]:
    """The names of all steps that the execution's own definition has; none if it can't be read,
    for a step is shown as well once it has begun."""
    try:
        return list(definition(sagemaker, arn).steps)
    except AwsError:
        return []


def definition(sagemaker: SageMakerClient, arn: str) -> Definition:
    """The definition that the execution runs. Raises `AwsError`."""
    with calls(f"read the definition of {arn}"):
        answer = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    return Definition.read(json.loads(answer["PipelineDefinition"]))


def parameters(sagemaker: SageMakerClient, arn: str) -> dict[str, str]:
    """The parameters that the execution was started with. Raises `AwsError`."""
    with calls(f"list the parameters of {arn}"):
        pages = sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(
            PipelineExecutionArn=arn
        )
        return {
            one["Name"]: one["Value"]
            for page in pages
            for one in page.get("PipelineParameters") or ()
        }


def stop(sagemaker: SageMakerClient, execution: Execution) -> None:
    """Ask for the execution's end; its jobs are stopped. Once is enough, twice is harmless.

    Raises `ExecutionError` if it has ended already.
    """
    if execution.final:
        raise ExecutionError(f"execution {execution.id} can't be stopped: it is {execution.status}")
    with calls(f"stop execution {execution.id}"):
        sagemaker.stop_pipeline_execution(
            PipelineExecutionArn=execution.arn, ClientRequestToken=token("stop", execution.arn)
        )


def retry(sagemaker: SageMakerClient, execution: Execution) -> None:
    """Go on where the execution failed or was stopped; steps that succeeded aren't repeated.

    The token holds the time of the failure, so asking twice retries once, and a retry that fails
    can be followed by another. An execution that a Fail step ended can't be retried (developer
    guide, "Fail step").

    Raises `ExecutionError` if it isn't over, succeeded, or ended in a Fail step.
    """
    why = ""
    if not execution.final:
        why = f"it is {execution.status}; wait for its end, or --stop it"
    elif execution.status == "Succeeded":
        why = "it succeeded; start a new one with sagepipe start"
    elif ended := [step.name for step in execution.steps if step.kind == "Fail"]:
        why = f"its Fail step {ended[0]} ended it; mend the cause and start a new one"
    if why:
        raise ExecutionError(f"execution {execution.id} can't be retried: {why}")
    with calls(f"retry execution {execution.id}"):
        sagemaker.retry_pipeline_execution(
            PipelineExecutionArn=execution.arn,
            ClientRequestToken=token("retry", execution.arn, str(execution.modified)),
        )


def token(*parts: str) -> str:
    """A client request token: the same for the same parts, 64 characters."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _step(answer: Mapping[str, Any]) -> Step:
    metadata = answer.get("Metadata") or {}
    kind = next(iter(metadata), "")
    details = metadata.get(kind) or {}
    job_arn = details.get("Arn", "") if kind == "ProcessingJob" else ""
    return Step(
        name=answer["StepName"],
        kind=kind,
        status=answer["StepStatus"],
        started=answer.get("StartTime"),
        ended=answer.get("EndTime"),
        reason=answer.get("FailureReason") or details.get("ErrorMessage", ""),
        attempts=answer.get("AttemptCount", 0),
        job=job_arn.rpartition("/")[2],
        cached_from=answer.get("CacheHitResult", {}).get("SourcePipelineExecutionArn", ""),
        outcome=details.get("Outcome", "") if kind == "Condition" else "",
    )


def _with_reason(sagemaker: SageMakerClient, step: Step) -> Step:
    """A step that is being tried again says only that; the job of the last attempt says why."""
    if step.ended or step.attempts < 2 or step.reason or not step.job:
        return step
    try:
        return replace(step, reason=jobs.describe(sagemaker, step.job).reason)
    except AwsError:
        return step


def _no_pipeline(sagemaker: SageMakerClient, name: str, of: str = "") -> str:
    hint = "see sagepipe versions list" if of else "deploy it: sagepipe upsert"
    return (
        f"there is no pipeline {name!r}{of} in {sagemaker.meta.region_name}; {hint}, or check "
        "--pipeline-name and --region"
    )
