"""The processing jobs of an execution's steps: what they say of themselves, and their logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagepipe.aws.boto import calls
from sagepipe.errors import AwsError

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_EMPTY_PAGES = 5


@dataclass(frozen=True)
class Job:
    """What a processing job says of itself."""

    instances: int
    reason: str
    exit_message: str


@dataclass(frozen=True)
class Trace:
    """What a failed job left: the message its script wrote, and the ends of its logs by instance.

    `note` says what could not be had, and why.
    """

    message: str = ""
    tails: Mapping[str, Sequence[str]] = field(default_factory=dict)
    note: str = ""


def trace(sagemaker: Any, logs: Any, name: str, lines: int) -> Trace:
    """All that a failed job tells; whoever isn't allowed to read it all sees the rest."""
    message, tails, notes = "", {}, []
    try:
        message = describe(sagemaker, name).exit_message
    except AwsError as error:
        notes.append(str(error))
    try:
        tails = log_tails(logs, name, lines) if lines else {}
        if lines and not tails:
            notes.append("nothing was logged")
    except AwsError as error:
        notes.append(str(error))
    return Trace(message, tails, "; ".join(notes))


def describe(sagemaker: Any, name: str) -> Job:
    """The processing job called `name`. Raises `AwsError`."""
    with calls(f"describe processing job {name}"):
        answer = sagemaker.describe_processing_job(ProcessingJobName=name)
    return Job(
        instances=answer["ProcessingResources"]["ClusterConfig"]["InstanceCount"],
        reason=answer.get("FailureReason", ""),
        exit_message=answer.get("ExitMessage", ""),
    )


def log_tails(logs: Any, job_name: str, lines: int) -> dict[str, list[str]]:
    """The last lines that each instance of a job wrote, by instance (algo-1, algo-2, …).

    Empty if the job never got as far as writing. Raises `AwsError`.
    """
    tails: dict[str, list[str]] = {}
    with calls(f"read the logs of {job_name}"):
        try:
            for stream in _streams(logs, job_name):
                found = re.match(r".*/(algo-\d+)", stream)
                host = found[1] if found else stream.rpartition("/")[2]
                tails.setdefault(host, []).extend(_last_lines(logs, stream, lines))
        except logs.exceptions.ResourceNotFoundException:
            return {}
    return dict(sorted(tails.items(), key=lambda tail: (len(tail[0]), tail[0])))


def _last_lines(logs: Any, stream: str, lines: int) -> list[str]:
    """CloudWatch may answer with an empty page and a token where there is more."""
    more: dict[str, str] = {}
    for _ in range(_EMPTY_PAGES):
        page = logs.get_log_events(
            logGroupName=LOG_GROUP,
            logStreamName=stream,
            limit=lines,
            startFromHead=False,
            **more,
        )
        if page["events"] or page.get("nextBackwardToken") in (None, more.get("nextToken")):
            break
        more = {"nextToken": page["nextBackwardToken"]}
    return [event["message"].rstrip() for event in page["events"]]


def _streams(logs: Any, job_name: str) -> Iterator[str]:
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job_name}/"
    )
    for page in pages:
        for stream in page["logStreams"]:
            yield stream["logStreamName"]
