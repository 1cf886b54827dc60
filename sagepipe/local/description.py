"""A processing job as the service writes it down: for its containers, and for who asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = Any

MAX_MESSAGE = 1024  # bytes of ExitMessage
MAX_REASON = 1024  # characters of FailureReason
DEFAULT_MAX_RUNTIME = 86_400  # the documented example of processingjobconfig.json has it


def config(name: str, request: Mapping[str, Json]) -> dict[str, Json]:
    """processingjobconfig.json, as documented: members that are not set are null."""
    specification = request["AppSpecification"]
    cluster = request["ProcessingResources"]["ClusterConfig"]
    output_config = request.get("ProcessingOutputConfig", {})
    return {
        "ProcessingJobArn": _arn(name),
        "ProcessingJobName": name,
        "AppSpecification": {
            "ImageUri": specification["ImageUri"],
            "ContainerEntrypoint": specification.get("ContainerEntrypoint"),
            "ContainerArguments": specification.get("ContainerArguments"),
        },
        "Environment": dict(request.get("Environment", {})),
        "ProcessingInputs": [
            {**item, "S3Input": {**item["S3Input"], "S3DownloadMode": "StartOfJob"}}
            if "S3Input" in item
            else item
            for item in request.get("ProcessingInputs", [])
        ],
        "ProcessingOutputConfig": {
            "Outputs": output_config.get("Outputs", []),
            "KmsKeyId": output_config.get("KmsKeyId"),
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": int(cluster["InstanceCount"]),
                "InstanceType": cluster["InstanceType"],
                "VolumeSizeInGB": int(cluster["VolumeSizeInGB"]),
                "VolumeKmsKeyId": cluster.get("VolumeKmsKeyId"),
            }
        },
        "RoleArn": request.get("RoleArn"),
        "StoppingCondition": request.get(
            "StoppingCondition", {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME}
        ),
    }


def answer(
    name: str, request: Mapping[str, Json], status: str, exit_message: str, reason: str
) -> dict[str, Json]:
    """What DescribeProcessingJob answers about a job that has ended."""
    return {
        **request,
        "ProcessingJobName": name,
        "ProcessingJobArn": _arn(name),
        "ProcessingJobStatus": status,
        "ExitMessage": exit_message,
        "FailureReason": reason[:MAX_REASON],
    }


def exit_message(messages: Sequence[str]) -> str:
    """What the instances left as their messages, as one: each in lines of its own, and what
    several of them say once. At most MAX_MESSAGE bytes."""
    said = list(dict.fromkeys(filter(None, messages)))
    ended = [text if text.endswith("\n") else f"{text}\n" for text in said[:-1]]
    return "".join([*ended, *said[-1:]]).encode()[:MAX_MESSAGE].decode(errors="ignore")


def _arn(name: str) -> str:
    return f"arn:aws:sagemaker:local:000000000000:processing-job/{name}"
