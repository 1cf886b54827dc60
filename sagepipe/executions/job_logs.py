"""What the instances of a processing job wrote, from CloudWatch.

Each instance has a stream `<job>/algo-<n>-<time>` in the group of all processing jobs, and more
than one if its agent began anew.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sagepipe.aws.boto import calls

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

GROUP = "/aws/sagemaker/ProcessingJobs"
_EMPTY_PAGES = 5


def tails(logs: CloudWatchLogsClient, job: str, lines: int) -> dict[str, list[str]]:
    """The last lines that each instance of a job wrote, by instance (algo-1, algo-2, …).

    Empty if the job never got as far as writing. Raises `AwsError`.
    """
    with calls(f"read the logs of {job}"):
        found: dict[str, list[str]] = {}
        for host, stream in _streams(logs, job):
            found.setdefault(host, []).extend(_last_lines(logs, stream, lines))
    return found


def read(
    logs: CloudWatchLogsClient,
    job: str,
    *,
    host: str | None = None,
    last: int | None = None,
    ended: Callable[[], bool] = lambda: True,
    interval: float = 2.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[str, str]]:
    """Every line of a job, as (instance, line): what there is, and more of it until it has `ended`.

    Of `host` alone if one is named; of what there is only the `last` lines of each stream.

    Raises `AwsError`.
    """
    tokens: dict[str, str] = {}
    keep = last
    while True:
        over = ended()  # asked first: what is written before the end is still read after it
        with calls(f"read the logs of {job}"):
            for name, stream in _streams(logs, job):
                if host in (None, name):
                    lines: Iterable[str] = _unread(logs, stream, tokens)
                    for line in lines if keep is None else deque(lines, maxlen=keep):
                        yield name, line
        if over:
            return
        keep = None
        sleep(interval)


def _unread(logs: CloudWatchLogsClient, stream: str, tokens: dict[str, str]) -> Iterator[str]:
    """Lines after the token that the last look left; CloudWatch repeats it where nothing is new."""
    while True:
        more: dict[str, Any] = {"nextToken": tokens[stream]} if stream in tokens else {}
        page = logs.get_log_events(
            logGroupName=GROUP, logStreamName=stream, startFromHead=True, **more
        )
        for event in page["events"]:
            yield event["message"].rstrip()
        token = page.get("nextForwardToken")
        if not token or token == tokens.get(stream):
            return
        tokens[stream] = token


def _last_lines(logs: CloudWatchLogsClient, stream: str, lines: int) -> list[str]:
    """CloudWatch may answer with an empty page and a token where there is more."""
    more: dict[str, Any] = {}
    for _ in range(_EMPTY_PAGES):
        page = logs.get_log_events(
            logGroupName=GROUP, logStreamName=stream, limit=lines, startFromHead=False, **more
        )
        if page["events"] or page.get("nextBackwardToken") in (None, more.get("nextToken")):
            break
        more = {"nextToken": page["nextBackwardToken"]}
    return [event["message"].rstrip() for event in page["events"]]


def _streams(logs: CloudWatchLogsClient, job: str) -> list[tuple[str, str]]:
    """Each stream of a job with its instance, in the instances' order. For use in `calls`."""
    found = []
    try:
        pages = logs.get_paginator("describe_log_streams").paginate(
            logGroupName=GROUP, logStreamNamePrefix=f"{job}/"
        )
        for page in pages:
            for one in page["logStreams"]:
                stream = one["logStreamName"]
                match = re.match(r".*/(algo-\d+)", stream)
                found.append((match[1] if match else stream.rpartition("/")[2], stream))
    except logs.exceptions.ResourceNotFoundException:
        return []
    return sorted(found, key=lambda one: (len(one[0]), one))
