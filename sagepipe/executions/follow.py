"""Following an execution on SageMaker to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from sagepipe.aws import boto
from sagepipe.errors import AwsError
from sagepipe.executions import remote
from sagepipe.executions.remote import Execution

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

# Watching goes on for hours: faults that pass don't end it unless they come so often in a row.
_PATIENCE = 10


def follow(
    sagemaker: SageMakerClient,
    arn: str,
    tell: Callable[[Execution], None],
    *,
    interval: float,
    before: datetime | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Execution:
    """Ask again every `interval` seconds until the execution has ended; returns its end.

    With `before`, an end that was last changed then is the one that was retried, until the retry
    shows or has had its time to.

    Raises `AwsError` for a fault that won't pass, or has come too often in a row.
    """
    faults, old_ends = 0, 0
    while True:
        try:
            execution = remote.read(sagemaker, arn)
        except AwsError as error:
            faults += 1
            if faults > _PATIENCE or not boto.is_passing(error):
                raise AwsError(
                    f"{error}; the execution goes on: sagepipe watch {arn}", error.code
                ) from error
        else:
            faults = 0
            tell(execution)
            if not execution.final:
                before = None
            elif before is None or execution.modified != before or old_ends == _PATIENCE:
                return execution
            else:
                old_ends += 1
        sleep(interval)
