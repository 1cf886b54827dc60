"""The processing jobs of an execution's steps: what they say of themselves and leave behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from sagepipe.aws.boto import calls
from sagepipe.errors import AwsError
from sagepipe.executions import job_logs
from sagepipe.report.bills import Usage

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sagemaker import SageMakerClient

ENDED = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class Job:
    """What a processing job says of itself; `outputs` has the URI of each output.

    `name` is the one that its log streams begin with: an ARN may have it in lower case. `usage` is
    None of one that never began, or hasn't ended.
    """

    name: str
    status: str
    instances: int
    reason: str
    exit_message: str
    outputs: Mapping[str, str]
    usage: Usage | None = None


@dataclass(frozen=True)
class Trace:
    """What a failed job left: the message its script wrote, and the ends of its logs by instance.

    `note` says what could not be had, and why.
    """

    message: str = ""
    tails: Mapping[str, Sequence[str]] = field(default_factory=dict)
    note: str = ""


def trace(sagemaker: SageMakerClient, logs: CloudWatchLogsClient, name: str, lines: int) -> Trace:
    """All that a failed job tells; whoever isn't allowed to read it all sees the rest."""
    message, tails, notes = "", {}, []
    try:
        job = describe(sagemaker, name)
        message, name = job.exit_message, job.name
    except AwsError as error:
        notes.append(str(error))
    try:
        tails = job_logs.tails(logs, name, lines) if lines else {}
        if lines and not tails:
            notes.append("nothing was logged")
    except AwsError as error:
        notes.append(str(error))
    return Trace(message, tails, "; ".join(notes))


def counter(sagemaker: SageMakerClient) -> Callable[[str], int]:
    """Says how many instances a job has; asks once for each job, 0 if it isn't to be known."""

    @cache
    def count(name: str) -> int:
        try:
            return describe(sagemaker, name).instances
        except AwsError:
            return 0

    return count


def describe(sagemaker: SageMakerClient, name: str) -> Job:
    """The processing job called `name`, in whatever case. Raises `AwsError`."""
    with calls(f"describe processing job {name}"):
        answer = sagemaker.describe_processing_job(ProcessingJobName=name)
    outputs = answer.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return Job(
        name=answer["ProcessingJobName"],
        status=answer["ProcessingJobStatus"],
        instances=answer["ProcessingResources"]["ClusterConfig"]["InstanceCount"],
        reason=answer.get("FailureReason", ""),
        exit_message=answer.get("ExitMessage", ""),
        outputs={
            one["OutputName"]: one["S3Output"]["S3Uri"] for one in outputs if "S3Output" in one
        },
        usage=_usage(answer),
    )


def _usage(answer: Mapping[str, Any]) -> Usage | None:
    begun, ended = answer.get("ProcessingStartTime"), answer.get("ProcessingEndTime")
    if not begun or not ended:
        return None
    cluster = answer["ProcessingResources"]["ClusterConfig"]
    return Usage(
        instance_type=cluster["InstanceType"],
        instances=cluster["InstanceCount"],
        volume_gb=cluster["VolumeSizeInGB"],
        seconds=(ended - begun).total_seconds(),
    )
