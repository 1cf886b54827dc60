"""Executions of a deployed pipeline: find, read, stop and retry them.

Everything takes boto3's clients and gives frozen data; nothing here prints or waits.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sagepipe.aws.boto import calls
from sagepipe.deploy import deployed
from sagepipe.errors import ExecutionError
from sagepipe.language.definition import Definition

_ARN = re.compile(
    r"(?P<pipeline>arn:aws[a-z\-]*:sagemaker:(?P<region>[a-z0-9\-]*):\d{12}:pipeline/(?P<name>[^/]+))"
    r"/execution/(?P<id>[^/]+)"
)


@dataclass(frozen=True)
class Pipeline:
    """A deployed pipeline's ARN, and the definition of one of its versions."""

    arn: str
    definition: Mapping[str, Any]

    @property
    def steps(self) -> list[str]:
        """The names of all steps, in the order in which they are written."""
        return list(Definition.read(self.definition).steps)


@dataclass(frozen=True)
class Step:
    """One step of an execution; `kind` as the API says it, such as ProcessingJob or Condition.

    `cached_from` is the execution whose outputs it took; `job` the processing job's name.
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
    sagemaker: Any, name: str, version: int | None = None, alias: str | None = None
) -> Pipeline:
    """The pipeline called `name`: its latest version, or the one that is asked for.

    Raises `AwsError`; `ExecutionError` if there is no such pipeline, version or alias.
    """
    answer = deployed.describe(sagemaker, name, version if version is not None else alias)
    if answer is None:
        of = (
            f", version {version}" if version is not None else f", alias {alias!r}" if alias else ""
        )
        hint = "see sagepipe versions list" if of else "deploy it: sagepipe upsert"
        raise ExecutionError(
            f"there is no pipeline {name!r}{of} in {sagemaker.meta.region_name}; {hint}, or check "
            "--pipeline-name and --region"
        )
    return Pipeline(answer["PipelineArn"], json.loads(answer["PipelineDefinition"]))


def find(sagemaker: Any, name: str, wanted: str | None) -> str:
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


def latest_of(sagemaker: Any, name: str, *statuses: str) -> str | None:
    """The ARN of the execution started last, of those with one of `statuses` if any are given."""
    with calls(f"list the executions of {name}"):
        pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
            PipelineName=name, SortBy="CreationTime", SortOrder="Descending"
        )
        for page in pages:
            found = [
                one
                for one in page["PipelineExecutionSummaries"]
                if not statuses or one["PipelineExecutionStatus"] in statuses
            ]
            if found:
                newest = max(found, key=lambda one: one["StartTime"])
                return str(newest["PipelineExecutionArn"])
    return None


def read(sagemaker: Any, arn: str) -> Execution:
    """The execution and its steps as they are now. Raises `AwsError` or `ExecutionError`."""
    with calls(f"describe execution {arn}"):
        try:
            answer = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        except sagemaker.exceptions.ResourceNotFound:
            raise ExecutionError(
                f"there is no execution {arn}; leave it out to take the latest"
            ) from None
    with calls(f"list the steps of {arn}"):
        pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=arn, SortOrder="Ascending"
        )
        steps = tuple(_step(one) for page in pages for one in page["PipelineExecutionSteps"])
    return Execution(
        arn=arn,
        status=answer["PipelineExecutionStatus"],
        reason=answer.get("FailureReason", ""),
        created=answer.get("CreationTime"),
        modified=answer.get("LastModifiedTime"),
        display_name=answer.get("PipelineExecutionDisplayName", ""),
        version=answer.get("PipelineVersionId"),
        domain=answer.get("CreatedBy", {}).get("DomainId", ""),
        steps=steps,
    )


def planned_steps(sagemaker: Any, arn: str) -> list[str]:
    """The names of all steps that the execution's own definition has."""
    with calls(f"read the definition of {arn}"):
        answer = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    return Pipeline("", json.loads(answer["PipelineDefinition"])).steps


def stop(sagemaker: Any, execution: Execution) -> None:
    """Ask for the execution's end; its jobs are stopped. Once is enough, twice is harmless.

    Raises `ExecutionError` if it has ended already.
    """
    if execution.final:
        raise ExecutionError(f"execution {execution.id} can't be stopped: it is {execution.status}")
    with calls(f"stop execution {execution.id}"):
        sagemaker.stop_pipeline_execution(
            PipelineExecutionArn=execution.arn, ClientRequestToken=token("stop", execution.arn)
        )


def retry(sagemaker: Any, execution: Execution) -> None:
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
